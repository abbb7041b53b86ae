//! A peer's process, and what it has printed.

use std::{
    collections::{BTreeSet, HashMap},
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use dtt_lab_hosts::Process;

use crate::{
    Host, World,
    ways::Change,
    world::{log_to, program},
};

/// How long a program has to start.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The implementation that a peer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// dtt with its defaults, without services beside the DHT.
    Ours,
    /// The published peer implementation.
    Theirs,
}

impl Kind {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "dtt",
            Self::Theirs => "peer 0.3.5",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
        }
    }
}

/// The services that a peer uses beside the DHT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Services {
    /// Nothing.
    #[default]
    None,
    /// A relay server, by its URL.
    Relay(String),
    /// The default services: iroh's public ones, which cannot be reached from the lab.
    Public,
}

impl Services {
    fn argument(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Relay(url) => url,
            Self::Public => "public",
        }
    }
}

/// A peer on a host of its own. Its process ends when this is dropped.
#[derive(Debug)]
pub struct Peer {
    kind: Kind,
    index: u8,
    services: Services,
    process: Process,
    host: Host,
    /// The time from the line to join until the first neighbor, as the peer itself measured it.
    joined: Option<Duration>,
    neighbors: BTreeSet<u8>,
    /// The neighbors that came and went, in order.
    changes: Vec<Change>,
    heard: HashMap<String, Instant>,
}

impl Peer {
    /// Starts a peer on a new host. It waits for the line to join.
    pub fn start(world: &World, kind: Kind, index: u8) -> Result<Self> {
        Self::start_with(world, kind, index, Services::None)
    }

    /// Starts a peer on a new host, with these services.
    pub fn start_with(world: &World, kind: Kind, index: u8, services: Services) -> Result<Self> {
        Self::start_on(world.host(Ipv4Addr::new(10, 77, 2, index))?, kind, index, services)
    }

    /// Starts a peer on a given host, with these services.
    pub fn start_on(host: Host, kind: Kind, index: u8, services: Services) -> Result<Self> {
        let process = process(&host, kind, index, &services)?;
        let (neighbors, changes, heard) = Default::default();
        Ok(Self { kind, index, services, process, host, joined: None, neighbors, changes, heard })
    }

    /// The number from which its key follows.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// The implementation that it runs.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The host that it runs on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The host that it runs on, for changes.
    pub fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// Kills the process without a farewell.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Gives it another key, which it uses from its next start on.
    pub fn take_key(&mut self, index: u8) {
        self.index = index;
    }

    /// Starts the process again, on the same host with the same key. It waits for the line to join.
    pub fn restart(&mut self) -> Result<()> {
        self.process = process(&self.host, self.kind, self.index, &self.services)?;
        self.joined = None;
        self.neighbors.clear();
        self.changes.clear();
        self.heard.clear();
        Ok(())
    }

    /// Tells it to join. The peer's clock starts.
    pub fn join(&mut self, topic: &str) -> Result<()> {
        self.process.say(&format!("join {topic}"))
    }

    /// Makes it broadcast a text without line breaks.
    pub fn say(&mut self, text: &str) -> Result<()> {
        self.process.say(&format!("say {text}"))
    }

    /// How long it took to join; `None` if it has not joined yet.
    pub fn joined(&mut self) -> Result<Option<Duration>> {
        self.read()?;
        Ok(self.joined)
    }

    /// Its current neighbors.
    pub fn neighbors(&mut self) -> Result<&BTreeSet<u8>> {
        self.read()?;
        Ok(&self.neighbors)
    }

    /// The neighbors that came and went since its start, in order.
    pub(crate) fn changes(&mut self) -> Result<&[Change]> {
        self.read()?;
        Ok(&self.changes)
    }

    /// When it first received a text.
    pub fn heard(&mut self, text: &str) -> Result<Option<Instant>> {
        self.read()?;
        Ok(self.heard.get(text).copied())
    }

    /// Reads what it has printed so far.
    fn read(&mut self) -> Result<()> {
        while let Some(line) = self.process.line(Duration::ZERO)? {
            let (word, rest) = line.text.split_once(' ').unwrap_or((&line.text, ""));
            match word {
                "joined" => self.joined = Some(Duration::from_secs_f64(rest.parse()?)),
                "up" | "down" => {
                    self.change(Change { at: line.at, peer: self.index, neighbor: rest.parse()?, up: word == "up" })
                }
                "heard" => drop(self.heard.entry(rest.to_owned()).or_insert(line.at)),
                _ => anyhow::bail!("{} printed {:?}", self.process.name(), line.text),
            }
        }
        Ok(())
    }

    fn change(&mut self, change: Change) {
        if change.up {
            self.neighbors.insert(change.neighbor);
        } else {
            self.neighbors.remove(&change.neighbor);
        }
        self.changes.push(change);
    }
}

fn process(host: &Host, kind: Kind, index: u8, services: &Services) -> Result<Process> {
    let mut command = host.namespace().command(program());
    command.args(["peer", kind.argument(), &index.to_string(), services.argument()]);
    log_to(&mut command, &format!("{}-{index}-{}", kind.argument(), host.namespace().name()))?;
    let mut process = Process::start(command, format!("{} {index}", kind.name()))?;
    process.wait_for("ready", START_LIMIT).context("is dtt-lab-net built?")?;
    Ok(process)
}
