//! What the DHT slots of the last minutes showed, and which lookups are under way.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, RngExt};

use super::{Now, SeenRecord};

/// A slot of a healthy swarm shows a handful of records. More than this only tell that somebody floods it.
const MAX_RECORDS: usize = 64;
/// The most lookups under way at once. If a clock is set again and again, ever more minutes are asked for.
const MAX_LOOKING: usize = 16;
/// A lookup is given up this long after its own time-out. It may have to wait for its turn, and normally every lookup
/// is answered: this is for an answer that got lost.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// How many minutes before the present one are kept, and how many after it.
const KEEP_BEFORE: u64 = 2;
const KEEP_AFTER: u64 = 1;

/// The most records of all slots that are remembered.
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
    /// Whether the last lookup showed a record of this node.
    own: bool,
    /// A record of this node that names neighbors. A later record without neighbors may have replaced it in the slot.
    own_with_peers: Option<SeenRecord>,
    /// When the last lookup ended, and whether any DHT node answered.
    looked: Option<(Duration, bool)>,
}

impl Slots {
    pub(super) fn new(get_timeout: Duration) -> Self {
        Self { by_minute: BTreeMap::new(), lookup_limit: get_timeout + LOST_AFTER }
    }

    /// Marks a lookup as under way. Returns false if there is one already, or if too many others are under way.
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

    /// Whether any DHT node answered the last lookup of this minute.
    pub(super) fn was_answered(&self, minute: u64) -> bool {
        self.by_minute.get(&minute).and_then(|view| view.looked).is_some_and(|(_, answered)| answered)
    }

    pub(super) fn done(&mut self, minute: u64, answered: bool, now: Now) {
        let Some(view) = self.by_minute.get_mut(&minute) else { return };
        if view.looking_until.take().is_some() {
            view.looked = Some((now.mono, answered));
        }
    }

    /// Notes that a lookup showed a record of this node. Returns false if the minute is not remembered.
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

    /// Keeps one record for each publisher. Returns false if the minute is not remembered. In a flooded slot, each new
    /// record replaces a random one, so that the first records do not shut out the later ones.
    pub(super) fn add(&mut self, record: SeenRecord, rng: &mut impl Rng) -> bool {
        let Some(view) = self.by_minute.get_mut(&record.minute) else { return false };
        if let Some(known) = view.records.iter_mut().find(|known| known.publisher == record.publisher) {
            // Storing nodes hold records of different ages from one publisher. The record that says more is the later
            // one.
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

    /// A record of this node that names neighbors.
    pub(super) fn own_record(&self, minute: u64) -> Option<&SeenRecord> {
        self.by_minute.get(&minute)?.own_with_peers.as_ref()
    }

    /// Records of other nodes.
    pub(super) fn records(&self, minute: u64) -> &[SeenRecord] {
        self.by_minute.get(&minute).map_or(&[], |view| &view.records)
    }

    /// Gives up all lookups, since no answers will come anymore.
    pub(super) fn give_up(&mut self) {
        self.by_minute.values_mut().for_each(|view| view.looking_until = None);
    }

    /// Ends lookups whose answer was lost.
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
