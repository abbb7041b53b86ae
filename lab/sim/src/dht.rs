//! The model of the DHT. Each slot has a set of storing nodes, each with one value and a rule for keeping it.

use std::{collections::BTreeMap, rc::Rc};

use dtt_core::tracker::SeenRecord;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    draw::{log_normal, mix},
    queue::{MILLI, Time},
};

/// BEP 44's limit of a value, in bytes as they are stored.
const VALUE_LIMIT: usize = 996;

/// The properties of the DHT.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DhtModel {
    /// The nodes nearest to a target, which store its value.
    pub(crate) holders: usize,
    /// The share of these nodes that never answers.
    pub(crate) silent: f64,
    /// The share of these nodes that keeps the first value of an equal seq. The others keep the last.
    pub(crate) first_wins: f64,
    /// The share of requests that are lost.
    pub(crate) lost: f64,
    /// The time until the nodes nearest to a target are known: median and sigma of a log-normal distribution.
    pub(crate) traversal: (Time, f64),
    /// The time of one request to one of them, likewise. With the traversal before it, half of all values take more
    /// than 300 ms.
    pub(crate) round_trip: (Time, f64),
    /// The time of a store's request to one node, likewise.
    pub(crate) store: (Time, f64),
}

impl Default for DhtModel {
    fn default() -> Self {
        Self {
            holders: 20,
            silent: 0.25,
            first_wins: 0.8,
            lost: 0.05,
            traversal: (180 * MILLI, 0.8),
            round_trip: (100 * MILLI, 0.7),
            store: (300 * MILLI, 0.8),
        }
    }
}

/// The value of a storing node.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A member's record, properly sealed and signed.
    Record(Rc<SeenRecord>),
    /// Bytes that nobody can open.
    Garbage,
}

#[derive(Debug, Clone)]
struct Holder {
    silent: bool,
    first_wins: bool,
    value: Option<Value>,
}

/// Which storing node answers when, and when the query ends. Times count from its beginning.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) answers: Vec<(Time, usize)>,
    pub(crate) end: Time,
}

/// The number of a slot, and the part of the DHT if it is cut.
pub(crate) type Slot = (u64, u32);

/// All slots.
#[derive(Debug)]
pub(crate) struct Dht {
    model: DhtModel,
    /// Whether all storing nodes keep the newest value, since each has a higher sequence number.
    newest_wins: bool,
    seed: u64,
    rng: StdRng,
    slots: BTreeMap<Slot, Vec<Holder>>,
}

impl Dht {
    pub(crate) fn new(model: DhtModel, newest_wins: bool, seed: u64) -> Self {
        Self { model, newest_wins, seed, rng: StdRng::seed_from_u64(mix(&[seed, 1])), slots: BTreeMap::new() }
    }

    /// A lookup whose requests have this long to be answered.
    pub(crate) fn lookup(&mut self, slot: Slot, limit: Time) -> Query {
        let (traversal, sigma) = self.model.traversal;
        let begin = log_normal(&mut self.rng, traversal, sigma);
        self.query(slot, begin, self.model.round_trip, limit)
    }

    /// A store right after a lookup, which already knows the nodes.
    pub(crate) fn store(&mut self, slot: Slot, limit: Time) -> Query {
        self.query(slot, 0, self.model.store, limit)
    }

    fn query(&mut self, slot: Slot, begin: Time, (median, sigma): (Time, f64), limit: Time) -> Query {
        let silent: Vec<bool> = self.slot(slot).iter().map(|holder| holder.silent).collect();
        let mut answers = Vec::with_capacity(silent.len());
        for (at, silent) in silent.iter().enumerate() {
            let lost = self.rng.random_bool(self.model.lost);
            let time = log_normal(&mut self.rng, median, sigma);
            if !silent && !lost && time < limit {
                answers.push((begin + time, at));
            }
        }
        // The query waits for its last node: until the time of the request is over, unless all nodes have answered.
        let last = answers.iter().map(|(time, _)| *time).max().unwrap_or(begin);
        let end = if answers.len() == silent.len() { last } else { begin + limit };
        Query { answers, end: end.max(last) }
    }

    /// The value that a storing node holds.
    pub(crate) fn read(&mut self, slot: Slot, holder: usize) -> Option<Value> {
        self.slot(slot)[holder].value.clone()
    }

    /// Writes a value of `bytes` bytes to a storing node. Returns whether the node acknowledges it.
    pub(crate) fn write(&mut self, slot: Slot, holder: usize, value: Value, bytes: usize) -> bool {
        if bytes > VALUE_LIMIT {
            return false;
        }
        let newest_wins = self.newest_wins;
        let holder = &mut self.slot(slot)[holder];
        if newest_wins || !holder.first_wins || holder.value.is_none() {
            holder.value = Some(value);
        }
        true
    }

    /// Forgets the slots before this one.
    pub(crate) fn forget_before(&mut self, number: u64) {
        self.slots = self.slots.split_off(&(number, 0));
    }

    fn slot(&mut self, slot: Slot) -> &mut Vec<Holder> {
        let (model, seed) = (self.model, self.seed);
        self.slots.entry(slot).or_insert_with(|| {
            let mut rng = StdRng::seed_from_u64(mix(&[seed, 2, slot.0, slot.1.into()]));
            let holder = |_| Holder {
                silent: rng.random_bool(model.silent),
                first_wins: rng.random_bool(model.first_wins),
                value: None,
            };
            (0..model.holders).map(holder).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::SECOND;

    fn record(publisher: u8) -> Value {
        Value::Record(Rc::new(SeenRecord {
            slot: 1,
            minute: 1,
            publisher: [publisher; 32],
            peers: vec![],
            hashes: vec![],
        }))
    }

    fn publisher(value: Option<Value>) -> Option<u8> {
        match value {
            Some(Value::Record(record)) => Some(record.publisher[0]),
            _ => None,
        }
    }

    #[test]
    fn each_storing_node_keeps_one_value_by_its_rule() {
        for (first_wins, kept) in [(1.0, 1), (0.0, 2)] {
            let mut dht = Dht::new(DhtModel { first_wins, ..DhtModel::default() }, false, 7);
            assert!(
                dht.write((1, 0), 0, record(1), 604) && dht.write((1, 0), 0, record(2), 604),
                "both are acknowledged"
            );
            assert_eq!(publisher(dht.read((1, 0), 0)), Some(kept));
        }
    }

    #[test]
    fn a_value_beyond_the_limit_is_refused() {
        let mut dht = Dht::new(DhtModel::default(), false, 7);
        assert!(dht.write((1, 0), 0, record(1), 996));
        assert!(!dht.write((1, 0), 1, record(1), 997));
        assert!(dht.read((1, 0), 1).is_none());
    }

    #[test]
    fn lookups_have_a_median_of_300_ms_and_wait_for_the_silent() {
        let mut dht = Dht::new(DhtModel::default(), false, 7);
        let mut times = Vec::new();
        let mut answers = 0;
        for minute in 0..500 {
            let query = dht.lookup((minute, 0), SECOND);
            assert!(query.answers.iter().all(|(time, _)| *time <= query.end));
            answers += query.answers.len();
            times.extend(query.answers.iter().map(|(time, _)| *time));
        }
        times.sort_unstable();
        let median = times[times.len() / 2] / MILLI;
        assert!((270..=330).contains(&median), "the median is {median} ms");
        let share = answers as f64 / (500.0 * 20.0);
        assert!((0.68..0.74).contains(&share), "three in four nodes answer, and few requests are lost: {share}");
    }
}
