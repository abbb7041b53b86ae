//! The state machine of one topic. It decides what to do next for bootstrap, publishing and both merges.
//!
//! It touches no socket and no clock: inputs and the time go in, actions and the next deadline come out, and its
//! randomness follows from a seed. A driver carries the actions out; a simulator can run thousands of trackers.
//!
//! ```
//! use std::time::Duration;
//! use dtt_core::{Config, tracker::{Action, Input, Now, Tracker}};
//!
//! let start = Now { mono: Duration::ZERO, unix: Duration::from_secs(1_750_000_000) };
//! let mut tracker = Tracker::new([1; 32], &Config::default(), 7, start);
//! let lookups: Vec<u64> = std::iter::from_fn(|| tracker.next_action())
//!     .filter_map(|action| match action { Action::Lookup { minute } => Some(minute), _ => None })
//!     .collect();
//! assert_eq!(lookups, [start.minute(), start.minute() - 1]);
//! tracker.handle(start, Input::NeighborUp([2; 32]));
//! assert!(tracker.is_joined());
//! ```

mod bootstrap;
mod lost;
mod merge;
mod neighbors;
mod publisher;
mod slots;
mod window;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fmt, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    config::Config,
    wire::{GossipRecordContent, MAX_RECORD_PEERS, Record},
};
use bootstrap::Bootstrap;
use lost::Lost;
use merge::Merges;
use neighbors::Neighbors;
use publisher::Publisher;
use slots::Slots;
use window::MessageWindow;

/// The 32-byte public key of a node.
pub type PeerId = [u8; 32];
/// A [`crate::wire::message_hash`].
pub type MessageHash = [u8; 32];

/// A moment, on the two clocks that a tracker needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since any fixed point, on a clock that never jumps. Deadlines are on this clock.
    pub mono: Duration,
    /// Time since the Unix epoch, as the node's own clock shows it. Slots are on this clock.
    pub unix: Duration,
}

impl Now {
    /// The unix minute.
    pub fn minute(&self) -> u64 {
        self.unix.as_secs() / 60
    }

    /// A little later on the same clock. Joined nodes make their records by this time.
    fn ahead(&self) -> Self {
        Self { unix: self.unix + AHEAD, ..*self }
    }

    /// A minute earlier on the same clock.
    fn before(&self) -> Self {
        Self { unix: self.unix.saturating_sub(Duration::from_secs(60)), ..*self }
    }

    /// The time until this minute ends.
    fn rest_of_minute(&self) -> Duration {
        Duration::from_secs((self.minute() + 1) * 60) - self.unix
    }
}

/// What a verified record said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRecord {
    /// The minute of its slot.
    pub minute: u64,
    /// The node that published it.
    pub publisher: PeerId,
    /// The neighbors of its publisher.
    pub peers: Vec<PeerId>,
    /// Hashes of the messages that its publisher received last.
    pub hashes: Vec<MessageHash>,
}

impl SeenRecord {
    /// Reads a record that has been verified. If its content is of a foreign format, only the publisher is known.
    pub fn of(record: &Record) -> Self {
        Self::new(record, &record.content().unwrap_or_default())
    }

