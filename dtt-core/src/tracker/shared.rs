//! What the parts of a tracker share: the neighbors, the slots, and the actions that were not yet taken.

use std::{collections::VecDeque, time::Duration};

use rand::{RngExt, rngs::StdRng, seq::SliceRandom};

use super::{
    io::{Action, Now, PeerId, SeenRecord},
    neighbors::Neighbors,
    slots::Slots,
    times::Times,
    window::MessageWindow,
};
use crate::{
    config::TopicConfig,
    wire::{GossipRecordContent, MAX_RECORD_PEERS},
};

/// The part that all parts of the tracker share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) me: PeerId,
    pub(super) config: TopicConfig,
    pub(super) times: &'static Times,
    pub(super) rng: StdRng,
    pub(super) neighbors: Neighbors,
    pub(super) slots: Slots,
    pub(super) window: MessageWindow,
    pub(super) actions: VecDeque<Action>,
}

impl Core {
    pub(super) fn is_joined(&self) -> bool {
        !self.neighbors.is_empty()
    }

    /// Whether a bubble merge would look for more neighbors.
    pub(super) fn has_few_neighbors(&self) -> bool {
        let bubble = self.config.merge_config().bubble_merge().enabled();
        bubble.is_some_and(|settings| self.neighbors.len() < settings.min_neighbors())
    }

    pub(super) fn is_known(&self, peer: &PeerId) -> bool {
        *peer == self.me || self.neighbors.contains(peer)
    }

    /// Whether a record names this node or a neighbor.
    pub(super) fn names_us(&self, record: &SeenRecord) -> bool {
        self.is_known(&record.publisher) || record.peers.iter().any(|peer| self.is_known(peer))
    }

    /// Whether a record shows something that only a node of this swarm can know, or a node that listens to it.
    pub(super) fn vouches_for(&self, record: &SeenRecord) -> bool {
        self.names_us(record) || record.hashes.iter().any(|hash| self.window.knows(hash))
    }

    /// The slot in which a node stores its records now.
    pub(super) fn slot(&self, now: Now) -> u64 {
        self.times.slot(now)
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Makes sure that a slot has been looked up within `max_age`. Returns true if it has.
    pub(super) fn want_slot(&mut self, slot: u64, max_age: Duration, now: Now) -> bool {
        if self.slots.is_fresh(slot, max_age, now) {
            return true;
        }
        if self.slots.begin(slot, now) {
            self.act(Action::Lookup { slot });
        }
        false
    }

    /// A random time below `most`.
    pub(super) fn jitter(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.random::<f64>())
    }

    /// The content of a record that is made now.
    pub(super) fn content(&mut self) -> Box<GossipRecordContent> {
        // A random choice spreads newcomers over all neighbors. Otherwise they would all go to those that came first.
        let mut peers = self.neighbors.to_vec();
        let (chosen, _) = peers.partial_shuffle(&mut self.rng, MAX_RECORD_PEERS);
        Box::new(GossipRecordContent::new(&*chosen, self.window.last()))
    }
}
