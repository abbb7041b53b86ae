//! The keys and judged values of the minutes that are being looked at.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use crate::{
    error::RecordError,
    wire::{MinuteKeys, Record, TopicKeys},
};

/// Distinct values of one slot that are judged; opening one costs a quarter of a millisecond.
const MAX_JUDGED: usize = 256;
/// Minutes before and after the latest one that are kept.
const KEEP: u64 = 3;

#[derive(Debug)]
pub(super) struct Minutes {
    keys: TopicKeys,
    by_minute: BTreeMap<u64, Minute>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Minute {
    keys: Arc<MinuteKeys>,
    judged: HashMap<u64, Option<Arc<Record>>>,
}

/// What a value from a slot is.
#[derive(Debug)]
pub(super) enum Judged {
    /// A record that had not been seen before.
    New(Arc<Record>),
    /// A record that has been seen before.
    Known(Arc<Record>),
    /// Refused now for the first time.
    Refused(RecordError),
    /// Refused before, or beyond what one slot is worth.
    Ignored,
}

impl Minutes {
    pub(super) fn new(keys: TopicKeys) -> Self {
        Self { keys, by_minute: BTreeMap::new(), hasher: RandomState::new() }
    }

    /// The keys of a minute, derived once.
    pub(super) fn keys(&mut self, minute: u64) -> Arc<MinuteKeys> {
        self.minute(minute).keys.clone()
    }

    /// Opens and verifies a value, once per distinct value: a slot's storing nodes mostly hold the same few.
    pub(super) fn judge(&mut self, minute: u64, value: &[u8]) -> Judged {
        let fingerprint = self.hasher.hash_one(value);
        let entry = self.minute(minute);
        match entry.judged.get(&fingerprint) {
            Some(Some(record)) => return Judged::Known(record.clone()),
            Some(None) => return Judged::Ignored,
            None if entry.judged.len() >= MAX_JUDGED => return Judged::Ignored,
            None => {}
        }
        let opened = entry.keys.open(value).map(Arc::new);
        entry.judged.insert(fingerprint, opened.as_ref().ok().cloned());
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
            .or_insert_with(|| Minute { keys: Arc::new(keys.minute(minute)), judged: HashMap::new() })
    }
}
