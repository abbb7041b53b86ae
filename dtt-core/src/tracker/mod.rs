//! What to do next: the state machine of bootstrap, publishing and both merges of one topic.
//!
//! It touches no socket and no clock: inputs and the time go in, actions and the next deadline come out, and its
//! randomness follows from a seed. A driver carries the actions out; a simulator can run thousands of them.
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

/// A moment, on both clocks that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time on a clock that never jumps, since any fixed point. Deadlines are on this clock.
    pub mono: Duration,
    /// Time since the Unix epoch, by the node's own idea of it. Slots are on this clock.
    pub unix: Duration,
}

impl Now {
    /// The unix minute.
    pub fn minute(&self) -> u64 {
        self.unix.as_secs() / 60
    }

    /// What the clock shows a little later: the records of joined nodes are made on it.
    fn ahead(&self) -> Self {
        Self { unix: self.unix + AHEAD, ..*self }
    }

    /// What the clock showed a minute ago.
    fn before(&self) -> Self {
        Self { unix: self.unix.saturating_sub(Duration::from_secs(60)), ..*self }
    }

    /// How long this minute still lasts.
    fn rest_of_minute(&self) -> Duration {
        Duration::from_secs((self.minute() + 1) * 60) - self.unix
    }
}

/// What a verified record said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRecord {
    /// The minute of its slot.
    pub minute: u64,
    /// Who published it.
    pub publisher: PeerId,
    /// Its publisher's neighbors.
    pub peers: Vec<PeerId>,
    /// Hashes of the messages that its publisher heard last.
    pub hashes: Vec<MessageHash>,
}

impl SeenRecord {
    /// Reads a record that has been verified. Foreign content leaves the publisher alone.
    pub fn of(record: &Record) -> Self {
        let content = record.content::<GossipRecordContent>().unwrap_or_default();
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
    /// A message to the whole swarm was heard.
    Received(MessageHash),
    /// A message to the whole swarm was sent.
    Sent(MessageHash),
    /// Messages may have been missed: the machine was too busy.
    Missed,
    /// A lookup that is under way found a verified record. Our own ones count, too: this process may have been killed and
    /// be back, and they name the neighbors that it had.
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
    /// The node knows an address of its own for the first time, or has another one than before.
    AddressChanged,
    /// The network may have changed, or the machine woke up.
    NetworkChanged,
    /// The application rests: no lookup, store or join comes until [`Input::Resumed`]. Those under way are given up,
    /// and need no answer any more; neighbors and messages are still taken in.
    Paused,
    /// The rest is over: what was put off is done at once.
    Resumed,
}

/// Why peers are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinReason {
    /// There is no neighbor.
    Bootstrap,
    /// There are few neighbors, or records name nodes that nothing shows to be in the same swarm.
    Bubble,
    /// A record shows messages that are unknown here.
    Overlap,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Look a minute's slot up; hand in each verified record, then [`Input::LookupDone`].
    Lookup {
        /// The unix minute.
        minute: u64,
    },
    /// Store a record; then hand in [`Input::StoreDone`]. It replaces a store that is under way.
    Store {
        /// The unix minute.
        minute: u64,
        /// What the record says.
        content: Box<GossipRecordContent>,
    },
    /// Ask the gossip layer to join these peers.
    Join {
        /// The peers.
        peers: Vec<PeerId>,
        /// Why.
        reason: JoinReason,
    },
    /// Tell the application.
    State(TopicState),
}

/// Where a topic stands.
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

/// Its name as logs and bindings spell it: `looking_up`, `joined` or `alone`.
impl fmt::Display for TopicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TopicState::LookingUp => "looking_up",
            TopicState::Joined => "joined",
            TopicState::Alone => "alone",
        })
    }
}

/// How much a [`Tracker`] remembers, beside the present neighbors and the actions that are not yet taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Footprint {
    /// Peers that were dialed or may be.
    pub peers: usize,
    /// Records of the last minutes.
    pub records: usize,
    /// Hashes of messages that were heard or sent.
    pub heard: usize,
    /// Hashes of messages that only records named.
    pub named: usize,
}

/// Joined nodes store a minute's record so long before the minute begins. Most storing nodes keep a slot's first value: whoever
/// came first in a minute and was killed would hide the swarm for all of it.
const AHEAD: Duration = Duration::from_secs(20);
/// A clock that jumped against the other by more than this means that the machine slept or its time was set.
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
    /// Whether the lookup that ended last was answered by nobody.
    silent: bool,
    paused: bool,
}

