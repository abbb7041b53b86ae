//! How much a tracker may do, by its options and the time that has passed. No input can lift these ceilings.
//!
//! Each is counted from the start. Events that members cannot cause raise them: a clock that is set, or a change of the
//! network.

use std::time::Duration;

use dtt_core::TopicConfig;

/// A round of the bootstrap reads at most the slots of this minute, of the one before and of the one after.
const ROUND_LOOKUPS: u64 = 3;
/// Pauses are up to a quarter shorter than their nominal length. The first nominal pause is an eighth of its option.
const JITTER: f64 = 0.75;
const FIRST_PAUSE_PART: u32 = 8;
/// Each pause is at least twice the one before, up to this many times.
const LAST_STEP: u32 = 12;
/// The least length that the pauses reach, which is for records that name a new node.
const NEWS_PAUSE: Duration = Duration::from_secs(2);
/// If the DHT is back after a silence, searching and publishing start over, but no more often than this.
const START_OVER_SPACING: Duration = Duration::from_secs(30);
/// A neighbor that stays for a shorter time than this does not reset the pauses of the search.
const STEADY: Duration = Duration::from_secs(30);
/// A merge or a record uses a lookup of its slot that is at most this old.
const PUBLISH_AGE: Duration = Duration::from_secs(20);
const MERGE_AGE: Duration = Duration::from_secs(20);
/// After joining or a merge, a node with few neighbors looks at the records this many times. After joining, it reads
/// one slot for that. Both happen again only after this time.
const SETTLE_LOOKS: u64 = 4;
const SETTLE_AGAIN: Duration = Duration::from_secs(30);
/// A neighbor that went together with others is asked again after this.
const LOST_PAUSE: Duration = Duration::from_secs(20);
/// The last neighbor that stayed for this long is asked this many times.
const LAST_STAYED: Duration = Duration::from_secs(60);
const LAST_TRIES: u64 = 3;
/// A lookup without an answer is given up this long after its own time-out.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// Dials of a round that may be followed by the next one at once because they failed.
const MAX_FAILED: u64 = 32;
/// The least time before a record is stored again because it was not stored, was overwritten, has other addresses, or
/// was replaced by those of many newcomers.
const AGAIN: Duration = Duration::from_secs(3);

/// The ceilings of one tracker.
#[derive(Debug)]
pub struct Rates {
    start: Duration,
    pause_first: Duration,
    pause_most: Duration,
    /// The rounds that are allowed so far, when the next one is, and how many times the pause has grown.
    rounds: u64,
    next_round: Duration,
    step: u32,
    /// When the search may start over next.
    next_start: Duration,
    joined_since: Duration,
    dial_spacing: Duration,
    store_spacing: Duration,
    merges: [Option<Merge>; 2],
    lookup_limit: Duration,
    minute_changes: u64,
    disturbances: u64,
    failed_dials: u64,
}

#[derive(Debug, Clone, Copy)]
struct Merge {
    spacing: Duration,
    peers: u64,
}

/// How often something can happen within a time, if it is spaced by at least `spacing`. Without a spacing there is no
/// limit.
fn times(elapsed: Duration, spacing: Duration) -> u64 {
    if spacing.is_zero() { u64::MAX / 1_000_000 } else { 1 + (elapsed.as_nanos() / spacing.as_nanos()) as u64 }
}

impl Rates {
    /// The ceilings of a tracker that starts now.
    pub fn new(config: &TopicConfig, now: Duration) -> Self {
        let bootstrap = config.bootstrap_config();
        let publisher = config.publisher_config().enabled();
        let published = publisher.map(|settings| settings.base_interval().min(settings.initial_delay()));
        let bubble = config.merge_config().bubble_merge().enabled().map(|settings| Merge {
            spacing: settings.initial_interval().min(settings.base_interval()),
            peers: settings.max_join_peers() as u64,
        });
        let overlap = config.merge_config().message_overlap_merge().enabled().map(|settings| Merge {
            spacing: settings.initial_interval().min(settings.base_interval()),
            peers: settings.max_join_peers() as u64,
        });
        Self {
            start: now,
            pause_first: (bootstrap.no_peers_retry_interval() / FIRST_PAUSE_PART)
                .min(bootstrap.discovery_poll_interval())
                .mul_f64(JITTER),
            pause_most: bootstrap.max_retry_interval().min(NEWS_PAUSE).mul_f64(JITTER),
            rounds: 1,
            next_round: now,
            step: 0,
            next_start: now,
            joined_since: now,
            dial_spacing: bootstrap.per_peer_join_settle_time().min(bootstrap.join_confirmation_wait_time()),
            store_spacing: published.map_or(AGAIN, |spacing| spacing.min(AGAIN)),
            merges: [bubble, overlap],
            lookup_limit: config.dht_config().get_timeout() + LOST_AFTER,
            minute_changes: 0,
            disturbances: 0,
            failed_dials: 0,
        }
    }