    /// Reads a verified record whose content has been decoded already.
    pub fn new(record: &Record, content: &GossipRecordContent) -> Self {
        Self {
            minute: record.unix_minute(),
            publisher: record.pub_key(),
            peers: content.peers().copied().collect(),
            hashes: content.hashes().copied().collect(),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The gossip layer has a new neighbor.
    NeighborUp(PeerId),
    /// The gossip layer lost a neighbor.
    NeighborDown(PeerId),
    /// A message to the whole swarm was received.
    Received(MessageHash),
    /// A message to the whole swarm was sent.
    Sent(MessageHash),
    /// Messages may have been missed: the machine was too busy.
    Missed,
    /// A lookup that is under way found a verified record. Records of this node count too: the process may have been
    /// killed and be back, and they name the neighbors that it had.
    Record(SeenRecord),
    /// A lookup ended. Every [`Action::Lookup`] is answered by one.
    LookupDone {
        /// The minute that was looked up.
        minute: u64,
        /// Whether any DHT node answered at all.
        answered: bool,
    },
    /// A store ended, after all its retries.
    StoreDone {
        /// The minute of the slot.
        minute: u64,
        /// Whether any DHT node acknowledged it.
        stored: bool,
    },
    /// The node has learned its first address, or its addresses have changed.
    AddressChanged,
    /// The network may have changed, or the machine woke up.
    NetworkChanged,
    /// The application pauses the topic: no lookup, store or join comes until [`Input::Resumed`]. Those under way are
    /// given up and need no answer. The tracker still takes in neighbors and messages.
    Paused,
    /// The pause is over. Everything that was put off is done at once.
    Resumed,
}

/// Why peers are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinReason {
    /// There is no neighbor.
    Bootstrap,
    /// There are few neighbors, or nothing shows that the nodes in a record are in the same swarm.
    Bubble,
    /// A record shows messages that are unknown here, so the swarm may be split.
    Overlap,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Look up a minute's slot. Hand in each verified record, and then [`Input::LookupDone`].
    Lookup {
        /// The unix minute.
        minute: u64,
    },
    /// Store a record, and then hand in [`Input::StoreDone`]. This replaces a store that is under way.
    Store {
        /// The unix minute.
        minute: u64,
        /// The content of the record.
        content: Box<GossipRecordContent>,
    },
    /// Ask the gossip layer to join these peers.
    Join {
        /// The peers.
        peers: Vec<PeerId>,
        /// Why.
        reason: JoinReason,
    },
    /// Tell the application that the state has changed.
    State(TopicState),
}

/// The state of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TopicState {
    /// Looking for a first neighbor.
    #[default]
    LookingUp,
    /// There is at least one neighbor.
    Joined,
    /// The last neighbor is gone; looking for another one.
    Alone,
}

/// The state's name as logs and bindings spell it: `looking_up`, `joined` or `alone`.
impl fmt::Display for TopicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TopicState::LookingUp => "looking_up",
            TopicState::Joined => "joined",
            TopicState::Alone => "alone",
        })
    }
}

/// How much a [`Tracker`] remembers, in addition to the present neighbors and the actions that were not yet taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Footprint {
    /// Peers that were dialed, or may be dialed.
    pub peers: usize,
    /// Records of the last minutes.
    pub records: usize,
    /// Hashes of messages that were received or sent.
    pub heard: usize,
    /// Hashes of messages that only records named.
    pub named: usize,
}

/// Joined nodes store a minute's record this long before the minute begins. Most storing nodes keep the first value of
/// a slot. Otherwise a node that came first in a minute and was killed would hide the swarm for the whole minute.
const AHEAD: Duration = Duration::from_secs(20);
/// If one clock jumps against the other by more than this, the machine has slept or its time was set.
const CLOCK_JUMP: Duration = Duration::from_secs(20);

/// The state machine of one topic.
#[derive(Debug)]
pub struct Tracker {
    core: Core,
    bootstrap: Bootstrap,
    publisher: Publisher,
    merges: Merges,
    lost: Lost,
    last: Now,
    /// Whether no DHT node answered the last lookup.
    silent: bool,
    paused: bool,
}

/// The part that all parts of the tracker share.
#[derive(Debug)]
struct Core {
    me: PeerId,
    config: Config,
    rng: StdRng,
    neighbors: Neighbors,
    slots: Slots,
    window: MessageWindow,
    actions: VecDeque<Action>,
}

impl Tracker {
    /// The upper limit of [`Tracker::footprint`].
    pub const MAX_FOOTPRINT: Footprint = Footprint {
        peers: bootstrap::FOOTPRINT + lost::FOOTPRINT,
        records: slots::FOOTPRINT,
        heard: window::FOOTPRINT,
        named: merge::FOOTPRINT,
    };

    /// A tracker that begins to look for neighbors at once. Equal seeds and inputs give equal actions.
    pub fn new(me: PeerId, config: &Config, seed: u64, now: Now) -> Self {
        let mut core = Core {
            me,
            config: config.clone(),
            rng: StdRng::seed_from_u64(seed),
            neighbors: Neighbors::default(),
            slots: Slots::new(config.dht_config().get_timeout()),
            window: MessageWindow::default(),
            actions: VecDeque::new(),
        };
        core.actions.push_back(Action::State(TopicState::LookingUp));
        let mut bootstrap = Bootstrap::default();
        bootstrap.start(&mut core, now);
        let publisher = Publisher::new(&core, now);
        Self {
            core,
            bootstrap,
            publisher,
            merges: Merges::default(),
            lost: Lost::default(),
            last: now,
            silent: false,
            paused: false,
        }
    }

