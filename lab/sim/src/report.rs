//! The results of all runs: figures for machines, tables for readers, and whether the targets were reached.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    measure::{Outcome, percentile},
    policy::Rules,
    scenario::Scenario,
};

/// All runs of a scenario by one policy.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    pub(crate) scenario: String,
    pub(crate) title: String,
    pub(crate) nodes: u32,
    pub(crate) rules: Rules,
    pub(crate) runs: Vec<Outcome>,
}

impl Entry {
    pub(crate) fn new(scenario: &Scenario, rules: Rules, runs: Vec<Outcome>) -> Self {
        let (name, title) = (scenario.name.clone(), scenario.title.clone());
        Self { scenario: name, title, nodes: scenario.nodes, rules, runs }
    }

    /// A figure of every run that has it, sorted.
    pub(crate) fn figures(&self, figure: impl Fn(&Outcome) -> Option<f64>) -> Vec<f64> {
        let mut figures: Vec<f64> = self.runs.iter().filter_map(figure).collect();
        figures.sort_unstable_by(f64::total_cmp);
        figures
    }

    pub(crate) fn median(&self, figure: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
        percentile(&self.figures(figure), 0.5)
    }

    /// The worst figure. A run without the figure counts as the worst.
    fn most(&self, figure: impl Fn(&Outcome) -> Option<f64> + Copy) -> Option<f64> {
        let figures = self.figures(figure);
        figures.last().copied().filter(|_| figures.len() == self.runs.len())
    }

    fn total(&self, count: impl Fn(&Outcome) -> u64) -> u64 {
        self.runs.iter().map(count).sum()
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The seed of each first run. Later runs count up from it.
    pub(crate) seed: u64,
    pub(crate) entries: Vec<Entry>,
}

/// A target of this project, and whether it was reached.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) text: String,
    pub(crate) reached: bool,
}

impl Report {
    pub(crate) fn find(&self, scenario: &str, rules: Rules) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.scenario == scenario && entry.rules == rules)
    }

    /// The targets that the scenarios of this report can show.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        let mut judge = |text: String, reached: bool| targets.push(Target { text, reached });
        for entry in self.entries.iter().filter(|entry| entry.rules == Rules::Dtt) {
            let name = entry.scenario.as_str();
            if name == "at-once-1000" {
                let all = entry.most(|run| run.one_component).is_some();
                let median = entry.median(|run| run.one_component).unwrap_or(f64::INFINITY);
                judge(
                    format!("1000 nodes at once are one component: median {median} s (at most 10 s)"),
                    all && median <= 10.0,
                );
            }
            if name.starts_with("split") || name.starts_with("islands") {
                let most = entry.most(|run| run.heal).unwrap_or(f64::INFINITY);
                judge(format!("{name} is healed after at most {most} s (the target is 180 s)"), most <= 180.0);
            }
            if name.starts_with("busy") {
                let alarms = entry.total(|run| run.false_alarms);
                judge(format!("{name}: {alarms} false split alarms (none)"), alarms == 0);
            }
            if name.starts_with("squatter") {
                let never = entry.total(|run| run.never_joined.into());
                let whole = entry.most(|run| run.one_component).is_some();
                judge(
                    format!("{name}: {never} nodes never joined (none), one component in every run: {whole}"),
                    never == 0 && whole,
                );
            }
            if name.starts_with("crashes") || name.starts_with("phone") {
                let most = entry.most(|run| run.join_most).unwrap_or(f64::INFINITY);
                judge(format!("{name}: a newcomer joins after at most {most} s (the target is 8 s)"), most <= 8.0);
                continue;
            }
            // In a swarm of ten thousand, there is hardly a minute in which every node has a neighbor. Then all reads
            // count, also those of joining.
            let healthy = entry.median(|run| run.healthy_reads);
            let (reads, when) = match healthy {
                Some(_) => (healthy, "when healthy"),
                None if name.starts_with("at-once") || name.starts_with("silent") => {
                    (entry.median(|run| run.reads), "in all")
                }
                None => continue,
            };
            let reads = reads.unwrap_or(f64::INFINITY);
            judge(format!("{name}: {reads} DHT reads per node and minute {when} (at most 0.5)"), reads <= 0.5);
        }
        targets
    }

    /// A table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from(
            "| scenario | rules | runs | one component: median, most | join: median, p99, most | healed: median, most | outside \
             | split alarms: right, wrong | reads: all, healthy | writes: all, healthy | evictions | delivered |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for entry in &self.entries {
            let pair = |a: Option<f64>, b: Option<f64>, unit: &str| match (a, b) {
                (None, None) => "–".to_string(),
                (a, None) => format!("{}{unit}, never", number(a)),
                (a, b) => format!("{}, {}{unit}", number(a), number(b)),
            };
            let both = |figure: fn(&Outcome) -> Option<f64>, unit| pair(entry.median(figure), entry.most(figure), unit);
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} % | {}, {} | {} | {} | {} | {} |",
                entry.title,
                entry.rules.name(),
                entry.runs.len(),
                both(|run| run.one_component, " s"),
                joins(entry),
                if entry.runs.iter().any(|run| run.heals) { both(|run| run.heal, " s") } else { "–".into() },
                number(entry.median(|run| Some(100.0 * run.outside))),
                entry.total(|run| run.true_alarms),
                entry.total(|run| run.false_alarms),
                pair(entry.median(|run| run.reads), entry.median(|run| run.healthy_reads), ""),
                pair(entry.median(|run| run.writes), entry.median(|run| run.healthy_writes), ""),
                number(entry.median(|run| Some(run.evictions_per_node_hour))),
                entry.median(|run| run.delivery).map_or("–".into(), |share| format!("{:.2} %", 100.0 * share)),
            );
        }
        table
    }
}

/// How long joining took: the median run's median and 99th percentile, and the longest of all runs.
fn joins(entry: &Entry) -> String {
    let [median, p99] = [entry.median(|run| run.join_median), entry.median(|run| run.join_p99)].map(number);
    let most = entry.figures(|run| run.join_most).last().copied();
    format!("{median}, {p99}, {} s", number(most))
}

/// Three significant digits.
fn number(value: Option<f64>) -> String {
    match value {
        None => "never".into(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}
