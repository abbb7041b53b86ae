//! The state machine of one topic. It decides what to do next for bootstrap, publishing and both merges.
//!
//! It touches no socket and no clock: inputs and the time go in, actions and the next deadline come out, and its
//! randomness follows from a seed. A driver carries the actions out; a simulator can run thousands of trackers.
//!
//! ```
//! use std::time::Duration;
//! use dtt_core::{Protocol, TopicConfig, tracker::{Action, Input, Now, Tracker}};
//!
//! let start = Now { mono: Duration::ZERO, unix: Duration::from_secs(1_750_000_000) };
//! let config = TopicConfig::builder().protocol(Protocol::V1).build();
//! let mut tracker = Tracker::new([1; 32], &config, 7, start);
//! let lookups: Vec<u64> = std::iter::from_fn(|| tracker.next_action())
//!     .filter_map(|action| match action { Action::Lookup { slot } => Some(slot), _ => None })
//!     .collect();
//! assert_eq!(lookups, [start.minute(), start.minute() - 1]);
//! tracker.handle(start, Input::NeighborUp([2; 32]));
//! assert!(tracker.is_joined());
//! ```

mod bootstrap;
mod io;
mod lost;
mod merge;
mod neighbors;
mod publisher;
mod shared;
mod slots;
mod times;
mod window;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use rand::{SeedableRng, rngs::StdRng};

use crate::config::TopicConfig;
use bootstrap::Bootstrap;
pub use io::{Action, Footprint, Input, JoinReason, MessageHash, Now, PeerId, SeenRecord, TopicState};
use lost::Lost;
use merge::Merges;
use neighbors::Neighbors;
use publisher::Publisher;
use shared::Core;
use slots::Slots;
use times::{AHEAD, Times};
use window::MessageWindow;

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

impl Tracker {
    /// The upper limit of [`Tracker::footprint`].
    pub const MAX_FOOTPRINT: Footprint = Footprint {
        peers: bootstrap::FOOTPRINT + lost::FOOTPRINT,
        records: slots::FOOTPRINT,
        heard: window::FOOTPRINT,
        named: merge::FOOTPRINT,
    };

    /// A tracker that begins to look for neighbors at once. Equal seeds and inputs give equal actions.
    pub fn new(me: PeerId, config: &TopicConfig, seed: u64, now: Now) -> Self {
        let mut core = Core {
            me,
            config: config.clone(),
            rng: StdRng::seed_from_u64(seed),
            neighbors: Neighbors::default(),
            times: Times::of(config.protocol()),
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
            Input::Unreachable(peer) => {
                self.bootstrap.unreachable(core, peer, now);
                self.advance(now);
            }
            Input::Received(hash) => core.window.received(hash, now),
            Input::Sent(hash) => core.window.sent(hash, now),
            Input::Missed => self.restart_comparison(),
            Input::Record(record) => self.record(now, record),
            Input::LookupDone { slot, answered } => {
                core.slots.done(slot, answered, now);
                self.notice_silence(now, answered);
                let core = &mut self.core;
                self.publisher.looked(core, now, slot);
                self.advance(now);
            }
            Input::StoreDone { slot, stored } => self.publisher.store_done(core, now, slot, stored),
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
            self.publisher.alone(&self.core, now);
            if !self.paused {
                self.bootstrap.resume(&mut self.core, now);
            }
            self.advance(now);
        }
    }

    fn record(&mut self, now: Now, record: SeenRecord) {
        let core = &mut self.core;
        let own = record.publisher == core.me;
        let looked_for =
            if own { core.slots.saw_own(&record) } else { core.slots.add(record.clone(), now, &mut core.rng) };
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
        core.slots.expire(now, core.times);
        if !self.paused {
            self.bootstrap.advance(core, now);
            self.publisher.advance(core, now, self.bootstrap.is_trying(now), self.bootstrap.records_led_nowhere());
            self.merges.advance(core, now);
            self.lost.advance(core, now);
        }
        // A clock that was set back has left records of "future" slots. Every record that is of no use now is forgotten.
        core.slots.forget_old(now, core.times);
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
