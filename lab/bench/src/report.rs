//! Runs everything and reports the results, as a table and as JSON.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    c_abi, children, footprint, joins, python, receivers, sealing, throughput,
    version::{Version, stretch_ms, verified_per_second},
};

const RUNS: u32 = 3;
const LANGUAGE_RUNS: u32 = 5;
/// Runs of a second or two vary more, so there are more of them.
const SPEED_RUNS: u32 = 7;

/// One measured value beside that of a peer, from the same run.
struct Row {
    what: &'static str,
    unit: &'static str,
    ours: f64,
    peer: f64,
    peer_name: &'static str,
    /// The limit for the ratio of ours to the peer's, or for ours alone.
    target: Target,
}

enum Target {
    RatioAtMost(f64),
    RatioAtLeast(f64),
    AtMost(f64),
    None,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.peer
    }

    fn met(&self) -> Option<bool> {
        match self.target {
            Target::RatioAtMost(limit) => Some(self.ratio() <= limit),
            Target::RatioAtLeast(limit) => Some(self.ratio() >= limit),
            Target::AtMost(limit) => Some(self.ours <= limit),
            Target::None => None,
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            Target::RatioAtMost(limit) => format!("ratio <= {limit}"),
            Target::RatioAtLeast(limit) => format!("ratio >= {limit}"),
            Target::AtMost(limit) => format!("<= {limit}"),
            Target::None => String::new(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "what": self.what, "unit": self.unit, "ours": self.ours, "peer": self.peer, "peer_name": self.peer_name,
            "ratio": self.ratio(), "target": self.target_text(), "met": self.met(),
        })
    }
}

pub(crate) async fn run(path: &str) -> Result<()> {
    let mut dht = children::start(&["dht"])?;
    dht.next_line()?;
    let mut rows = Vec::new();
    eprintln!("throughput and latency: {SPEED_RUNS} runs each, in turn");
    rows.extend(speeds().await?);
    eprintln!("the same on private topics");
    rows.extend(private_speeds().await?);
    let rest = tokio::task::spawn_blocking(move || -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        eprintln!("receiving through the C ABI: {SPEED_RUNS} runs each, in turn");
        rows.extend(receiving()?);
        eprintln!("receiving in other languages: {LANGUAGE_RUNS} runs each, in turn");
        rows.extend(languages()?);
        eprintln!("the Python package");
        rows.extend(package()?);
        eprintln!("seal and open");
        rows.extend(records()?);
        eprintln!("join times: {RUNS} runs each, in turn");
        rows.push(join_row("second node joins a standing one", 0.05, joins::second)?);
        rows.push(join_row("two at once", 0.5, |kind, run| joins::at_once(kind, 2, run))?);
        rows.push(join_row("20 at once, all joined", 0.3, |kind, run| joins::at_once(kind, 20, run))?);
        eprintln!("joins of private topics");
        rows.extend(private_joins()?);
        eprintln!("100 lonely topics: a minute each");
        rows.extend(footprints()?);
        Ok(rows)
    });
    rows.extend(rest.await??);
    drop(dht);
    print(&rows);
    write(&rows, Path::new(path))
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn join_row(
    what: &'static str,
    target: f64,
    measure: impl Fn(&str, u32) -> Result<std::time::Duration>,
) -> Result<Row> {
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        ours.push(measure("ours", run)?.as_secs_f64() * 1e3);
        peer.push(measure("theirs", run)?.as_secs_f64() * 1e3);
        eprintln!("  {what}: ours {:.0} ms, the peer {:.0} ms", ours[run as usize], peer[run as usize]);
    }
    let target = Target::RatioAtMost(target);
    Ok(Row { what, unit: "ms", ours: median(ours), peer: median(peer), peer_name: PEER, target })
}

const PEER: &str = "distributed-topic-tracker 0.3.5";
const VERSION_1: &str = "version 1 of the protocol";
const STREAM: &str = "the engine's own stream";
const EMPTY: &str = "an empty interpreter";
const WHEEL_MIB: f64 = 8.0;
const RAW: &str = "raw iroh-gossip 0.101";