    /// Takes in an input.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.notice_clock_jump(now);
        let core = &mut self.core;
        match input {
            Input::NeighborUp(peer) => self.neighbor_up(now, peer),
            Input::NeighborDown(peer) => self.neighbor_down(now, peer),
            Input::Received(hash) => core.window.received(hash, now),
            Input::Sent(hash) => core.window.sent(hash, now),
            Input::Missed => self.restart_comparison(),
            Input::Record(record) => self.record(now, record),
            Input::LookupDone { minute, answered } => {
                core.slots.done(minute, answered, now);
                self.notice_silence(now, answered);
                let core = &mut self.core;
                self.publisher.looked(core, now, minute);
                self.advance(now);
            }
            Input::StoreDone { minute, stored } => self.publisher.store_done(core, now, minute, stored),
            Input::AddressChanged => {
                self.publisher.address_changed(core, now);
                self.advance(now);
            }
            Input::NetworkChanged => self.network_changed(now),
            Input::Paused => self.pause(),
            Input::Resumed => {
                self.paused = false;
                self.network_changed(now);
            }
        }
    }

    /// Does everything that is due. Call it at [`Tracker::next_deadline`]. Calls at other times do no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.notice_clock_jump(now);
        self.advance(now);
    }

    /// The next action, if there is one.
    pub fn next_action(&mut self) -> Option<Action> {
        self.core.actions.pop_front()
    }

    /// When to call [`Tracker::handle_timeout`], on the clock of [`Now::mono`].
    pub fn next_deadline(&self) -> Option<Duration> {
        if self.paused {
            return None;
        }
        let deadlines = [
            self.bootstrap.deadline(),
            self.publisher.deadline(),
            self.merges.deadline(),
            self.lost.deadline(),
            self.core.slots.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Whether there is a neighbor.
    pub fn is_joined(&self) -> bool {
        self.core.is_joined()
    }

    /// Whether the tracker is paused, see [`Input::Paused`].
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The current neighbors, in the order in which they came.
    pub fn neighbors(&self) -> &[PeerId] {
        &self.core.neighbors
    }

    /// Hashes of the last messages that were received, oldest first. The next record will name them.
    pub fn last_message_hashes(&self) -> impl Iterator<Item = &MessageHash> {
        self.core.window.last()
    }

    /// How much is remembered. It never exceeds [`Tracker::MAX_FOOTPRINT`], whatever comes in.
    pub fn footprint(&self) -> Footprint {
        Footprint {
            peers: self.bootstrap.footprint() + self.lost.footprint(),
            records: self.core.slots.footprint(),
            heard: self.core.window.footprint(),
            named: self.merges.footprint(),
        }
    }

    fn neighbor_up(&mut self, now: Now, peer: PeerId) {
        if !self.core.neighbors.add(peer, now) {
            return;
        }
        self.lost.neighbor_up(peer);
        if self.core.neighbors.len() == 1 {
            let led_nowhere = self.bootstrap.records_led_nowhere();
            self.bootstrap.stop(&mut self.core, now);
            self.publisher.joined(&mut self.core, now, led_nowhere);
            self.merges.joined(&mut self.core, now);
            self.core.actions.push_back(Action::State(TopicState::Joined));
        }
        self.publisher.neighbor_up(&mut self.core, now, peer);
    }

    fn neighbor_down(&mut self, now: Now, peer: PeerId) {
        let before = self.core.neighbors.len();
        self.bootstrap.has_left(peer, now);
        if let Some(since) = self.core.neighbors.remove(&peer) {
            self.lost.neighbor_down(&mut self.core, now, peer, since);
        }
        if before == 1 && self.core.neighbors.is_empty() {
            self.core.actions.push_back(Action::State(TopicState::Alone));
            self.merges.stop();
            self.restart_comparison();
            self.publisher.alone(now);
            if !self.paused {
                self.bootstrap.resume(&mut self.core, now);
            }
            self.advance(now);
        }
    }

    fn record(&mut self, now: Now, record: SeenRecord) {
        let core = &mut self.core;
        let own = record.publisher == core.me;
        let looked_for = if own { core.slots.saw_own(&record) } else { core.slots.add(record.clone(), &mut core.rng) };
        if !looked_for {
            return;
        }
        if !own {
            self.lost.record(core, &record);
        }
        self.bootstrap.record(&mut self.core, now, &record);
        self.advance(now);
    }

    /// Starts the comparison of records again. Messages from a time when this node did not listen are unknown here, and
    /// are no sign of a split.
    fn restart_comparison(&mut self) {
        self.core.window.restart_comparison();
        self.merges.restart_comparison();
    }

    fn network_changed(&mut self, now: Now) {
        self.restart_comparison();
        self.publisher.address_changed(&mut self.core, now);
        if !self.core.is_joined() && !self.paused {
            self.bootstrap.start(&mut self.core, now);
        }
        self.advance(now);
    }

    fn pause(&mut self) {
        self.paused = true;
        self.core.slots.give_up();
        self.core.actions.retain(|action| matches!(action, Action::State(_)));
    }

    fn advance(&mut self, now: Now) {
        let core = &mut self.core;
        core.slots.expire(now);
        if !self.paused {
            self.bootstrap.advance(core, now);
            self.publisher.advance(core, now, self.bootstrap.is_trying(now), self.bootstrap.records_led_nowhere());
            self.merges.advance(core, now);
            self.lost.advance(core, now);
        }
        // A clock that was set back has left records of "future" minutes. Every record that is of no use now is
        // forgotten.
        core.slots.forget_old(now);
    }

    /// If the network comes late, or comes back, the things that waited for an answer are done at once.
    fn notice_silence(&mut self, now: Now, answered: bool) {
        let is_back = std::mem::replace(&mut self.silent, !answered) && answered;
        if is_back && self.bootstrap.dht_is_back(&self.core, now) {
            self.publisher.dht_is_back(&self.core, now);
        }
    }

    fn notice_clock_jump(&mut self, now: Now) {
        let mono = now.mono.saturating_sub(self.last.mono);
        let unix = now.unix.saturating_sub(self.last.unix);
        let back = self.last.unix.saturating_sub(now.unix);
        self.last = now;
        if unix > mono + CLOCK_JUMP || back > CLOCK_JUMP {
            self.network_changed(now);
        }
    }
}

impl Core {
    fn is_joined(&self) -> bool {
        !self.neighbors.is_empty()
    }

    /// Whether a bubble merge would look for more neighbors.
    fn has_few_neighbors(&self) -> bool {
        let bubble = self.config.merge_config().bubble_merge().enabled();
        bubble.is_some_and(|settings| self.neighbors.len() < settings.min_neighbors())
    }

    fn is_known(&self, peer: &PeerId) -> bool {
        *peer == self.me || self.neighbors.contains(peer)
    }

    /// Whether a record names this node or a neighbor.
    fn names_us(&self, record: &SeenRecord) -> bool {
        self.is_known(&record.publisher) || record.peers.iter().any(|peer| self.is_known(peer))
    }

    /// Whether a record shows something that only a node of this swarm can know, or a node that listens to it.
    fn vouches_for(&self, record: &SeenRecord) -> bool {
        self.names_us(record) || record.hashes.iter().any(|hash| self.window.knows(hash))
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Makes sure that a slot has been looked up within `max_age`. Returns true if it has.
    fn want_slot(&mut self, minute: u64, max_age: Duration, now: Now) -> bool {
        if self.slots.is_fresh(minute, max_age, now) {
            return true;
        }
        if self.slots.begin(minute, now) {
            self.act(Action::Lookup { minute });
        }
        false
    }

    /// A random time below `most`.
    fn jitter(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.random::<f64>())
    }

    /// The content of a record that is made now.
    fn content(&mut self) -> Box<GossipRecordContent> {
        // A random choice spreads newcomers over all neighbors. Otherwise they would all go to those that came first.
        let mut peers = self.neighbors.to_vec();
        let (chosen, _) = peers.partial_shuffle(&mut self.rng, MAX_RECORD_PEERS);
        Box::new(GossipRecordContent::new(&*chosen, self.window.last()))
    }
}