    /// Notes that time has passed.
    pub fn pass(&mut self, now: Duration) {
        while self.next_round <= now && self.step < LAST_STEP {
            self.rounds += 1;
            self.next_round += self.pause();
            self.step += 1;
        }
        while self.next_start <= now {
            // Starting over allows as many short pauses as it takes to reach the longest one.
            self.rounds += u64::from(LAST_STEP);
            self.next_start += START_OVER_SPACING;
        }
        if self.next_round <= now {
            let more = times(now - self.next_round, self.pause());
            self.rounds += more;
            self.next_round += self.pause() * more as u32;
        }
    }

    fn pause(&self) -> Duration {
        self.pause_first.saturating_mul(1 << self.step).min(self.pause_most)
    }

    /// Notes that the clock or the network has changed.
    pub fn disturbed(&mut self, now: Duration) {
        self.disturbances += 1;
        self.search_again(now);
    }

    /// Notes that a dial has failed: the next one may follow at once.
    pub fn dial_failed(&mut self) {
        self.failed_dials += 1;
    }

    /// Notes that another unix minute has begun.
    pub fn minute_changed(&mut self) {
        self.minute_changes += 1;
    }

    /// Notes that there is a first neighbor.
    pub fn joined(&mut self, now: Duration) {
        self.joined_since = now;
    }

    /// Notes that the last neighbor is gone.
    pub fn alone(&mut self, now: Duration) {
        if now - self.joined_since >= STEADY {
            self.search_again(now);
        }
    }

    fn search_again(&mut self, now: Duration) {
        self.rounds += 1;
        self.step = 0;
        self.next_round = now;
        self.pass(now);
    }

    /// The lookups that are allowed until now.
    pub fn lookups(&self, now: Duration) -> u64 {
        let elapsed = now - self.start;
        let publisher = times(elapsed, PUBLISH_AGE) + self.minute_changes + self.disturbances;
        // A merge reads two slots. It reads one of them again if it has become old before the lookup of the other one
        // ended.
        let waits = 1 + (self.lookup_limit.as_secs() / MERGE_AGE.as_secs());
        let firings = self.merges.iter().flatten().map(|merge| times(elapsed, merge.spacing)).sum::<u64>();
        let by_firings = firings.saturating_mul(2 * waits);
        let by_age = 2 * times(elapsed, MERGE_AGE);
        let merges = by_firings.min(by_age) + 2 * (self.minute_changes + self.disturbances);
        self.rounds * ROUND_LOOKUPS + publisher + merges + times(elapsed, SETTLE_AGAIN)
    }

    /// The stores that are allowed until now.
    pub fn stores(&self, now: Duration) -> u64 {
        let elapsed = now - self.start;
        2 + times(elapsed, self.store_spacing)
            + times(elapsed, START_OVER_SPACING)
            + self.minute_changes
            + self.disturbances
    }

    /// The peers that may have been joined until now because there was no neighbor.
    pub fn dials(&self, now: Duration) -> u64 {
        let failed = self.failed_dials.min(self.rounds * MAX_FAILED);
        times(now - self.start, self.dial_spacing) + self.rounds + failed
    }

    /// Peers that may have been joined until now by the bubble merge (0) or the overlap merge (1).
    pub fn merged(&self, which: usize, now: Duration) -> u64 {
        let elapsed = now - self.start;
        // Looks follow a first neighbor, and a merge that brought none.
        let follows = if which == 0 { SETTLE_LOOKS } else { 0 };
        let settling = follows * times(elapsed, SETTLE_AGAIN);
        let lost = if which == 0 { times(elapsed, LOST_PAUSE) + LAST_TRIES * times(elapsed, LAST_STAYED) } else { 0 };
        self.merges[which].map_or(0, |merge| {
            let firings = times(elapsed, merge.spacing).saturating_mul(1 + follows);
            firings.saturating_add(settling).saturating_mul(merge.peers).saturating_add(lost)
        })
    }
}