/// What every part of the machine shares.
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
    /// The most that [`Tracker::footprint`] ever is.
    pub const MAX_FOOTPRINT: Footprint = Footprint {
        peers: bootstrap::FOOTPRINT + lost::FOOTPRINT,
        records: slots::FOOTPRINT,
        heard: window::FOOTPRINT,
        named: merge::FOOTPRINT,
    };

    /// A machine that begins to look for neighbors at once. Equal seeds and inputs give equal actions.
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

    /// Takes an input in.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.notice_clock_jump(now);
        let core = &mut self.core;
        match input {
            Input::NeighborUp(peer) => self.neighbor_up(now, peer),
            Input::NeighborDown(peer) => self.neighbor_down(now, peer),
            Input::Received(hash) => core.window.received(hash, now),
            Input::Sent(hash) => core.window.sent(hash, now),
            Input::Missed => self.judge_anew(),
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

    /// Does what the time has come for. Call it at [`Tracker::next_deadline`]; any other time does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.notice_clock_jump(now);
        self.advance(now);
    }

    /// The next action, if there is one.
    pub fn next_action(&mut self) -> Option<Action> {
        self.core.actions.pop_front()
    }

    /// When [`Tracker::handle_timeout`] wants to be called, on the clock of [`Now::mono`].
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

    /// Whether it rests: [`Input::Paused`].
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The current neighbors, in the order in which they came.
    pub fn neighbors(&self) -> &[PeerId] {
        &self.core.neighbors
    }

    /// Hashes of the last messages that were received, oldest first: what the next record will say.
    pub fn last_message_hashes(&self) -> impl Iterator<Item = &MessageHash> {
        self.core.window.last()
    }

    /// How much is remembered. Never more than [`Tracker::MAX_FOOTPRINT`], whatever comes in.
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
            let fruitless = self.bootstrap.is_fruitless();
            self.bootstrap.stop(&mut self.core, now);
            self.publisher.joined(&mut self.core, now, fruitless);
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
            self.judge_anew();
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

    /// What was said while we did not listen is unknown here, and marks no split.
    fn judge_anew(&mut self) {
        self.core.window.judge_anew();
        self.merges.judge_anew();
    }

    fn network_changed(&mut self, now: Now) {
        self.judge_anew();
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
            self.publisher.advance(core, now, self.bootstrap.is_trying(now), self.bootstrap.is_fruitless());
            self.merges.advance(core, now);
            self.lost.advance(core, now);
        }
        // A clock that was set back makes records of "future" minutes: everything old enough to be of no use goes.
        core.slots.forget_old(now);
    }

    /// A network that comes late, or is back: what was put off because nobody answered is done at once.
    fn notice_silence(&mut self, now: Now, answered: bool) {
        let is_back = std::mem::replace(&mut self.silent, !answered) && answered;
        if is_back && self.bootstrap.hears_again(&self.core, now) {
            self.publisher.hears_again(&self.core, now);
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

    /// Whether a bubble merge would look for more.
    fn has_few_neighbors(&self) -> bool {
        let bubble = self.config.merge_config().bubble_merge().enabled();
        bubble.is_some_and(|settings| self.neighbors.len() < settings.min_neighbors())
    }

    fn is_known(&self, peer: &PeerId) -> bool {
        *peer == self.me || self.neighbors.contains(peer)
    }

    /// Whether a record names us or a neighbor.
    fn names_us(&self, record: &SeenRecord) -> bool {
        self.is_known(&record.publisher) || record.peers.iter().any(|peer| self.is_known(peer))
    }

    /// Whether a record shows something that only the swarm we are in can know, or someone who listens to it.
    fn vouches_for(&self, record: &SeenRecord) -> bool {
        self.names_us(record) || record.hashes.iter().any(|hash| self.window.knows(hash))
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Makes sure that a slot has been looked up within `max_age`; true if it has.
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

    /// What a record says right now.
    fn content(&mut self) -> Box<GossipRecordContent> {
        // A random choice spreads newcomers over all neighbors, not over those that came first.
        let mut peers = self.neighbors.to_vec();
        let (chosen, _) = peers.partial_shuffle(&mut self.rng, MAX_RECORD_PEERS);
        Box::new(GossipRecordContent::new(&*chosen, self.window.last()))
    }
}