fn records() -> Result<Vec<Row>> {
    let (mut seal, mut open) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for _ in 0..RUNS {
        let (ours, theirs) = (sealing::ours()?, sealing::theirs()?);
        seal.0.push(ours.0);
        open.0.push(ours.1);
        seal.1.push(theirs.0);
        open.1.push(theirs.1);
    }
    let row = |what, (ours, peer): (Vec<f64>, Vec<f64>)| Row {
        what,
        unit: "us",
        ours: median(ours),
        peer: median(peer),
        peer_name: PEER,
        target: Target::RatioAtMost(0.75),
    };
    Ok(vec![row("seal a record", seal), row("open and verify a record", open)])
}

/// Private topics beside what verifying costs, and beside topics of version 1.
async fn private_speeds() -> Result<Vec<Row>> {
    let (mut signed, mut unsigned) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for run in 0..SPEED_RUNS {
        signed.0.push(throughput::topic(Version::Private, run).await?.per_second);
        signed.1.push(verified_per_second(throughput::BYTES));
        unsigned.0.push(throughput::topic(Version::Unsigned, run).await?.per_second);
        unsigned.1.push(throughput::topic(Version::V1, run).await?.per_second);
        let last = run as usize;
        eprintln!(
            "  messages a second: signed {:.0}, verified {:.0}, unsigned {:.0}, version 1 {:.0}",
            signed.0[last], signed.1[last], unsigned.0[last], unsigned.1[last]
        );
    }
    let row = |what, (ours, peer): (Vec<f64>, Vec<f64>), peer_name, least| Row {
        what,
        unit: "1/s",
        ours: median(ours),
        peer: median(peer),
        peer_name,
        target: Target::RatioAtLeast(least),
    };
    Ok(vec![
        row("signed messages through a private topic", signed, "verifying one by one on one core", 0.8),
        row("unsigned messages through a private topic", unsigned, VERSION_1, 0.9),
    ])
}

/// Joins of private topics beside those of version 1.
fn private_joins() -> Result<Vec<Row>> {
    let mut stretched = Vec::new();
    for _ in 0..RUNS {
        stretched.push(stretch_ms()?);
    }
    let stretched = median(stretched);
    eprintln!("  stretching a secret: {stretched:.0} ms");
    let beside = |what, kind: &str, target: &dyn Fn(f64) -> Target, measure: &Join| -> Result<Row> {
        let (mut ours, mut peer) = (Vec::new(), Vec::new());
        for run in 0..SPEED_RUNS {
            ours.push(measure(kind, 100 + run)?.as_secs_f64() * 1e3);
            peer.push(measure("ours", 100 + run)?.as_secs_f64() * 1e3);
        }
        let (ours, peer) = (median(ours), median(peer));
        eprintln!("  {what}: {ours:.0} ms, version 1 {peer:.0} ms");
        Ok(Row { what, unit: "ms", ours, peer, peer_name: VERSION_1, target: target(peer) })
    };
    // The stretching comes on top: once for a second node, and once each, at the same time, for several.
    let stretching = |peer: f64| Target::AtMost(peer + stretched);
    let ratio = |_| Target::RatioAtMost(1.1);
    let at_once = |count| move |kind: &str, run| joins::at_once(kind, count, run);
    Ok(vec![
        Row { what: "stretch a secret", unit: "ms", ours: stretched, peer: 0.0, peer_name: "", target: Target::None },
        beside("second node joins a private topic", "private", &stretching, &joins::second)?,
        beside("second node joins by a ticket", "ticket", &ratio, &joins::second)?,
        beside("two at once, by a ticket", "ticket", &ratio, &at_once(2))?,
        beside("20 at once, by a ticket", "ticket", &ratio, &at_once(20))?,
    ])
}

type Join = dyn Fn(&str, u32) -> Result<std::time::Duration>;

async fn speeds() -> Result<Vec<Row>> {
    let (mut rate, mut latency) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for run in 0..SPEED_RUNS {
        // The two take turns, and each is first every other time, since the machine warms up.
        let (ours, raw) = if run.is_multiple_of(2) {
            let ours = throughput::topic(Version::V1, run).await?;
            (ours, throughput::raw(run).await?)
        } else {
            let raw = throughput::raw(run).await?;
            (throughput::topic(Version::V1, run).await?, raw)
        };
        eprintln!("  messages a second: ours {:.0}, raw {:.0}", ours.per_second, raw.per_second);
        rate.0.push(ours.per_second);
        rate.1.push(raw.per_second);
        latency.0.push(ours.latency_us);
        latency.1.push(raw.latency_us);
    }
    let row = |what, unit, (ours, peer): (Vec<f64>, Vec<f64>), target| Row {
        what,
        unit,
        ours: median(ours),
        peer: median(peer),
        peer_name: RAW,
        target,
    };
    Ok(vec![
        row("messages of 256 bytes through a topic", "1/s", rate, Target::RatioAtLeast(0.95)),
        row("latency of one message, median", "us", latency, Target::None),
    ])
}

