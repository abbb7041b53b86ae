//! Looks into other slots for signs that this machine's clock is off.
//!
//! In version 1, members meet in the slots of the present minute and the last one. A member whose clock is minutes off
//! reads and writes other slots, and finds nobody. In version 2, the same holds for clocks that differ by more than 15
//! minutes. So a topic that waits in vain for a first neighbor looks into some more slots
//! now and then. It dials nothing that it finds there.
//!
//! There is no other clock to ask: the DHT's answers name no time, and iroh does not show the time in a relay's
//! answers.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{StreamExt, stream::SelectAll};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{hub::Hub, keys::Keys};
use crate::net::{Dht, clock::unix_seconds, dht::Found, unix_minute};
use crate::{sync::Unpoisoned, tracker::PeerId};

/// Slots of version 1 that are looked into, in minutes before and after the present one. The bootstrap reads the nearer
/// ones.
const FIRST: u64 = 2;
const LAST: u64 = 6;
/// The most time that the bootstrap gets first. It gets half of the caller's wait if that is less.
const PATIENCE: Duration = Duration::from_secs(4);
/// A caller that waits for less than this learns nothing about other minutes.
const LEAST: Duration = Duration::from_secs(2);
/// How often the look checks whether the topic's own lookups have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Least time between two looks. A look takes ten lookups, as many as a lonely node needs in a minute.
const AGAIN: Duration = Duration::from_secs(300);
/// Values of one slot that are opened. Each costs an eighth of a millisecond.
const MAX_VALUES: usize = 64;
/// A clock that shows an earlier unix minute was never set. This one is January 1, 2025.
const NEVER_SET: u64 = 1_735_689_600 / 60;

/// What a topic knows of other slots.
#[derive(Debug, Default)]
pub(super) struct OtherSlots(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// When the last look ended that was not cut off.
    looked: Option<Instant>,
    looks: bool,
    signs: Signs,
}

impl Inner {
    fn may_look(&self) -> bool {
        !self.looks && self.looked.is_none_or(|at| at.elapsed() >= AGAIN)
    }
}

/// All topics share the machine's clock, so one topic looks at a time. Another one can look only after that.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// A look under way. If it is cut off, the next one need not wait.
struct Looking<'a> {
    of: &'a OtherSlots,
    ended: bool,
    _turn: SemaphorePermit<'static>,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        let mut inner = self.of.lock();
        inner.looks = false;
        if self.ended {
            inner.looked = Some(Instant::now());
        }
    }
}

/// A look that may be under way. Dropping this ends it.
#[derive(Debug)]
pub(super) struct Look(AbortHandle);

impl Drop for Look {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How far records of others are from this machine's minute: the latest one on each side, by their writers' clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Signs {
    ahead: Option<u64>,
    behind: Option<u64>,
}

/// How long the bootstrap gets first, if somebody waits for `limit`. `None` if that is too short for a look.
fn patience(limit: Duration) -> Option<Duration> {
    (limit >= LEAST).then(|| PATIENCE.min(limit / 2))
}

impl Signs {
    /// Notes a record of a minute.
    fn add(&mut self, minute: u64, now: u64) {
        if minute > now {
            self.ahead = self.ahead.max(Some(minute - now));
        } else {
            let far = now - minute;
            self.behind = Some(self.behind.map_or(far, |known| known.min(far)));
        }
    }

    /// What the signs say about the clock, in words.
    fn clock_doubt(self) -> Option<String> {
        match self {
            // In version 1, a record is stored 20 s before its minute at the earliest. In version 2, a minute counts here if
            // it is too far ahead. So one of the two clocks is wrong.
            Signs { ahead: Some(far), .. } => Some(format!(
                "a record of another member is {} ahead of this machine's clock: this clock may be off by up to that \
                 much, or the other member's",
                in_minutes(far)
            )),
            Signs { behind: Some(far), .. } => Some(format!(
                "the last record of another member is {0} old: no member has been there since, or this machine's clock \
                 may be off by about {0}",
                in_minutes(far)
            )),
            _ => None,
        }
    }
}

fn in_minutes(far: u64) -> String {
    format!("{far} minute{}", if far == 1 { "" } else { "s" })
}

impl OtherSlots {
    /// Looks into other slots if somebody waits long enough, unless that was done lately. Dropping the result ends
    /// the look. A topic that has had a neighbor does not look, since its clock is good enough.
    pub(super) fn look(
        self: &Arc<Self>,
        limit: Duration,
        hub: Arc<Hub>,
        me: PeerId,
        dht: &Dht,
        keys: &Keys,
    ) -> Option<Look> {
        let patience = patience(limit).filter(|_| self.may_look() && hub.counters.joined.get() == 0)?;
        let (this, dht, keys) = (self.clone(), dht.clone(), keys.clone());
        // In a task of its own: a rotation that the application provides may block or panic.
        let look = tokio::spawn(async move {
            sleep(patience).await;
            // The topic's own lookups come first. In a process with many topics, they take a while.
            while hub.counters.lookups_answered.get() == 0 {
                sleep(LOOK_AGAIN).await;
            }
            let finds_nobody = !hub.is_paused() && hub.search.summary().records == 0;
            if finds_nobody && let Some(mut looking) = this.begin() {
                looking.ended = this.run(me, &dht, &keys).await;
            }
        });
        Some(Look(look.abort_handle()))
    }

