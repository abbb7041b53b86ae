//! The simulator: thousands of nodes with the real tracker and the real gossip state machine, over models of the network,
//! the clocks and the DHT. The same seed gives the same report, byte for byte.
//!
//! usage: dtt-lab-sim [--seed N] [--runs N] [--out FOLDER] [--page FILE] [SCENARIO...]

mod dht;
mod draw;
mod measure;
mod network;
mod node;
mod peer_policy;
mod plots;
mod policy;
mod queue;
mod report;
mod scenario;
mod world;

#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, bail};

use measure::Outcome;
use policy::Rules;
use report::{Entry, Report};
use scenario::Scenario;

const USAGE: &str =
    "usage: dtt-lab-sim [--seed N] [--runs N] [--rules NAME] [--out FOLDER] [--page FILE] [SCENARIO...]";
/// In a page, the table stands between these marks.
const MARKS: (&str, &str) = ("<!-- table -->\n", "<!-- end of table -->");

struct Options {
    seed: u64,
    runs: u64,
    out: PathBuf,
    page: Option<PathBuf>,
    rules: Vec<Rules>,
    scenarios: Vec<Scenario>,
}

fn main() -> Result<ExitCode> {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}\nscenarios:");
            Scenario::all().iter().for_each(|scenario| eprintln!("  {:24} {}", scenario.name, scenario.title));
            return Ok(ExitCode::from(2));
        }
    };
    let report = Report { seed: options.seed, entries: simulate(&options) };
    fs::create_dir_all(&options.out)?;
    let write = |file: &str, text: String| {
        let path = options.out.join(file);
        fs::write(&path, text).with_context(|| format!("{} is not written", path.display()))
    };
    write("report.json", serde_json::to_string_pretty(&report)? + "\n")?;
    write("table.md", report.table())?;
    plots::draw(&report, &options.out)?;
    if let Some(page) = &options.page {
        insert(page, &report.table())?;
    }
    print!("{}", report.table());
    let targets = report.targets();
    targets
        .iter()
        .for_each(|target| println!("{} {}", if target.reached { "reached" } else { "MISSED " }, target.text));
    Ok(if targets.iter().all(|target| target.reached) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options(arguments: impl Iterator<Item = String>) -> Result<Options> {
    let (mut seed, mut runs, mut out, mut page, mut names) = (1, u64::MAX, PathBuf::from("target/sim"), None, vec![]);
    let mut rules = Rules::ALL.to_vec();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--seed" => seed = number(&argument, &value()?)?,
            "--runs" => runs = number(&argument, &value()?)?,
            "--rules" => {
                let name = value()?;
                rules = vec![rules_of(&name)?];
            }
            "--out" => out = value()?.into(),
            "--page" => page = Some(value()?.into()),
            option if option.starts_with('-') => bail!("{option} is no option"),
            _ => names.push(argument),
        }
    }
    let mut scenarios = Scenario::all();
    if let Some(unknown) = names.iter().find(|name| scenarios.iter().all(|scenario| scenario.name != **name)) {
        bail!("{unknown} is no scenario");
    }
    scenarios.retain(|scenario| names.is_empty() || names.contains(&scenario.name));
    Ok(Options { seed, runs, out, page, rules, scenarios })
}

fn rules_of(name: &str) -> Result<Rules> {
    let known = Rules::ALL.map(Rules::name).join(", ");
    Rules::ALL
        .into_iter()
        .find(|rules| rules.name() == name)
        .with_context(|| format!("--rules: {name:?} is none of {known}"))
}

fn number(option: &str, value: &str) -> Result<u64> {
    value.parse().with_context(|| format!("{option}: {value:?} is no number"))
}

/// Runs everything, with one run at a time for each processor. A run depends on its seed only, so the order does not
/// change the report.
fn simulate(options: &Options) -> Vec<Entry> {
    let entries: Vec<(&Scenario, Rules)> = options
        .scenarios
        .iter()
        .flat_map(|scenario| options.rules.iter().map(move |rules| (scenario, *rules)))
        .collect();
    let runs = |scenario: &Scenario| scenario.runs.min(options.runs);
    let mut jobs: Vec<(usize, u64)> = entries
        .iter()
        .enumerate()
        .flat_map(|(at, (scenario, _))| (0..runs(scenario)).map(move |run| (at, run)))
        .collect();
    // The longest runs come first, so that no processor waits at the end.
    let cost = |scenario: &Scenario| u64::from(scenario.nodes) * scenario.duration;
    jobs.sort_by_key(|(at, run)| (std::cmp::Reverse(cost(entries[*at].0)), *at, *run));
    let done: Mutex<Vec<(usize, u64, Outcome)>> = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((at, run)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (scenario, rules) = entries[*at];
            let begin = Instant::now();
            let outcome = world::run(scenario, rules, options.seed + run);
            let (name, rules, took) = (&scenario.name, rules.name(), begin.elapsed());
            eprintln!("{name} {rules} seed {} in {:.1} s", options.seed + run, took.as_secs_f64());
            done.lock().expect("no run panics").push((*at, *run, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().expect("no run panics");
    done.sort_by_key(|(at, run, _)| (*at, *run));
    let of = |entry: usize| done.iter().filter(move |(at, ..)| *at == entry).map(|(_, _, outcome)| outcome.clone());
    entries.iter().enumerate().map(|(at, (scenario, rules))| Entry::new(scenario, *rules, of(at).collect())).collect()
}

/// Puts the table into a page, between the marks.
fn insert(page: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("{} is not read", page.display()))?;
    let begin = text.find(MARKS.0).with_context(|| format!("{:?} is not in the page", MARKS.0))? + MARKS.0.len();
    let end = text.find(MARKS.1).with_context(|| format!("{:?} is not in the page", MARKS.1))?;
    fs::write(page, [&text[..begin], table, &text[end..]].concat())?;
    Ok(())
}