/// Receiving through the C ABI, compared with the engine's own stream.
fn receiving() -> Result<Vec<Row>> {
    let speeds = c_abi::measure(SPEED_RUNS)?;
    let row = |what, way: usize, limit| Row {
        what,
        unit: "1/s",
        ours: median(speeds[way].clone()),
        peer: median(speeds[0].clone()),
        peer_name: STREAM,
        target: Target::RatioAtLeast(limit),
    };
    Ok(vec![
        row("256 bytes received by C callback", 1, 0.95),
        row("256 bytes received by C recv", 2, 0.9),
        row("256 bytes received by C descriptor", 3, 0.9),
    ])
}

/// Receiving in other languages, as far as their programs are there, compared with a process with the engine's own
/// stream.
fn languages() -> Result<Vec<Row>> {
    let (stream, speeds) = receivers::measure(LANGUAGE_RUNS)?;
    let beside = median(stream);
    let row = |(way, runs): (receivers::Way, Vec<f64>)| Row {
        what: way.row,
        unit: "1/s",
        ours: median(runs),
        peer: beside,
        peer_name: STREAM,
        target: Target::RatioAtLeast(way.least),
    };
    Ok(speeds.into_iter().map(row).collect())
}

/// The Python package compared with an empty interpreter, and the size of the wheel compared with its limit.
fn package() -> Result<Vec<Row>> {
    let (import, empty) = python::imports(25)?;
    let row = |what, unit, ours, peer, peer_name, target| Row { what, unit, ours, peer, peer_name, target };
    Ok(vec![
        row("import dtt and its Node", "ms", median(import), median(empty), EMPTY, Target::AtMost(60.0)),
        row("the wheel", "MiB", python::wheel_mib()?, WHEEL_MIB, "the most it may be", Target::AtMost(WHEEL_MIB)),
    ])
}

/// The Python package alone, for work on it.
pub(crate) fn python_alone() -> Result<()> {
    print(&package()?);
    Ok(())
}

fn footprints() -> Result<Vec<Row>> {
    let (ours, peer) = (footprint::measure("ours")?, footprint::measure("theirs")?);
    let private = footprint::measure("ticket")?;
    let row = |what, unit, ours, peer, target| Row { what, unit, ours, peer, peer_name: PEER, target };
    Ok(vec![
        row("100 lonely topics: threads more", "", ours.threads, peer.threads, Target::AtMost(4.0)),
        row("100 lonely topics: descriptors more", "", ours.descriptors, peer.descriptors, Target::AtMost(6.0)),
        row("100 lonely topics: memory more", "MiB", ours.memory_mib, peer.memory_mib, Target::RatioAtMost(0.5)),
        row("100 lonely topics: processor time", "cores", ours.cores, peer.cores, Target::RatioAtMost(0.1)),
        row("100 lonely private topics: processor", "cores", private.cores, peer.cores, Target::RatioAtMost(0.05)),
        row("100 lonely private topics: memory", "MiB", private.memory_mib, peer.memory_mib, Target::RatioAtMost(0.5)),
    ])
}

fn print(rows: &[Row]) {
    println!(
        "\nMedians of {RUNS} runs (speeds: {SPEED_RUNS}; the footprint: one minute each), in one run on this machine, loopback.\n"
    );
    println!(
        "{:<40} {:>10} {:>10} {:>6} {:>7}  {:<14} {:<7} beside",
        "what", "ours", "peer", "unit", "ratio", "target", ""
    );
    for row in rows {
        let met = row.met().map_or("", |met| if met { "met" } else { "MISSED" });
        println!(
            "{:<40} {:>10} {:>10} {:>6} {:>7.3}  {:<14} {:<7} {}",
            row.what,
            digits(row.ours),
            digits(row.peer),
            row.unit,
            row.ratio(),
            row.target_text(),
            met,
            row.peer_name
        );
    }
}

fn digits(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

fn write(rows: &[Row], path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let report = json!({ "runs": RUNS, "rows": rows.iter().map(Row::json).collect::<Vec<_>>() });
    std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    println!("\nThe same as JSON: {}", path.display());
    Ok(())
}