    /// Reads the slots. Returns whether the DHT answered every lookup: otherwise the next caller looks again.
    async fn run(&self, me: PeerId, dht: &Dht, keys: &Keys) -> bool {
        let now = unix_minute(0);
        let mut lookups: SelectAll<_> = SelectAll::new();
        for slot in keys.slots_around(unix_seconds(), FIRST..=LAST) {
            let keys = Arc::new(keys.slot(slot));
            let lookup = dht.lookup(keys.place()).take(MAX_VALUES);
            lookups.push(lookup.map(move |found| (keys.clone(), found)).boxed());
        }
        let mut answered_all = true;
        while let Some((keys, found)) = lookups.next().await {
            match found {
                Found::Value(value, _) => {
                    if let Some(minute) = keys.minute_of_other_clock(&value, me, unix_seconds()) {
                        tracing::debug!(target: "dtt::topic", minute, now, "record of another minute found");
                        self.lock().signs.add(minute, now);
                    }
                }
                Found::End { answered } => answered_all &= answered,
            }
        }
        answered_all
    }

    fn may_look(&self) -> bool {
        self.lock().may_look()
    }

    /// `None` if another look is under way, or has ended lately: several callers may wait.
    fn begin(&self) -> Option<Looking<'_>> {
        let turn = ONE_AT_A_TIME.try_acquire().ok()?;
        let mut inner = self.lock();
        if !inner.may_look() {
            return None;
        }
        inner.looks = true;
        inner.signs = Signs::default();
        drop(inner);
        Some(Looking { of: self, ended: false, _turn: turn })
    }

    /// How far the clock may be off, in words.
    pub(super) fn clock_doubt(&self) -> Option<String> {
        clock_doubt(unix_minute(0), self.lock().signs)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unpoisoned()
    }
}

fn clock_doubt(now: u64, signs: Signs) -> Option<String> {
    if now < NEVER_SET {
        return Some("this machine's clock shows a time before 2025, so it was never set".into());
    }
    signs.clock_doubt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 29_500_000;

    fn signs(minutes: &[u64]) -> Signs {
        let mut signs = Signs::default();
        minutes.iter().for_each(|minute| signs.add(*minute, NOW));
        signs
    }

    #[test]
    fn a_look_reads_the_slots_of_clocks_that_are_off() {
        use crate::wire::{TopicId, TopicKeys, v2};
        let keys = Keys::V1(TopicKeys::new(TopicId::new("topic"), b"secret", None));
        let looked = keys.slots_around(NOW * 60, FIRST..=LAST);
        let far: Vec<i64> = looked.into_iter().map(|minute| minute as i64 - NOW as i64).collect();
        assert_eq!(far, [2, -2, 3, -3, 4, -4, 5, -5, 6, -6]);
        assert_eq!(keys.slots_around(60, FIRST..=LAST).iter().min(), Some(&0), "a clock that was never set");
        let keys = Keys::V2(v2::TopicKeys::new(v2::Root::random(), None));
        assert_eq!(keys.slots_around(100 * v2::PERIOD, FIRST..=LAST), [100, 101, 99, 102, 98]);
    }

    #[test]
    fn in_version_2_only_a_minute_that_is_too_far_off_is_a_sign() {
        use crate::wire::{GossipRecordContent, Record, v2};
        let keys = v2::TopicKeys::new(v2::Root::random(), None);
        let (now, node) = (100 * v2::PERIOD, ed25519_dalek::SigningKey::from_bytes(&[7; 32]));
        let period = keys.period(v2::Period::at(now));
        let value = |minute| {
            let content = GossipRecordContent::default();
            let record = Record::sign(keys.topic_id().hash(), minute, content, &node).unwrap();
            period.seal(&record).unwrap()
        };
        let slot = Keys::V2(keys.clone()).slot(100);
        assert_eq!(slot.minute_of_other_clock(&value(now / 60 + 15), [0; 32], now), None);
        assert_eq!(slot.minute_of_other_clock(&value(now / 60 + 16), [0; 32], now), Some(now / 60 + 16));
        assert_eq!(slot.minute_of_other_clock(&value(now / 60 - 46), [0; 32], now), Some(now / 60 - 46));
    }

    #[test]
    fn the_bootstrap_has_its_time_first() {
        assert_eq!(patience(Duration::from_secs(1)), None);
        assert_eq!(patience(Duration::from_secs(2)), Some(Duration::from_secs(1)));
        assert_eq!(patience(Duration::from_secs(600)), Some(PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn one_look_serves_all_callers_for_a_while() {
        let (minutes, other) = (OtherSlots::default(), OtherSlots::default());
        drop(minutes.begin().unwrap());
        assert!(minutes.may_look(), "it was cut off");
        let mut looking = minutes.begin().unwrap();
        assert!(minutes.begin().is_none() && other.begin().is_none(), "one at a time");
        minutes.lock().signs = signs(&[NOW + 3]);
        looking.ended = true;
        drop(looking);
        assert!(minutes.begin().is_none() && !minutes.may_look());
        assert_eq!(minutes.lock().signs, signs(&[NOW + 3]), "what was found stands");
        tokio::time::advance(AGAIN).await;
        assert!(minutes.may_look() && minutes.begin().is_some());
        assert_eq!(minutes.lock().signs, Signs::default());
    }

    #[test]
    fn the_latest_record_on_either_side_tells_about_the_clock() {
        assert_eq!(clock_doubt(NOW, signs(&[])), None);
        // A member whose clock is five minutes ahead, and that came three minutes ago, has written to three slots.
        let ahead = clock_doubt(NOW, signs(&[NOW + 3, NOW + 5, NOW + 4, NOW - 2])).unwrap();
        assert!(ahead.contains("5 minutes ahead of this machine's clock: this clock may be off by"), "{ahead}");
        let behind = clock_doubt(NOW, signs(&[NOW - 6, NOW - 4])).unwrap();
        assert!(behind.contains("is 4 minutes old: no member has been there since"), "{behind}");
        assert!(behind.ends_with("clock may be off by about 4 minutes"), "{behind}");
        assert!(clock_doubt(0, signs(&[])).unwrap().contains("before 2025"), "it was never set");
    }
}
