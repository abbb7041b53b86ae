//! The world that a tracker is put into, and the rules for everything that it does there.

use std::{collections::BTreeMap, time::Duration};

use arbitrary::{Arbitrary, Unstructured};
use dtt_core::{
    MAX_MESSAGE_HASHES, MAX_RECORD_PEERS, Protocol, TopicConfig, TopicState,
    tracker::{Action, Input, JoinReason, Now, PeerId, SeenRecord, Tracker},
    wire::v2::Period,
};

use crate::rates::Rates;

/// The most effort of one run, so that it takes milliseconds. It is enough to fill every memory of a tracker.
const MAX_EFFORT: u32 = 40_000;
/// The effort of a record or a call, compared with other inputs: each may make a merge look through all records.
const HEAVY: u32 = 16;
/// How long a lookup takes.
const LATENCY: Duration = Duration::from_millis(300);
/// The greatest time that a clock can show: the seconds of an i64.
const UNIX_MOST: u64 = i64::MAX as u64;

/// One event. Numbers are small so that equal ones are common.
#[derive(Debug, Clone, Arbitrary)]
pub enum Step {
    /// Time passes without a call, in milliseconds.
    Late(u32),
    /// This many quarter minutes pass, with a call at every deadline. If there are answers, every lookup gets one.
    Run(u8),
    /// The node's clock is set by this many seconds.
    Clock(i32),
    /// A call at a moment for which the tracker did not ask.
    Call,
    /// Whether lookups are answered from now on, and by how many records.
    Answers { answered: bool, records: u8 },
    /// A neighbor comes.
    Up(u8),
    /// A neighbor goes.
    Down(u8),
    /// A neighbor comes and goes, again and again.
    Flap { peer: u8, times: u8, pause: u16 },
    /// A message is received.
    Received(u8),
    /// A message is sent.
    Sent(u8),
    /// Many messages are received or sent.
    Burst { count: u16, first: u16, sent: bool },
    /// Messages may have been missed.
    Missed,
    /// A record in the slot at this distance from the present one. Its minute may be any.
    Record { slot: i8, minute: u8, publisher: u8, peers: [u8; MAX_RECORD_PEERS], hashes: [u8; MAX_MESSAGE_HASHES] },
    /// Many records, of one publisher or each of another.
    Flood { slot: i8, count: u16, first: u16, one_publisher: bool },
    /// The node's own record is found.
    OwnRecord(i8),
    /// A lookup ends. It may never have begun.
    LookupDone { slot: i8, answered: bool },
    /// A record, a lookup and a store of any slot at all.
    ForeignSlot(u64),
    /// A store ends. It may never have begun.
    StoreDone { slot: i8, stored: bool },
    /// The node's own address changes.
    AddressChanged,
    /// The network changes.
    NetworkChanged,
    /// The application pauses the topic, or resumes it.
    Pause { pauses: bool },
}

/// A tracker, a second one like it, the time, and the ceilings.
#[derive(Debug)]
pub struct World {
    tracker: Tracker,
    /// Gets the same inputs, and must do the same.
    twin: Tracker,
    me: PeerId,
    protocol: Protocol,
    now: Now,
    minute: u64,
    rates: Rates,
    max_join_peers: [usize; 2],
    answers: Option<u8>,
    /// The lookups that the tracker asked for, and when their answers are due.
    lookups: BTreeMap<u64, Duration>,
    lookups_seen: u64,
    stores: u64,
    dials: u64,
    /// Peers whose dials are about to fail.
    failing: Vec<PeerId>,
    merged: [u64; 2],
    state: TopicState,
    effort: u32,
}

