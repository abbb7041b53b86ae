//! What the DHT slots of the last minutes showed, and which lookups are under way.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, RngExt};

use super::{Now, SeenRecord};

/// A slot of a healthy swarm shows a handful; more than this only tells that someone floods it.
const MAX_RECORDS: usize = 64;
/// Lookups under way at once. A clock that is set again and again asks for ever other minutes.
const MAX_LOOKING: usize = 16;
/// A lookup may have to wait for its turn, and every lookup is answered; this one is for an answer that got lost.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// Minutes before the present one whose slots are kept.
const KEEP_BEFORE: u64 = 2;
const KEEP_AFTER: u64 = 1;

/// Records remembered of all slots at the most.
pub(super) const FOOTPRINT: usize = (MAX_RECORDS + 1) * (MAX_LOOKING + (KEEP_BEFORE + 1 + KEEP_AFTER) as usize);

#[derive(Debug)]
pub(super) struct Slots {
    by_minute: BTreeMap<u64, View>,
    lookup_limit: Duration,
}

#[derive(Debug, Default)]
struct View {
    records: Vec<SeenRecord>,
    /// When the lookup under way is given up.
    looking_until: Option<Duration>,
    /// Whether the lookup that ran last showed a record of our own.
    own: bool,
    /// One of our own that names neighbors. A later one, of a time without any, may have taken its place in the slot.
    own_with_peers: Option<SeenRecord>,
    /// When the last lookup ended, and whether anyone answered.
    looked: Option<(Duration, bool)>,
}

impl Slots {
    pub(super) fn new(get_timeout: Duration) -> Self {
        Self { by_minute: BTreeMap::new(), lookup_limit: get_timeout + LOST_AFTER }
    }

    /// Marks a lookup as under way; false if one is already, or too many others are.
    pub(super) fn begin(&mut self, minute: u64, now: Now) -> bool {
        let looking = self.by_minute.values().filter(|view| view.looking_until.is_some()).count();
        if looking >= MAX_LOOKING {
            return false;
        }
        let view = self.by_minute.entry(minute).or_default();
        if view.looking_until.is_some() {
            return false;
        }
        view.looking_until = Some(now.mono + self.lookup_limit);
        view.own = false;
        true
    }

    pub(super) fn is_looking(&self, minute: u64) -> bool {
        self.by_minute.get(&minute).is_some_and(|view| view.looking_until.is_some())
    }

    pub(super) fn is_fresh(&self, minute: u64, max_age: Duration, now: Now) -> bool {
        let looked = self.by_minute.get(&minute).and_then(|view| view.looked);
        looked.is_some_and(|(at, _)| now.mono.saturating_sub(at) <= max_age)
    }

    /// Whether the last lookup of this minute was answered by anyone.
    pub(super) fn was_answered(&self, minute: u64) -> bool {
        self.by_minute.get(&minute).and_then(|view| view.looked).is_some_and(|(_, answered)| answered)
    }

    pub(super) fn done(&mut self, minute: u64, answered: bool, now: Now) {
        let Some(view) = self.by_minute.get_mut(&minute) else { return };
        if view.looking_until.take().is_some() {
            view.looked = Some((now.mono, answered));
        }
    }

    /// A lookup showed a record of our own; false if the slot is not one of the minutes that are remembered.
    pub(super) fn saw_own(&mut self, record: &SeenRecord) -> bool {
        let Some(view) = self.by_minute.get_mut(&record.minute) else { return false };
        view.own = true;
        let known = view.own_with_peers.as_ref().map_or(0, |known| known.peers.len());
        if record.peers.len() > known {
            view.own_with_peers = Some(record.clone());
        }
        true
    }

    pub(super) fn has_own(&self, minute: u64) -> bool {
        self.by_minute.get(&minute).is_some_and(|view| view.own)
    }

    /// Keeps one record per publisher; false if the slot is not one of the minutes that are remembered. In a slot that is flooded each
    /// record takes the place of any other, so that none is shut out by those that came first.
    pub(super) fn add(&mut self, record: SeenRecord, rng: &mut impl Rng) -> bool {
        let Some(view) = self.by_minute.get_mut(&record.minute) else { return false };
        if let Some(known) = view.records.iter_mut().find(|known| known.publisher == record.publisher) {
            // Storing nodes hold a publisher's records of different ages; the one that says more is the later one.
            if record.peers.len() + record.hashes.len() >= known.peers.len() + known.hashes.len() {
                *known = record;
            }
            return true;
        }
        if view.records.len() < MAX_RECORDS {
            view.records.push(record);
        } else {
            view.records[rng.random_range(..MAX_RECORDS)] = record;
        }
        true
    }

    /// How many records are remembered.
    pub(super) fn footprint(&self) -> usize {
        self.by_minute.values().map(|view| view.records.len() + usize::from(view.own_with_peers.is_some())).sum()
    }

    /// A record of our own that names neighbors.
    pub(super) fn own_record(&self, minute: u64) -> Option<&SeenRecord> {
        self.by_minute.get(&minute)?.own_with_peers.as_ref()
    }

    /// Records of others.
    pub(super) fn records(&self, minute: u64) -> &[SeenRecord] {
        self.by_minute.get(&minute).map_or(&[], |view| &view.records)
    }

    /// Ends lookups that nobody answers any more.
    pub(super) fn give_up(&mut self) {
        self.by_minute.values_mut().for_each(|view| view.looking_until = None);
    }

    /// Ends lookups whose answer never came.
    pub(super) fn expire(&mut self, now: Now) {
        for view in self.by_minute.values_mut() {
            if view.looking_until.is_some_and(|until| until <= now.mono) {
                view.looking_until = None;
                view.looked = Some((now.mono, false));
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.by_minute.values().filter_map(|view| view.looking_until).min()
    }

    pub(super) fn forget_old(&mut self, now: Now) {
        let minute = now.minute();
        let useful = minute.saturating_sub(KEEP_BEFORE)..=minute + KEEP_AFTER;
        self.by_minute.retain(|minute, view| useful.contains(minute) || view.looking_until.is_some());
    }
}
