use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::tracker::Now;

/// The present unix minute, shifted by an offset in minutes.
pub fn unix_minute(minute_offset: i64) -> u64 {
    (since_epoch().as_secs() / 60).saturating_add_signed(minute_offset)
}

/// The present unix time in seconds.
pub(super) fn unix_seconds() -> u64 {
    since_epoch().as_secs()
}

/// The present unix time in milliseconds.
pub(super) fn unix_ms() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

/// The monotonic clock and the wall clock of a topic. Deadlines count from the topic's start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn now(&self) -> Now {
        Now { mono: self.start.elapsed(), unix: since_epoch() }
    }

    pub(super) fn instant(&self, mono: Duration) -> Instant {
        self.start + mono
    }
}

/// A clock that shows a time before 1970 counts as 1970. No other node finds such a node, but it does not fail.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
