//! The looks at the records shortly after joining or merging. If many nodes start at once, they first join in small
//! groups.

use std::time::Duration;

use super::super::{Core, Now};

/// The time from joining, or from a merge, to the first look, and between two looks, plus the jitter. A look decides
/// whether more peers are joined.
const BASE: Duration = Duration::from_millis(1500);
const JITTER: Duration = Duration::from_millis(2500);
/// How many looks there are.
const LOOKS: u32 = 4;
/// After a join, the looks begin again only if this long has passed since they last began. Otherwise neighbors that
/// come and go could cause them as often as they like.
const AGAIN: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Settle {
    /// When the next look is due.
    next: Option<Duration>,
    /// How many more looks there are.
    looks: u32,
    /// Whether a slot was looked up for these looks.
    looked_up: bool,
    /// When a join last began the looks.
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

    /// Begins the looks, since the nodes that were just joined may not answer.
    pub(super) fn begin(&mut self, core: &mut Core, now: Now) {
        self.next = Some(now.mono + BASE + core.jitter(JITTER));
        self.looks = LOOKS;
    }

    /// Begins the looks, but without any lookup for them.
    pub(super) fn begin_without_lookup(&mut self, core: &mut Core, now: Now) {
        self.begin(core, now);
        self.looked_up = true;
    }

    /// Whether a look is due. If one is, the next one is planned.
    pub(super) fn is_due(&mut self, core: &mut Core, now: Now) -> bool {
        if self.next.is_none_or(|at| at > now.mono) {
            return false;
        }
        self.looks -= 1;
        self.next = (self.looks > 0).then(|| now.mono + BASE + core.jitter(JITTER));
        true
    }

    /// Looks the slot up once more, for the next look: a node that looked before the others had published knows nobody
    /// else.
    pub(super) fn found_nobody(&mut self, core: &mut Core, now: Now) {
        if !std::mem::replace(&mut self.looked_up, true) {
            core.want_slot(core.slot(now), BASE, now);
        }
    }
}
