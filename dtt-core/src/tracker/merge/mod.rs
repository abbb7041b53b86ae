//! Keeping the swarm whole: looking for more neighbors when there are few, and noticing that the swarm has split.

mod bubble;
mod overlap;
mod records;
mod settle;
mod strangers;
mod timer;

use std::time::Duration;

use super::{Core, Now};
use bubble::Bubble;
use overlap::Overlap;
pub(super) use records::is_my_turn;

/// The most messages and strangers that are remembered.
pub(super) const FOOTPRINT: usize = overlap::FOOTPRINT + strangers::FOOTPRINT;

/// Both merges of a topic.
#[derive(Debug, Default)]
pub(super) struct Merges {
    bubble: Bubble,
    overlap: Overlap,
}

impl Merges {
    pub(super) fn joined(&mut self, core: &mut Core, now: Now) {
        self.bubble.joined(core, now);
        self.overlap.joined(core, now);
    }

    /// The last neighbor is gone.
    pub(super) fn stop(&mut self) {
        self.bubble.stop();
        self.overlap = Overlap::default();
    }

    /// Messages may have been missed, so an unknown message is no sign of a split.
    pub(super) fn restart_comparison(&mut self) {
        self.overlap.restart_comparison();
    }

    /// How many messages and strangers are remembered.
    pub(super) fn footprint(&self) -> usize {
        self.overlap.footprint() + self.bubble.footprint()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.bubble.deadline().into_iter().chain(self.overlap.deadline()).min()
    }

    pub(super) fn advance(&mut self, core: &mut Core, now: Now) {
        if core.is_joined() {
            self.bubble.advance(core, now);
            self.overlap.advance(core, now);
        }
    }
}
