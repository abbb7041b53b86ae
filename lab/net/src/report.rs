//! The results, as a table and as JSON.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{Delivery, DhtKind, Kind, world::program};

/// One scenario of one implementation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    scenario: String,
    network: String,
    dht: String,
    who: String,
    /// How many peers joined, of how many.
    joined: Option<(usize, usize)>,
    /// Milliseconds, for each run or peer that joined.
    join_ms: Vec<u64>,
    sent: u64,
    expected: u64,
    delivered: u64,
    #[serde(default)]
    apart: u64,
    /// Milliseconds until every peer received messages of every other one again.
    heal_ms: Option<u64>,
    heal_failed: bool,
    targets: Vec<Target>,
}

/// A target, and whether it was reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Target {
    text: String,
    met: bool,
    /// Missed by so much that a busy machine cannot be the reason.
    failed: bool,
}

impl Row {
    /// An empty row.
    pub fn new(scenario: impl Into<String>, network: impl Into<String>, dht: DhtKind, who: Kind) -> Self {
        let (dht, who) = (dht.name().into(), who.name().into());
        Self { scenario: scenario.into(), network: network.into(), dht, who, ..Self::default() }
    }

    /// Adds a remark to the scenario's name.
    pub fn note(&mut self, remark: &str) {
        self.scenario = format!("{}, {remark}", self.scenario);
    }

    /// How many joined, and how long it took. With our implementation, all must join.
    pub fn joins(mut self, joins: &[Option<Duration>]) -> Self {
        self.join_ms = joins.iter().flatten().map(|took| took.as_millis() as u64).collect();
        self.join_ms.sort_unstable();
        let (joined, of) = (self.join_ms.len(), joins.len());
        self.joined = Some((joined, of));
        self.must("all join", joined == of)
    }

    /// The median of the times must be at most this. The test fails only at three times as much, since the machine may
    /// be busy.
    pub fn joins_within(self, limit: Duration) -> Self {
        let median = self.median();
        self.must_be_within("median", median, limit)
    }

    /// The longest of the times must be at most this. The test fails only at three times as much, since the machine may
    /// be busy.
    pub fn worst_within(self, limit: Duration) -> Self {
        let of = self.joined.map_or(0, |(_, of)| of);
        let worst = self.join_ms.last().filter(|_| self.join_ms.len() == of).copied();
        self.must_be_within("worst", worst.map(Duration::from_millis), limit)
    }

    fn must_be_within(mut self, what: &str, took: Option<Duration>, limit: Duration) -> Self {
        let within = |limit| took.is_some_and(|took| took <= limit);
        let (met, failed) = (within(limit), !within(limit * 3));
        self.targets.push(Target { text: format!("{what} <= {}", seconds(limit.as_millis() as u64)), met, failed });
        self
    }

    /// The fate of messages that were sent while all peers were connected. With our implementation, all must arrive.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        (self.sent, self.expected, self.delivered) = (delivery.sent, delivery.expected, delivery.delivered);
        self.apart = delivery.apart;
        self.must("all heard", delivery.is_whole())
    }

    /// How long it took until every peer received messages of every other one again, if that happened within `limit`.
    /// With our implementation, it must.
    pub fn healed(mut self, healed: Option<Duration>, limit: Duration) -> Self {
        self.heal_ms = healed.map(|took| took.as_millis() as u64);
        self.heal_failed = healed.is_none();
        let text = format!("whole within {}", seconds(limit.as_millis() as u64));
        self.must(&text, healed.is_some())
    }

    fn must(mut self, text: &str, met: bool) -> Self {
        if self.who == Kind::Ours.name() {
            self.targets.push(Target { text: text.into(), met, failed: !met });
        }
        self
    }

    /// The median of the times to join. A run that did not join counts as the longest.
    pub fn median(&self) -> Option<Duration> {
        let (_, runs) = self.joined?;
        self.join_ms.get(runs / 2).map(|took| Duration::from_millis(*took))
    }

    fn cells(&self) -> [String; 9] {
        let join = match (self.median(), self.join_ms.last()) {
            (Some(median), Some(worst)) if self.join_ms.len() > 1 => {
                format!("{} ({})", seconds(median.as_millis() as u64), seconds(*worst))
            }
            (_, Some(worst)) => seconds(*worst),
            _ => String::new(),
        };
        let messages = match (self.expected, self.apart) {
            (0, _) => String::new(),
            (expected, 0) => format!("{}/{expected}", self.delivered),
            (expected, apart) => format!("{}/{expected}, {apart} while cut off", self.delivered),
        };
        let heal = match self.heal_ms {
            Some(took) => seconds(took),
            None if self.heal_failed => "never".into(),
            None => String::new(),
        };
        let verdict = |target: &Target| format!("{}: {}", target.text, if target.met { "met" } else { "**missed**" });
        let target = self.targets.iter().map(verdict).collect::<Vec<_>>().join(", ");
        let joined = self.joined.map_or(String::new(), |(joined, of)| format!("{joined}/{of}"));
        let [scenario, network, dht, who] = [&self.scenario, &self.network, &self.dht, &self.who].map(String::clone);
        [scenario, network, dht, who, joined, join, messages, heal, target]
    }
}

const HEAD: [&str; 9] = [
    "scenario",
    "network",
    "DHT",
    "who",
    "joined",
    "time to join, median (worst)",
    "messages heard/expected",
    "time to heal",
    "must reach",
];

fn seconds(milliseconds: u64) -> String {
    format!("{:.2} s", milliseconds as f64 / 1e3)
}

/// Prints rows and keeps them for the report. `name` distinguishes them from those of other scenarios. Fails if a
/// target was clearly missed.
pub fn show(name: &str, rows: &[Row]) -> Result<()> {
    println!("\n{}", table(rows));
    let folder = folder().join("rows");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(rows)?)?;
    for row in rows {
        if let Some(target) = row.targets.iter().find(|target| target.failed) {
            bail!("{}, {}, {}: missed: {}", row.scenario, row.network, row.who, target.text);
        }
    }
    Ok(())
}

/// Joins the rows of all scenarios that have run into `target/netlab/report.json` and `report.md`, prints the table,
/// and puts it between the marks of a page, if one is given.
pub fn join_report(page: Option<&Path>) -> Result<()> {
    let folder = folder();
    let mut names: Vec<PathBuf> = fs::read_dir(folder.join("rows"))
        .context("no scenario has run")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    names.sort();
    let mut rows: Vec<Row> = Vec::new();
    for name in names {
        rows.extend(serde_json::from_str::<Vec<Row>>(&fs::read_to_string(name)?)?);
    }
    fs::write(folder.join("report.json"), serde_json::to_string_pretty(&rows)?)?;
    let table = table(&rows);
    fs::write(folder.join("report.md"), &table)?;
    println!("{table}");
    let Some(page) = page else { return Ok(()) };
    let text = fs::read_to_string(page)?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{} has no {BEGIN}", page.display()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{} has no {END}", page.display()))?;
    Ok(fs::write(page, format!("{before}{BEGIN}\n{table}{END}{after}"))?)
}

const BEGIN: &str = "<!-- netlab -->";
const END: &str = "<!-- /netlab -->";

fn table(rows: &[Row]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(HEAD.len()));
    let rows = rows.iter().map(|row| line(&row.cells()));
    [line(&HEAD.map(String::from)), rule].into_iter().chain(rows).collect()
}

/// The folder `netlab` in the build folder.
fn folder() -> PathBuf {
    program().parent().and_then(Path::parent).unwrap_or(Path::new("target")).join("netlab")
}
