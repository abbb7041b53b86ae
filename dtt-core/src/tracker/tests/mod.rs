//! The tracker with a clock that the tests move, and with a DHT that answers as each test says.

mod bootstrap;
mod hostile;
mod merge;
mod pause;
mod private;
mod publisher;

use std::collections::BTreeMap;

use super::*;
use crate::{
    config::{Protocol, TopicConfigBuilder},
    wire::GossipRecordContent,
};

const START: Now = Now { mono: Duration::ZERO, unix: Duration::from_secs(1_750_000_000) };
const LATENCY: Duration = Duration::from_millis(100);

/// One tracker and its actions, each with the time since the start.
struct Bench {
    tracker: Tracker,
    now: Now,
    dht: BTreeMap<u64, Vec<SeenRecord>>,
    answers: bool,
    /// Whether lookups show the tracker's own record.
    own: bool,
    pending: Vec<(Duration, u64)>,
    log: Vec<(Duration, Action)>,
}

impl Bench {
    fn new(config: TopicConfig) -> Self {
        Self::at(config, START)
    }

    fn at(config: TopicConfig, now: Now) -> Self {
        Self::of(id(0), config, now)
    }

    fn of(me: PeerId, config: TopicConfig, now: Now) -> Self {
        let tracker = Tracker::new(me, &config, 42, now);
        let mut bench = Self {
            tracker,
            now,
            dht: BTreeMap::new(),
            answers: true,
            own: false,
            pending: Vec::new(),
            log: Vec::new(),
        };
        bench.drain();
        bench
    }

    fn with(mut self, record: SeenRecord) -> Self {
        self.dht.entry(record.slot).or_default().push(record);
        self
    }

    fn input(&mut self, input: Input) {
        self.tracker.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.tracker.next_action() {
            if let Action::Lookup { slot: minute } = action {
                self.pending.push((self.now.mono + LATENCY, minute));
            }
            self.log.push((self.now.mono, action));
        }
    }

    /// Lets time pass. Lookups are answered after [`LATENCY`].
    fn run(&mut self, time: Duration) {
        let end = self.now.mono + time;
        for step in 0.. {
            assert!(step < 100_000, "the tracker asks to be called without end");
            let answer = self.pending.iter().map(|(at, _)| *at).min();
            let next = self.tracker.next_deadline().into_iter().chain(answer).min().unwrap_or(end).max(self.now.mono);
            if next >= end {
                self.pass(end);
                return;
            }
            self.pass(next);
            if answer == Some(next) {
                let at = self.pending.iter().position(|(at, _)| *at == next).unwrap();
                let (_, minute) = self.pending.remove(at);
                for record in self.dht.get(&minute).cloned().unwrap_or_default() {
                    self.input(Input::Record(record));
                }
                if self.own {
                    self.input(Input::Record(record(minute, 0, &[], &[])));
                }
                self.input(Input::LookupDone { slot: minute, answered: self.answers });
            } else {
                self.tracker.handle_timeout(self.now);
                self.drain();
            }
        }
    }

    fn pass(&mut self, mono: Duration) {
        self.now.unix += mono - self.now.mono;
        self.now.mono = mono;
    }

    fn joins(&self, why: JoinReason) -> Vec<(Duration, Vec<PeerId>)> {
        let of = |(at, action): &(Duration, Action)| match action {
            Action::Join { peers, reason } if *reason == why => Some((*at, peers.clone())),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    fn stores(&self) -> Vec<(Duration, u64, GossipRecordContent)> {
        let of = |(at, action): &(Duration, Action)| match action {
            Action::Store { slot: minute, content } => Some((*at, *minute, *content.clone())),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    fn lookups(&self) -> Vec<(Duration, u64)> {
        let of = |(at, action): &(Duration, Action)| match action {
            Action::Lookup { slot: minute } => Some((*at, *minute)),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    fn states(&self) -> Vec<TopicState> {
        let of = |(_, action): &(Duration, Action)| match action {
            Action::State(state) => Some(*state),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    /// Forgets which records were compared so far, as after a pause.
    fn merges_compare_from_now(&mut self) {
        self.tracker.merges.restart_comparison();
    }

    fn forget(&mut self) {
        self.log.clear();
    }
}

fn id(n: u8) -> PeerId {
    [n.wrapping_add(1); 32]
}

fn record(minute: u64, publisher: u8, peers: &[u8], hashes: &[u8]) -> SeenRecord {
    SeenRecord {
        slot: minute,
        minute,
        publisher: id(publisher),
        peers: peers.iter().map(|n| id(*n)).collect(),
        hashes: hashes.iter().map(|n| [*n; 32]).collect(),
    }
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A start at the beginning of a minute, so that tests of less than a minute stay within it.
fn early() -> Now {
    Now { mono: Duration::ZERO, unix: secs(1_750_000_020) }
}

/// Options of protocol version 1, whose slots are those of minutes.
fn v1() -> TopicConfigBuilder {
    TopicConfig::builder().protocol(Protocol::V1)
}
