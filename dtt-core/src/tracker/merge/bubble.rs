//! The bubble merge: a node with few neighbors looks for more. A small group may be a part that split off.

use std::time::Duration;

use rand::RngExt;

use super::{
    super::{Core, JoinReason, Now},
    records::{join, recent_records, smallness, unknown_peers},
    settle::Settle,
    strangers::Strangers,
    timer::Timer,
};

#[derive(Debug, Default)]
pub(super) struct Bubble {
    settle: Settle,
    timer: Timer,
    strangers: Strangers,
}

impl Bubble {
    pub(super) fn joined(&mut self, core: &mut Core, now: Now) {
        self.settle.joined(core, now);
        let settings = core.config.merge_config().bubble_merge().enabled();
        self.timer = Timer::first(now, settings.map(|settings| settings.initial_interval()));
    }

    pub(super) fn stop(&mut self) {
        self.settle.stop();
        self.timer = Timer::default();
        self.strangers = Strangers::default();
    }

    pub(super) fn footprint(&self) -> usize {
        self.strangers.footprint()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.settle.deadline().into_iter().chain(self.timer.deadline()).min()
    }

    pub(super) fn advance(&mut self, core: &mut Core, now: Now) {
        self.settle(core, now);
        self.check(core, now);
    }

    /// If a node has few neighbors a moment after joining, it joins more of the nodes that the bootstrap found. If a
    /// merge brought no neighbor, it tries other nodes: a liar's records name nodes that do not exist.
    fn settle(&mut self, core: &mut Core, now: Now) {
        if !self.settle.is_due(core, now) {
            return;
        }
        let Some(settings) = core.config.merge_config().bubble_merge().enabled().cloned() else { return };
        if core.neighbors.len() >= settings.min_neighbors() {
            if self.strangers.brought_nobody(core) {
                self.strangers.join_one(core, &recent_records(core, now), now);
            }
            return;
        }
        let unknown = unknown_peers(core, recent_records(core, now).iter());
        if unknown.is_empty() {
            self.settle.found_nobody(core, now);
        }
        join(core, unknown, settings.max_join_peers(), JoinReason::Bubble);
    }

    fn check(&mut self, core: &mut Core, now: Now) {
        let Some(settings) = core.config.merge_config().bubble_merge().enabled().cloned() else { return };
        let few = core.neighbors.len() < settings.min_neighbors();
        // With enough neighbors, a check causes no lookup of its own.
        if !few && self.timer.has_come(now) && !self.timer.takes_lookups_of_publisher(core) {
            return self.timer.again(core, now, settings.base_interval(), settings.max_jitter());
        }
        if !self.timer.is_due(core, now) {
            return;
        }
        self.timer.again(core, now, settings.base_interval(), settings.max_jitter());
        let records = recent_records(core, now);
        if few {
            let unknown = unknown_peers(core, records.iter());
            if !unknown.is_empty() {
                // Most of these nodes may not exist. If none answers, a few more of the same records are tried.
                self.settle.begin_without_lookup(core, now);
            }
            join(core, unknown, settings.max_join_peers(), JoinReason::Bubble);
            return;
        }
        self.strangers.forget_old(now);
        // Two records of a small swarm always name a common node; two records of a large swarm often do not. The more
        // nodes the records name, the more rarely a stranger is joined.
        let chance = smallness(core, &records);
        if core.rng.random_bool(chance) && self.strangers.join_one(core, &records, now) {
            self.settle.begin(core, now);
        }
    }
}
