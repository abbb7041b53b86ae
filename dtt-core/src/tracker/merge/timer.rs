//! When a merge looks at the records, and whether a lookup of its own is needed for that.

use std::time::Duration;

use super::super::{Core, Now};

/// Records that were read this recently are compared without another lookup.
const SLOT_AGE: Duration = Duration::from_secs(20);
/// The first node that looks in a minute finds an empty slot. If it shares the lookups with at least this many
/// neighbors, it reads the slot of the minute before too.
const LOOKS_BACK: usize = 3;

/// The times of one merge.
#[derive(Debug, Default)]
pub(super) struct Timer {
    next: Option<Duration>,
    /// The time has come, but the records have not been read yet.
    waiting: bool,
    /// The first check is done. Later checks use the publisher's lookups.
    checked: bool,
}

impl Timer {
    /// A timer of a merge with the first check this long after joining. With `None`, there are no checks.
    pub(super) fn first(now: Now, interval: Option<Duration>) -> Self {
        Self { next: interval.map(|first| now.mono + first), ..Self::default() }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.next
    }

    /// Whether the time of a check has come. The records may not be there yet.
    pub(super) fn has_come(&self, now: Now) -> bool {
        self.next.is_some_and(|at| at <= now.mono)
    }

    /// Whether a check is due and the records are there.
    pub(super) fn is_due(&mut self, core: &mut Core, now: Now) -> bool {
        if self.has_come(now) {
            self.next = None;
            self.waiting = true;
        }
        if !self.waiting {
            return false;
        }
        if self.shares_lookups(core) {
            let fresh = |slot: &u64| core.slots.is_fresh(*slot, SLOT_AGE, now);
            let ahead = core.times.ahead(now);
            let looked = [core.slot(ahead), core.slot(now)].into_iter().find(fresh);
            let Some(looked) = looked else { return false };
            let first = core.slots.records(looked).is_empty() && core.neighbors.len() >= LOOKS_BACK;
            return !first || core.want_slot(looked.saturating_sub(1), SLOT_AGE, now);
        }
        // Both slots are asked for at once, so that both lookups run at the same time.
        let mut all_fresh = true;
        for slot in core.times.to_read(now) {
            all_fresh &= core.want_slot(slot, SLOT_AGE, now);
        }
        all_fresh
    }

    /// Makes this check one that needs no lookup of its own, if the publisher looks slots up anyway. Returns whether it does.
    pub(super) fn takes_lookups_of_publisher(&mut self, core: &Core) -> bool {
        self.checked = true;
        self.shares_lookups(core)
    }

    /// Whether checks wait for a lookup of the publisher. In each neighborhood one node looks once a minute, and one
    /// look is enough to find another part of the swarm.
    fn shares_lookups(&self, core: &Core) -> bool {
        self.checked && core.config.publisher_config().enabled().is_some()
    }

    /// Sets the time of the next check.
    pub(super) fn again(&mut self, core: &mut Core, now: Now, base: Duration, jitter: Duration) {
        self.waiting = false;
        self.checked = true;
        // The jitter keeps the lookups of nodes apart. The publisher's lookups are apart already.
        let jitter = if self.shares_lookups(core) { Duration::ZERO } else { core.jitter(jitter) };
        self.next = Some(now.mono + base + jitter);
    }
}