impl World {
    /// A node that starts at this unix time.
    pub fn new(config: &TopicConfig, seed: u64, unix: Duration) -> Self {
        let now = Now { mono: Duration::ZERO, unix: unix.min(Duration::from_secs(UNIX_MOST)) };
        let me = id(0);
        let merges = config.merge_config();
        let mut world = Self {
            tracker: Tracker::new(me, config, seed, now),
            twin: Tracker::new(me, config, seed, now),
            me,
            protocol: config.protocol(),
            now,
            minute: now.minute(),
            rates: Rates::new(config, now.mono),
            max_join_peers: [
                merges.bubble_merge().enabled().map_or(0, |settings| settings.max_join_peers()),
                merges.message_overlap_merge().enabled().map_or(0, |settings| settings.max_join_peers()),
            ],
            answers: Some(0),
            lookups: BTreeMap::new(),
            lookups_seen: 0,
            stores: 0,
            dials: 0,
            failing: Vec::new(),
            merged: [0; 2],
            state: TopicState::LookingUp,
            effort: 0,
        };
        world.take_actions();
        world
    }

    /// Applies the steps, as far as they can be read and the effort allows.
    pub fn run(&mut self, steps: &mut Unstructured<'_>) {
        while self.effort < MAX_EFFORT && !steps.is_empty() {
            let Ok(step) = Step::arbitrary(steps) else { return };
            self.step(step);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Late(millis) => {
                self.pass(Duration::from_millis(millis.into()));
                self.call();
            }
            Step::Run(quarters) => self.run_for(Duration::from_secs(15) * quarters.into()),
            Step::Clock(seconds) => {
                let unix = self.now.unix.as_secs().saturating_add_signed(seconds.into()).min(UNIX_MOST);
                self.now.unix = Duration::new(unix, self.now.unix.subsec_nanos());
                self.rates.disturbed(self.now.mono);
                self.notice_minute();
                self.call();
            }
            Step::Call => self.call(),
            Step::Answers { answered, records } => self.answers = answered.then_some(records),
            Step::Up(peer) => self.up(peer),
            Step::Down(peer) => self.down(peer),
            Step::Flap { peer, times, pause } => {
                for _ in 0..times {
                    self.up(peer);
                    self.run_for(Duration::from_millis(pause.into()) / 4);
                    self.down(peer);
                    self.run_for(Duration::from_millis(pause.into()) / 4);
                }
            }
            Step::Received(hash) => self.input(Input::Received(id(hash.into()))),
            Step::Sent(hash) => self.input(Input::Sent(id(hash.into()))),
            Step::Burst { count, first, sent } => {
                for n in 0..count {
                    let hash = id(u64::from(first) + u64::from(n));
                    self.input(if sent { Input::Sent(hash) } else { Input::Received(hash) });
                }
            }
            Step::Missed => self.input(Input::Missed),
            Step::Record { slot, minute, publisher, peers, hashes } => self.input(Input::Record(SeenRecord {
                slot: self.near(slot),
                minute: self.minute.saturating_add(minute.into()).saturating_sub(128),
                publisher: id(publisher.into()),
                peers: peers.map(|peer| id(peer.into())).into_iter().filter(|peer| *peer != id(255)).collect(),
                hashes: hashes.map(|hash| id(hash.into())).into_iter().filter(|hash| *hash != id(255)).collect(),
            })),
            Step::Flood { slot, count, first, one_publisher } => {
                for n in 0..count {
                    let record = flooded(self.near(slot), u64::from(first) + u64::from(n), one_publisher);
                    self.input(Input::Record(record));
                }
            }
            Step::OwnRecord(slot) => {
                let publisher = self.me;
                self.input(Input::Record(SeenRecord { publisher, ..flooded(self.near(slot), 0, false) }));
            }
            Step::LookupDone { slot, answered } => self.lookup_done(self.near(slot), answered),
            Step::ForeignSlot(slot) => {
                self.input(Input::Record(flooded(slot, slot, false)));
                self.input(Input::Record(SeenRecord { publisher: self.me, ..flooded(slot, slot, true) }));
                self.lookup_done(slot, true);
                self.input(Input::StoreDone { slot, stored: slot.is_multiple_of(2) });
            }
            Step::StoreDone { slot, stored } => self.input(Input::StoreDone { slot: self.near(slot), stored }),
            Step::AddressChanged => self.input(Input::AddressChanged),
            Step::NetworkChanged => {
                self.rates.disturbed(self.now.mono);
                self.input(Input::NetworkChanged);
            }
            Step::Pause { pauses: true } => {
                self.lookups.clear();
                self.input(Input::Paused);
            }
            Step::Pause { pauses: false } => {
                self.rates.disturbed(self.now.mono);
                self.input(Input::Resumed);
            }
        }
    }

