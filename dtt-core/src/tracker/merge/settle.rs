//! The looks shortly after joining or merging: many nodes that start at once join in small groups.

use std::time::Duration;

use super::super::{Core, Now};

/// From joining, or from a merge, to a first look at whether more peers are to be joined, and on to the next ones.
const BASE: Duration = Duration::from_millis(1500);
const JITTER: Duration = Duration::from_millis(2500);
/// How many looks there are.
const LOOKS: u32 = 4;
/// A join begins the looks again only this long after they began last: neighbors may come and go as they like.
const AGAIN: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Settle {
    /// When the next look is.
    next: Option<Duration>,
    /// How many more looks there are.
    looks: u32,
    /// Whether a slot was looked up for them.
    looked_up: bool,
    /// When a join began them last.
    began: Option<Duration>,
}

impl Settle {
    /// The node has joined.
    pub(super) fn joined(&mut self, core: &mut Core, now: Now) {
        if self.began.is_none_or(|at| now.mono.saturating_sub(at) >= AGAIN) {
            self.began = Some(now.mono);
            self.begin(core, now);
            self.looked_up = false;
        }
    }

    pub(super) fn stop(&mut self) {
        *self = Self { began: self.began, ..Self::default() };
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.next
    }

    /// Begins the looks: what was just joined may come to nothing.
    pub(super) fn begin(&mut self, core: &mut Core, now: Now) {
        self.next = Some(now.mono + BASE + core.jitter(JITTER));
        self.looks = LOOKS;
    }

    /// The same, without any lookup for them.
    pub(super) fn begin_without_lookup(&mut self, core: &mut Core, now: Now) {
        self.begin(core, now);
        self.looked_up = true;
    }

    /// Whether it is time for a look. If it is, the next one is set.
    pub(super) fn is_due(&mut self, core: &mut Core, now: Now) -> bool {
        if self.next.is_none_or(|at| at > now.mono) {
            return false;
        }
        self.looks -= 1;
        self.next = (self.looks > 0).then(|| now.mono + BASE + core.jitter(JITTER));
        true
    }

    /// A node that looked before the others had published knows nobody else: it looks once more, for its next look.
    pub(super) fn found_nobody(&mut self, core: &mut Core, now: Now) {
        if !std::mem::replace(&mut self.looked_up, true) {
            core.want_slot(now.minute(), BASE, now);
        }
    }
}
