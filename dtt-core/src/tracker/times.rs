//! The times in which the two versions of the protocol differ, as one table. The rest of the tracker asks this table and
//! knows no version.

use std::time::Duration;

use super::{Now, SeenRecord};
use crate::{
    config::Protocol,
    wire::v2::{PERIOD, Period},
};

/// How far a store goes ahead of its slot, how long a lonely record serves, and so on.
#[derive(Debug)]
pub(super) struct Times {
    protocol: Protocol,
    /// Joined nodes store a slot's record this long before the slot begins.
    ahead: Duration,
    /// A record is remembered for this long after a lookup showed it last.
    pub(super) memory: Duration,
    /// A node without neighbors stores its record this often, and up to `lonely_spread` later.
    lonely: Duration,
    pub(super) lonely_spread: Duration,
    /// The longest pause between two records of a node without neighbors that finds its record replaced.
    pub(super) replaced: Duration,
}

/// Most storing nodes keep the first value of a slot. Otherwise a node that came first in a minute and was killed would
/// hide the swarm for the whole minute.
pub(super) const AHEAD: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);

/// Version 1: a slot for each minute. Old slots are forgotten as a whole.
const V1: Times = Times {
    protocol: Protocol::V1,
    ahead: AHEAD,
    memory: Duration::MAX,
    lonely: MINUTE,
    lonely_spread: Duration::from_secs(5),
    replaced: Duration::from_secs(10),
};

/// Version 2: a slot for each period, in which every storing node keeps the newest record. So a record serves until it is
/// replaced, and nobody has to write ahead.
const V2: Times = Times {
    protocol: Protocol::V2,
    ahead: Duration::ZERO,
    memory: Duration::from_secs(90),
    lonely: Duration::from_secs(300),
    lonely_spread: Duration::from_secs(30),
    replaced: Duration::from_secs(300),
};

impl Times {
    pub(super) fn of(protocol: Protocol) -> &'static Self {
        match protocol {
            Protocol::V1 => &V1,
            Protocol::V2 => &V2,
        }
    }

    /// Whether storing nodes keep the newest record. If not, most keep the first one.
    pub(super) fn newest_wins(&self) -> bool {
        self.protocol == Protocol::V2
    }

    /// The slot in which a node stores its records now.
    pub(super) fn slot(&self, now: Now) -> u64 {
        match self.protocol {
            Protocol::V1 => now.minute(),
            Protocol::V2 => Period::at(now.unix.as_secs()).number(),
        }
    }

    /// A moment in the slot for which joined nodes make their records now.
    pub(super) fn ahead(&self, now: Now) -> Now {
        Now { unix: now.unix.saturating_add(self.ahead), ..now }
    }

    /// The slots that newcomers read now, the likeliest first.
    pub(super) fn to_read(&self, now: Now) -> Vec<u64> {
        match self.protocol {
            Protocol::V1 => vec![now.minute(), now.minute().saturating_sub(1)],
            Protocol::V2 => Period::to_read(now.unix.as_secs()).map(Period::number).collect(),
        }
    }

    /// Whether the records of a slot are of use now. In version 1, a node may have stored ahead.
    pub(super) fn is_useful(&self, slot: u64, now: Now) -> bool {
        let around = self.slot(now);
        let before = match self.protocol {
            Protocol::V1 => 2,
            Protocol::V2 => 1,
        };
        (around.saturating_sub(before)..=around.saturating_add(1)).contains(&slot)
    }

    /// When a node without neighbors stores its record again after this one.
    pub(super) fn lonely_again(&self, now: Now, stored: Duration) -> Duration {
        match self.protocol {
            // The next minute has another slot.
            Protocol::V1 => now.mono + now.rest_of_minute(),
            Protocol::V2 => stored + self.lonely,
        }
    }

    /// When a record was made, at the earliest, as far as its minute tells. Clocks of version 2 may be ahead.
    pub(super) fn made_at(&self, record: &SeenRecord, now: Now) -> Duration {
        let minute = match self.protocol {
            Protocol::V1 => record.minute,
            Protocol::V2 => record.minute.min(now.minute()),
        };
        Duration::from_secs(minute.saturating_mul(60))
    }
}

const _: () = assert!(PERIOD > 2 * 60);
