//! What the DHT slots that are in use showed, and which lookups are under way.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, RngExt};

use super::{Now, SeenRecord, Times};

/// A slot of a healthy swarm shows a handful of records. More than this only tell that somebody floods it.
const MAX_RECORDS: usize = 64;
/// The most lookups under way at once. If a clock is set again and again, ever more slots are asked for.
const MAX_LOOKING: usize = 16;
/// A lookup is given up this long after its own time-out. It may have to wait for its turn, and normally every lookup
/// is answered: this is for an answer that got lost.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// The most slots that are kept without a lookup under way, see [`Times::is_useful`].
const KEPT: usize = 4;

/// The most records of all slots that are remembered.
pub(super) const FOOTPRINT: usize = (MAX_RECORDS + 1) * (MAX_LOOKING + KEPT);

#[derive(Debug)]
pub(super) struct Slots {
    by_slot: BTreeMap<u64, View>,
    lookup_limit: Duration,
}

#[derive(Debug, Default)]
struct View {
    records: Vec<SeenRecord>,
    /// When each of them was shown last.
    shown: Vec<Duration>,
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
        Self { by_slot: BTreeMap::new(), lookup_limit: get_timeout + LOST_AFTER }
    }

    /// Marks a lookup as under way. Returns false if there is one already, or if too many others are under way.
    pub(super) fn begin(&mut self, slot: u64, now: Now) -> bool {
        let looking = self.by_slot.values().filter(|view| view.looking_until.is_some()).count();
        if looking >= MAX_LOOKING {
            return false;
        }
        let view = self.by_slot.entry(slot).or_default();
        if view.looking_until.is_some() {
            return false;
        }
        view.looking_until = Some(now.mono + self.lookup_limit);
        view.own = false;
        true
    }

    pub(super) fn is_looking(&self, slot: u64) -> bool {
        self.by_slot.get(&slot).is_some_and(|view| view.looking_until.is_some())
    }

    pub(super) fn is_fresh(&self, slot: u64, max_age: Duration, now: Now) -> bool {
        let looked = self.by_slot.get(&slot).and_then(|view| view.looked);
        looked.is_some_and(|(at, _)| now.mono.saturating_sub(at) <= max_age)
    }

    /// Whether any DHT node answered the last lookup of this slot.
    pub(super) fn was_answered(&self, slot: u64) -> bool {
        self.by_slot.get(&slot).and_then(|view| view.looked).is_some_and(|(_, answered)| answered)
    }

    pub(super) fn done(&mut self, slot: u64, answered: bool, now: Now) {
        let Some(view) = self.by_slot.get_mut(&slot) else { return };
        if view.looking_until.take().is_some() {
            view.looked = Some((now.mono, answered));
        }
    }

    /// Notes that a lookup showed a record of this node. Returns false if the slot is not remembered.
    pub(super) fn saw_own(&mut self, record: &SeenRecord) -> bool {
        let Some(view) = self.by_slot.get_mut(&record.slot) else { return false };
        view.own = true;
        let says = |record: &SeenRecord| (record.minute, record.peers.len());
        if !record.peers.is_empty() && view.own_with_peers.as_ref().is_none_or(|known| says(record) > says(known)) {
            view.own_with_peers = Some(record.clone());
        }
        true
    }

    pub(super) fn has_own(&self, slot: u64) -> bool {
        self.by_slot.get(&slot).is_some_and(|view| view.own)
    }

    /// Keeps one record for each publisher. Returns false if the slot is not remembered. In a flooded slot, each new
    /// record replaces a random one, so that the first records do not shut out the later ones.
    pub(super) fn add(&mut self, record: SeenRecord, now: Now, rng: &mut impl Rng) -> bool {
        let Some(view) = self.by_slot.get_mut(&record.slot) else { return false };
        if let Some(at) = view.records.iter().position(|known| known.publisher == record.publisher) {
            view.shown[at] = now.mono;
            if is_later(&record, &view.records[at]) {
                view.records[at] = record;
            }
            return true;
        }
        if view.records.len() < MAX_RECORDS {
            view.records.push(record);
            view.shown.push(now.mono);
        } else {
            let at = rng.random_range(..MAX_RECORDS);
            (view.records[at], view.shown[at]) = (record, now.mono);
        }
        true
    }

    /// How many records are remembered.
    pub(super) fn footprint(&self) -> usize {
        self.by_slot.values().map(|view| view.records.len() + usize::from(view.own_with_peers.is_some())).sum()
    }

    /// A record of this node that names neighbors.
    pub(super) fn own_record(&self, slot: u64) -> Option<&SeenRecord> {
        self.by_slot.get(&slot)?.own_with_peers.as_ref()
    }

    /// Records of other nodes.
    pub(super) fn records(&self, slot: u64) -> &[SeenRecord] {
        self.by_slot.get(&slot).map_or(&[], |view| &view.records)
    }

    /// Gives up all lookups, since no answers will come anymore.
    pub(super) fn give_up(&mut self) {
        self.by_slot.values_mut().for_each(|view| view.looking_until = None);
    }

    /// Ends lookups whose answer was lost, and forgets records that no lookup has shown for long.
    pub(super) fn expire(&mut self, now: Now, times: &Times) {
        for view in self.by_slot.values_mut() {
            view.forget(now, times.memory);
            if view.looking_until.is_some_and(|until| until <= now.mono) {
                view.looking_until = None;
                view.looked = Some((now.mono, false));
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.by_slot.values().filter_map(|view| view.looking_until).min()
    }

    pub(super) fn forget_old(&mut self, now: Now, times: &Times) {
        self.by_slot.retain(|slot, view| times.is_useful(*slot, now) || view.looking_until.is_some());
    }
}

impl View {
    /// Forgets the records that no lookup has shown for so long.
    fn forget(&mut self, now: Now, memory: Duration) {
        let is_fresh = |shown: &Duration| now.mono.saturating_sub(*shown) <= memory;
        if self.shown.iter().all(is_fresh) {
            return;
        }
        let mut shown = self.shown.iter();
        self.records.retain(|_| shown.next().is_some_and(is_fresh));
        self.shown.retain(is_fresh);
    }
}

/// Whether a record of the same publisher replaces the one that is known. Storing nodes hold records of different ages.
/// Of one minute, the record that says more is the later one.
fn is_later(record: &SeenRecord, known: &SeenRecord) -> bool {
    let says = |record: &SeenRecord| (record.minute, record.peers.len() + record.hashes.len());
    says(record) >= says(known)
}
