//! The keys and the judged values of the minutes that are looked up.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::Arc,
};

use lru::LruCache;
use tokio::time::Instant;

use super::budget::Budget;
use crate::{
    error::RecordError,
    wire::{MinuteKeys, Record, TopicKeys},
};

/// Values that may be judged per second, and at once. Opening one costs an eighth of a millisecond. So a flooded slot
/// takes at most a fortieth of a core, and no value is shut out for good.
const JUDGED_PER_SECOND: f64 = 200.0;
const JUDGED_IN_HAND: f64 = 256.0;
/// Judged values of one slot that are remembered, so that none is judged twice.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// How many minutes before and after the latest one are kept.
const KEEP: u64 = 3;

#[derive(Debug)]
pub(super) struct Minutes {
    keys: TopicKeys,
    by_minute: BTreeMap<u64, Minute>,
    hasher: RandomState,
    budget: Budget,
}

#[derive(Debug)]
struct Minute {
    keys: Arc<MinuteKeys>,
    judged: LruCache<u64, Option<Arc<Record>>>,
}

/// What a value from a slot turned out to be.
#[derive(Debug)]
pub(super) enum Judged {
    /// A record that had not been seen before.
    New(Arc<Record>),
    /// A record that has been seen before.
    Known(Arc<Record>),
    /// Refused now for the first time.
    Refused(RecordError),
    /// Refused before, or beyond the number of values that may be judged now.
    Ignored,
}

impl Minutes {
    pub(super) fn new(keys: TopicKeys, now: Instant) -> Self {
        let budget = Budget::new(JUDGED_PER_SECOND, JUDGED_IN_HAND, now);
        Self { keys, by_minute: BTreeMap::new(), hasher: RandomState::new(), budget }
    }

    /// The keys of a minute, derived once.
    pub(super) fn keys(&mut self, minute: u64) -> Arc<MinuteKeys> {
        self.minute(minute).keys.clone()
    }

    /// Opens and verifies a value, once per distinct value: the nodes that store a slot mostly hold the same few.
    pub(super) fn judge(&mut self, minute: u64, value: &[u8], now: Instant) -> Judged {
        let fingerprint = self.hasher.hash_one(value);
        if let Some(known) = self.minute(minute).judged.get(&fingerprint).cloned() {
            return known.map_or(Judged::Ignored, Judged::Known);
        }
        if !self.budget.allows(1, now) {
            return Judged::Ignored;
        }
        let entry = self.minute(minute);
        let opened = entry.keys.open(value).map(Arc::new);
        entry.judged.put(fingerprint, opened.as_ref().ok().cloned());
        match opened {
            Ok(record) => Judged::New(record),
            Err(error) => Judged::Refused(error),
        }
    }

    fn minute(&mut self, minute: u64) -> &mut Minute {
        let near = minute.saturating_sub(KEEP)..=minute.saturating_add(KEEP);
        self.by_minute.retain(|known, _| near.contains(known));
        let keys = &self.keys;
        self.by_minute
            .entry(minute)
            .or_insert_with(|| Minute { keys: Arc::new(keys.minute(minute)), judged: LruCache::new(REMEMBERED) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::wire::{RecordContent, TopicId};

    const MINUTE: u64 = 29_000_000;

    fn record(keys: &TopicKeys, n: u32) -> Vec<u8> {
        let node = SigningKey::from_bytes(&[7; 32]);
        let content = RecordContent(n.to_le_bytes().to_vec());
        keys.minute(MINUTE).seal(&Record::sign_content(keys.topic_id().hash(), MINUTE, content, &node)).unwrap()
    }

    #[test]
    fn noise_shuts_no_record_out_for_good() {
        let keys = TopicKeys::new(TopicId::new("topic"), b"secret", None);
        let start = Instant::now();
        let mut minutes = Minutes::new(keys.clone(), start);
        let flood = |minutes: &mut Minutes, now| {
            (0..100_000u32)
                .filter(|n| matches!(minutes.judge(MINUTE, &n.to_le_bytes(), now), Judged::Refused(_)))
                .count()
        };
        assert_eq!(flood(&mut minutes, start), 256, "as many as may be judged at once");
        let value = record(&keys, 0);
        assert!(matches!(minutes.judge(MINUTE, &value, start), Judged::Ignored));
        let later = start + Duration::from_millis(10);
        assert!(matches!(minutes.judge(MINUTE, &value, later), Judged::New(_)), "another lookup finds it again");
        assert!(matches!(minutes.judge(MINUTE, &value, later), Judged::Known(_)));
        assert_eq!(flood(&mut minutes, start + Duration::from_secs(1)), 199);
    }

    #[test]
    fn the_memory_of_a_slot_has_a_bound() {
        let keys = TopicKeys::new(TopicId::new("topic"), b"secret", None);
        let start = Instant::now();
        let mut minutes = Minutes::new(keys.clone(), start);
        for n in 0..2000u32 {
            let now = start + Duration::from_millis(10) * n;
            assert!(matches!(minutes.judge(MINUTE, &record(&keys, n), now), Judged::New(_)));
        }
        assert_eq!(minutes.minute(MINUTE).judged.len(), REMEMBERED.get());
    }
}
