//! The report as pictures, each as SVG and as PNG.

use std::{error::Error, ops::Range, path::Path};

use anyhow::{Result, anyhow};
use plotters::{
    coord::Shift,
    prelude::*,
    style::{FontStyle, register_font},
};

use crate::{
    measure::Sample,
    policy::Rules,
    report::{Entry, Report},
};

const SIZE: (u32, u32) = (900, 460);
const FONT: &str = "sans-serif";

/// A line: its name, its color, and its points.
struct Line {
    name: String,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

struct Plot {
    file: &'static str,
    title: String,
    x: &'static str,
    y: &'static str,
    log_x: bool,
    log_y: bool,
    lines: Vec<Line>,
}

/// Draws everything for which the report has figures. Returns the names of the files.
pub(crate) fn draw(report: &Report, folder: &Path) -> Result<Vec<String>> {
    register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).map_err(|_| anyhow!("the font is not valid"))?;
    let mut files = Vec::new();
    for plot in plots(report).into_iter().filter(|plot| plot.lines.iter().any(|line| line.points.len() > 1)) {
        for kind in ["svg", "png"] {
            let file = format!("{}.{kind}", plot.file);
            let path = folder.join(&file);
            let drawn = if kind == "svg" {
                paint(&plot, SVGBackend::new(&path, SIZE).into_drawing_area())
            } else {
                paint(&plot, BitMapBackend::new(&path, SIZE).into_drawing_area())
            };
            drawn.map_err(|error| anyhow!("{file}: {error}"))?;
            files.push(file);
        }
    }
    Ok(files)
}

fn plots(report: &Report) -> Vec<Plot> {
    let by_size = |file, title: &str, y, stem: &str, log_y, figure: &dyn Fn(&Entry) -> Option<f64>| Plot {
        file,
        title: title.into(),
        x: "nodes",
        y,
        log_x: true,
        log_y,
        lines: Rules::ALL.iter().map(|rules| by_size(report, *rules, stem, figure)).collect(),
    };
    let over_time = |file, scenario: &str, y, figure: fn(&Sample) -> f64| Plot {
        file,
        title: report.find(scenario, Rules::Dtt).map(|entry| entry.title.clone()).unwrap_or_default(),
        x: "minutes",
        y,
        log_x: false,
        log_y: false,
        lines: Rules::ALL.iter().filter_map(|rules| over_time(report.find(scenario, *rules)?, figure)).collect(),
    };
    let outside = |sample: &Sample| 100.0 * f64::from(sample.outside) / f64::from(sample.running.max(1));
    vec![
        by_size(
            "one-component",
            "From a start at once to one component",
            "seconds, median",
            "at-once-",
            true,
            &|entry| entry.median(|run| run.one_component),
        ),
        by_size(
            "join",
            "From a node's start to its first neighbor, nodes in a stream",
            "seconds, median",
            "stream-",
            true,
            &|entry| entry.median(|run| run.join_median),
        ),
        by_size("reads", "DHT reads per node and minute", "reads", "at-once-", false, &|entry| {
            entry.median(|run| run.reads)
        }),
        over_time("split", "split-all-1000", "% outside the largest component", outside),
        over_time("islands", "islands-1000", "% outside the largest component", outside),
        over_time("churn", "churn-1000", "% outside the largest component", outside),
        over_time("squatter", "squatter-ghosts-100", "% outside the largest component", outside),
    ]
}

fn color(rules: Rules) -> RGBColor {
    match rules {
        Rules::Dtt => RGBColor(0x00, 0x6d, 0xb0),
        Rules::DttV1 => RGBColor(0x4d, 0xaf, 0x4a),
        Rules::Peer => RGBColor(0xd9, 0x5f, 0x02),
    }
}

fn by_size(report: &Report, rules: Rules, stem: &str, figure: &dyn Fn(&Entry) -> Option<f64>) -> Line {
    let entries = report.entries.iter().filter(|entry| entry.rules == rules && entry.scenario.starts_with(stem));
    let points = entries.filter_map(|entry| Some((f64::from(entry.nodes), figure(entry)?)));
    Line { name: rules.name().into(), color: color(rules), points: points.collect() }
}

fn over_time(entry: &Entry, figure: fn(&Sample) -> f64) -> Option<Line> {
    let points = entry.runs.first()?.series.iter().map(|sample| (sample.seconds / 60.0, figure(sample))).collect();
    Some(Line { name: entry.rules.name().into(), color: color(entry.rules), points })
}

/// Paints with the scales of the plot.
fn paint<B: DrawingBackend>(plot: &Plot, area: DrawingArea<B, Shift>) -> Result<(), Box<dyn Error>>
where
    B::ErrorType: 'static,
{
    let (x, y) = (range(plot, |point| point.0, plot.log_x), range(plot, |point| point.1, plot.log_y));
    area.fill(&WHITE)?;
    let mut builder = ChartBuilder::on(&area);
    builder.caption(&plot.title, (FONT, 20)).margin(14).x_label_area_size(44).y_label_area_size(64);
    // The kinds of axes are different types.
    macro_rules! chart {
        ($x:expr, $y:expr) => {{
            let mut chart = builder.build_cartesian_2d($x, $y)?;
            chart
                .configure_mesh()
                .x_desc(plot.x)
                .y_desc(plot.y)
                .label_style((FONT, 14))
                .light_line_style(WHITE)
                .draw()?;
            for line in &plot.lines {
                let style = line.color.stroke_width(2);
                let series = chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
                series.label(&line.name).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
                if line.points.len() < 20 {
                    chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 4, line.color.filled())))?;
                }
            }
            let labels = chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .label_font((FONT, 14))
                .background_style(WHITE)
                .draw();
            labels?;
        }};
    }
    match (plot.log_x, plot.log_y) {
        (true, true) => chart!(x.log_scale(), y.log_scale()),
        (true, false) => chart!(x.log_scale(), y),
        (false, _) => chart!(x, y),
    }
    area.present()?;
    Ok(())
}

/// The range of an axis: from the least to the greatest value, or from zero if the scale is not logarithmic.
fn range(plot: &Plot, of: impl Fn(&(f64, f64)) -> f64, log: bool) -> Range<f64> {
    let values: Vec<f64> = plot.lines.iter().flat_map(|line| &line.points).map(of).collect();
    let most = values.iter().copied().fold(f64::MIN, f64::max);
    let least = values.iter().copied().fold(f64::MAX, f64::min);
    if log { least.max(1e-3) * 0.7..most * 1.4 } else { 0.0..(most * 1.08).max(1.0) }
}
