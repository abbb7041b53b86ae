//! A rate limit: so many actions per second, and some more in reserve.

use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Budget {
    per_second: f64,
    in_hand: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new(per_second: f64, in_hand: f64, now: Instant) -> Self {
        Self { per_second, in_hand, left: in_hand, at: now }
    }

    /// Takes this many actions from the budget, if it has them.
    pub(super) fn allows(&mut self, times: usize, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + earned).min(self.in_hand);
        self.at = now;
        let allowed = self.left >= times as f64;
        if allowed {
            self.left -= times as f64;
        }
        allowed
    }
}
