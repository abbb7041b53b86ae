//! The keys and the judged values of the slots that are looked up.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::Arc,
};

use lru::LruCache;
use tokio::time::Instant;

use super::{
    budget::Budget,
    keys::{Keys, SlotKeys},
};
use crate::{error::RecordError, wire::Record};

/// Values that may be judged per second, and at once. Opening one costs an eighth of a millisecond. So a flooded slot
/// takes at most a fortieth of a core, and no value is shut out for good.
const JUDGED_PER_SECOND: f64 = 200.0;
const JUDGED_IN_HAND: f64 = 256.0;
/// Judged values of one slot that are remembered, so that none is judged twice.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// How many slots before and after the latest one are kept.
const KEEP: u64 = 3;

#[derive(Debug)]
pub(super) struct Slots {
    keys: Keys,
    by_number: BTreeMap<u64, Slot>,
    hasher: RandomState,
    budget: Budget,
}

#[derive(Debug)]
struct Slot {
    keys: Arc<SlotKeys>,
    judged: LruCache<u64, Option<Arc<Record>>>,
    /// The highest sequence number that the slot has shown.
    highest: Option<i64>,
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

impl Slots {
    pub(super) fn new(keys: Keys, now: Instant) -> Self {
        let budget = Budget::new(JUDGED_PER_SECOND, JUDGED_IN_HAND, now);
        Self { keys, by_number: BTreeMap::new(), hasher: RandomState::new(), budget }
    }

    /// The keys of a slot, derived once.
    pub(super) fn keys(&mut self, slot: u64) -> Arc<SlotKeys> {
        self.slot(slot).keys.clone()
    }

    /// Notes the sequence number of an item. The slot's key has signed it, so a member has written it.
    pub(super) fn saw(&mut self, slot: u64, seq: i64) {
        let slot = self.slot(slot);
        slot.highest = slot.highest.max(Some(seq));
    }

    /// The highest sequence number that a slot has shown.
    pub(super) fn highest(&mut self, slot: u64) -> Option<i64> {
        self.slot(slot).highest
    }

    /// Opens and verifies a value, once per distinct value: the nodes that store a slot mostly hold the same few.
    pub(super) fn judge(&mut self, slot: u64, value: &[u8], unix_seconds: u64, now: Instant) -> Judged {
        let fingerprint = self.hasher.hash_one(value);
        if let Some(known) = self.slot(slot).judged.get(&fingerprint).cloned() {
            return known.map_or(Judged::Ignored, Judged::Known);
        }
        if !self.budget.allows(1, now) {
            return Judged::Ignored;
        }
        let entry = self.slot(slot);
        let opened = entry.keys.open(value, unix_seconds).map(Arc::new);
        // A record whose minute is refused now may be accepted later.
        if !matches!(opened, Err(RecordError::Age { .. })) {
            entry.judged.put(fingerprint, opened.as_ref().ok().cloned());
        }
        match opened {
            Ok(record) => Judged::New(record),
            Err(error) => Judged::Refused(error),
        }
    }

    fn slot(&mut self, slot: u64) -> &mut Slot {
        let near = slot.saturating_sub(KEEP)..=slot.saturating_add(KEEP);
        self.by_number.retain(|known, _| near.contains(known));
        let keys = &self.keys;
        self.by_number.entry(slot).or_insert_with(|| Slot {
            keys: Arc::new(keys.slot(slot)),
            judged: LruCache::new(REMEMBERED),
            highest: None,
        })
    }
}
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::wire::{RecordContent, TopicId, TopicKeys};

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
        let mut slots = Slots::new(Keys::V1(keys.clone()), start);
        let flood = |slots: &mut Slots, now| {
            (0..100_000u32)
                .filter(|n| matches!(slots.judge(MINUTE, &n.to_le_bytes(), 0, now), Judged::Refused(_)))
                .count()
        };
        assert_eq!(flood(&mut slots, start), 256, "as many as may be judged at once");
        let value = record(&keys, 0);
        assert!(matches!(slots.judge(MINUTE, &value, 0, start), Judged::Ignored));
        let later = start + Duration::from_millis(10);
        assert!(matches!(slots.judge(MINUTE, &value, 0, later), Judged::New(_)), "another lookup finds it again");
        assert!(matches!(slots.judge(MINUTE, &value, 0, later), Judged::Known(_)));
        assert_eq!(flood(&mut slots, start + Duration::from_secs(1)), 199);
    }

    #[test]
    fn the_memory_of_a_slot_has_a_bound() {
        let keys = TopicKeys::new(TopicId::new("topic"), b"secret", None);
        let start = Instant::now();
        let mut slots = Slots::new(Keys::V1(keys.clone()), start);
        for n in 0..2000u32 {
            let now = start + Duration::from_millis(10) * n;
            assert!(matches!(slots.judge(MINUTE, &record(&keys, n), 0, now), Judged::New(_)));
        }
        assert_eq!(slots.slot(MINUTE).judged.len(), REMEMBERED.get());
    }
}