    /// Does a driver's work for a while.
    fn run_for(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while self.effort < MAX_EFFORT {
            let answer = self.answers.and_then(|_| self.lookups.values().min().copied());
            let next = self.tracker.next_deadline().into_iter().chain(answer).min().unwrap_or(end).max(self.now.mono);
            if next >= end {
                return self.pass(end - self.now.mono);
            }
            self.pass(next - self.now.mono);
            let due = self.lookups.iter().find(|(_, at)| self.answers.is_some() && **at <= self.now.mono);
            match due.map(|(slot, _)| *slot) {
                Some(slot) => {
                    for n in 0..self.answers.unwrap_or(0) {
                        self.input(Input::Record(flooded(slot, n.into(), false)));
                    }
                    self.lookup_done(slot, true);
                }
                None => self.call(),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.mono += time;
        self.now.unix = (self.now.unix + time).min(Duration::from_secs(UNIX_MOST));
        self.notice_minute();
    }

    fn notice_minute(&mut self) {
        if self.now.minute() != self.minute {
            self.minute = self.now.minute();
            self.rates.minute_changed();
        }
    }

    fn near(&self, offset: i8) -> u64 {
        // Mostly one of the slots that matter.
        self.slot().saturating_add_signed((offset % 4).into())
    }

    /// The present slot.
    fn slot(&self) -> u64 {
        match self.protocol {
            Protocol::V1 => self.minute,
            Protocol::V2 => Period::at(self.now.unix.as_secs()).number(),
        }
    }

    fn up(&mut self, peer: u8) {
        if !self.tracker.is_joined() {
            self.rates.joined(self.now.mono);
        }
        self.input(Input::NeighborUp(id(peer.into())));
    }

    fn down(&mut self, peer: u8) {
        if self.tracker.neighbors() == [id(peer.into())] {
            self.rates.alone(self.now.mono);
        }
        self.input(Input::NeighborDown(id(peer.into())));
        // A dial of that peer, if there was one, fails at some later time.
        self.rates.dial_failed();
        self.input(Input::Unreachable(id(peer.into())));
    }

    fn lookup_done(&mut self, slot: u64, answered: bool) {
        self.lookups.remove(&slot);
        self.input(Input::LookupDone { slot, answered });
    }

    fn input(&mut self, input: Input) {
        if self.effort >= MAX_EFFORT {
            return;
        }
        self.effort += if matches!(input, Input::Record(_)) { HEAVY } else { 1 };
        self.tracker.handle(self.now, input.clone());
        self.twin.handle(self.now, input);
        self.check();
    }

    fn call(&mut self) {
        self.effort += HEAVY;
        self.tracker.handle_timeout(self.now);
        self.twin.handle_timeout(self.now);
        self.check();
        let deadline = self.tracker.next_deadline();
        assert!(
            deadline.is_none_or(|at| at > self.now.mono),
            "called at {:?}, the tracker wants another call at {deadline:?}",
            self.now
        );
    }

    fn check(&mut self) {
        self.take_actions();
        while let Some(peer) = self.failing.pop() {
            self.effort += 1;
            self.rates.dial_failed();
            self.tracker.handle(self.now, Input::Unreachable(peer));
            self.twin.handle(self.now, Input::Unreachable(peer));
            self.take_actions();
        }
        let footprint = self.tracker.footprint();
        let most = Tracker::MAX_FOOTPRINT;
        let bounded = footprint.peers <= most.peers && footprint.records <= most.records;
        let bounded = bounded && footprint.heard <= most.heard && footprint.named <= most.named;
        assert!(bounded, "{footprint:?} is more than {most:?}");
        let deadline = self.tracker.next_deadline();
        assert_eq!(deadline, self.twin.next_deadline());
        assert!(!self.tracker.is_paused() || deadline.is_none(), "paused, but wants a call at {deadline:?}");
    }

    fn take_actions(&mut self) {
        self.rates.pass(self.now.mono);
        while let Some(action) = self.tracker.next_action() {
            assert_eq!(Some(&action), self.twin.next_action().as_ref(), "equal seeds and inputs give equal actions");
            self.judge(action);
        }
        assert_eq!(self.twin.next_action(), None);
        let now = self.now.mono;
        ceiling("lookups", self.lookups_seen, self.rates.lookups(now));
        ceiling("stores", self.stores, self.rates.stores(now));
        ceiling("dials", self.dials, self.rates.dials(now));
        ceiling("peers of the bubble merge", self.merged[0], self.rates.merged(0, now));
        ceiling("peers of the overlap merge", self.merged[1], self.rates.merged(1, now));
    }

    fn judge(&mut self, action: Action) {
        assert!(!self.tracker.is_paused() || matches!(action, Action::State(_)), "paused, but asks for {action:?}");
        match action {
            Action::Lookup { slot } => {
                let present = self.slot();
                let before = if self.protocol == Protocol::V1 { 2 } else { 1 };
                let useful = present.saturating_sub(before)..=present.saturating_add(1);
                assert!(useful.contains(&slot), "slot {slot} is looked up in slot {present}");
                self.lookups.insert(slot, self.now.mono + LATENCY);
                self.lookups_seen += 1;
            }
            Action::Store { slot, content } => {
                // A member of version 1 stores before a minute, and in a crowd once after its end.
                let most = u64::from(self.tracker.is_joined() && self.protocol == Protocol::V1);
                let present = self.slot();
                assert!(slot.abs_diff(present) <= most, "a record for slot {slot} in slot {present}");
                assert!(content.peers().all(|peer| self.tracker.neighbors().contains(peer)));
                self.stores += 1;
            }
            Action::Join { peers, reason } => self.judge_join(&peers, reason),
            Action::State(state) => {
                let before = std::mem::replace(&mut self.state, state);
                assert!(state != before || self.lookups_seen == 0 && state == TopicState::LookingUp, "{state:?} twice");
            }
        }
    }

    fn judge_join(&mut self, peers: &[PeerId], reason: JoinReason) {
        assert!(!peers.is_empty() && !peers.contains(&self.me));
        let which = match reason {
            JoinReason::Bootstrap => {
                assert!(peers.len() == 1 && !self.tracker.is_joined());
                self.dials += 1;
                // One dial in four fails at once.
                self.failing.extend(peers.iter().filter(|peer| peer[0] % 4 == 3));
                return;
            }
            JoinReason::Bubble => 0,
            JoinReason::Overlap => 1,
        };
        assert!(self.tracker.is_joined() && peers.len() <= self.max_join_peers[which]);
        assert!(!peers.iter().any(|peer| self.tracker.neighbors().contains(peer)));
        self.merged[which] += peers.len() as u64;
    }
}

fn ceiling(what: &str, count: u64, most: u64) {
    assert!(count <= most, "{count} {what}, but the options and the time allow {most}");
}

/// A record of a flood. Each differs from the others.
fn flooded(slot: u64, n: u64, one_publisher: bool) -> SeenRecord {
    let of =
        |kind: u64| (1..=5).map(|at| id(n.wrapping_add(1).wrapping_mul(16).wrapping_add(at + (kind << 32)))).collect();
    SeenRecord {
        slot,
        minute: slot,
        publisher: if one_publisher { id(1 << 48) } else { id(n.wrapping_add(1)) },
        peers: of(1),
        hashes: of(2),
    }
}

fn id(n: u64) -> [u8; 32] {
    let mut id = [1; 32];
    id[..8].copy_from_slice(&n.to_le_bytes());
    id
}
