//! `make demo`: a DHT on loopback, and peers in separate processes. The peers know nothing but a name and a secret,
//! find each other, and receive each other's messages. The demo ends with 0 only if every peer has received messages of
//! every other one.
//!
//! usage: demo [NAME=COMMAND ...]     (each peer's command; three Rust peers if there is none)

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use dtt_core::Testnet;
use dtt_examples::{Usage, finish};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> ExitCode {
    finish(run().await)
}

async fn run() -> Result<()> {
    let commands = commands()?;
    let start = Instant::now();
    let testnet = Testnet::new()?;
    let topic = format!("demo {}", std::process::id());
    println!("A DHT of {} nodes runs on 127.0.0.1.", testnet.bootstrap().len());
    println!("{} processes start. Each knows the topic's name, a secret, and how to enter the DHT.\n", commands.len());

    let (tell, mut told) = mpsc::unbounded_channel();
    let mut peers = Vec::new();
    for (name, command) in &commands {
        peers.push(Peer::start(name, command, &topic, testnet.bootstrap(), tell.clone())?);
    }
    drop(tell);

    let names: BTreeSet<&String> = commands.keys().collect();
    let mut heard: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let complete = |heard: &BTreeMap<String, BTreeSet<String>>| {
        names.iter().all(|name| heard.get(*name).is_some_and(|others| others.len() == names.len() - 1))
    };
    println!("{:>9}  {:<8} ", "time", "peer");
    let watch = async {
        while !complete(&heard) {
            let (name, line) = told.recv().await.context("a peer ended before it had heard all the others")?;
            println!("{:>6} ms  {name:<8} {}", start.elapsed().as_millis(), describe(&line));
            if let Some(other) = line.strip_prefix("heard ")
                && *other != *name
                && names.contains(&other.to_owned())
            {
                heard.entry(name).or_default().insert(other.to_owned());
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, watch)
        .await
        .with_context(|| format!("not every peer heard every other within {LIMIT:?}"))??;
    println!("\nEvery peer has heard every other after {} ms.", start.elapsed().as_millis());
    for peer in peers {
        peer.end().await?;
    }
    Ok(())
}

/// The commands of the peers: those that were given, or three times the program next to this one.
fn commands() -> Result<BTreeMap<String, Vec<String>>> {
    let mut commands = BTreeMap::new();
    let usage = || Usage("demo [NAME=COMMAND ...]     (two peers at least)");
    for argument in std::env::args_os().skip(1) {
        let argument = argument.into_string().map_err(|_| usage())?;
        let (name, command) = argument.split_once('=').ok_or_else(usage)?;
        commands.insert(name.to_owned(), command.split_whitespace().map(str::to_owned).collect());
    }
    if commands.is_empty() {
        let beside: PathBuf = std::env::current_exe()?.with_file_name("demo-peer");
        let command = vec![beside.to_str().context("the path of this program is not UTF-8")?.to_owned()];
        commands.extend(["alice", "bob", "carol"].map(|name| (name.to_owned(), command.clone())));
    }
    if commands.len() < 2 {
        return Err(usage().into());
    }
    Ok(commands)
}

fn describe(line: &str) -> String {
    match line.split_once(' ') {
        Some(("heard", name)) => format!("heard {name}"),
        _ => match line {
            "published" => "published its sealed record in the DHT".into(),
            "found" => "found a record and opened it".into(),
            "dialed" => "dialed the node that the record names".into(),
            "joined" => "joined: it has a neighbor".into(),
            other => other.into(),
        },
    }
}

struct Peer {
    name: String,
    child: Child,
    input: ChildStdin,
}

impl Peer {
    fn start(
        name: &str,
        command: &[String],
        topic: &str,
        bootstrap: &[String],
        tell: mpsc::UnboundedSender<(String, String)>,
    ) -> Result<Self> {
        let (program, arguments) = command.split_first().context("a peer's command is empty")?;
        let mut child = Command::new(program)
            .args(arguments)
            .args([name, topic, &bootstrap.join(",")])
            .env("DTT_DEMO_SECRET", "what the members share")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{program} does not start"))?;
        let input = child.stdin.take().context("no input")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let name = name.to_owned();
        tokio::spawn({
            let name = name.clone();
            async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    let _ = tell.send((name.clone(), line));
                }
            }
        });
        Ok(Self { name, child, input })
    }

    /// Ends the peer's input. The peer then has to end by itself, without an error.
    async fn end(mut self) -> Result<()> {
        drop(self.input);
        let status = tokio::time::timeout(Duration::from_secs(10), self.child.wait())
            .await
            .with_context(|| format!("{} does not end", self.name))??;
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        Ok(())
    }
}
