//! How far the search for a first neighbor has come, for the error of a caller that waited in vain.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Mutex, MutexGuard},
};

use iroh::EndpointId;

use crate::tracker::{PeerId, SeenRecord};

use crate::sync::Unpoisoned;

/// Records and dialed nodes that are remembered. More of them would tell a caller nothing more.
const MAX: usize = 256;

/// Begins again whenever a first neighbor has come.
#[derive(Debug, Default)]
pub(super) struct Search(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// For each minute and publisher, whether one of its records names a neighbor.
    records: HashMap<(u64, PeerId), bool>,
    dials: usize,
    dialed: HashMap<EndpointId, Outcome>,
}

/// What came of the last dial of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing yet, as far as is known here.
    UnderWay,
    /// There is no connection.
    NotReached,
    /// There is a connection, and no answer to the join.
    NotAnswered,
}

impl Search {
    /// Ends the search, since there is a neighbor.
    pub(super) fn reset(&self) {
        *self.lock() = Inner::default();
    }

    /// Notes a record of another node.
    pub(super) fn found(&self, record: &SeenRecord) {
        let records = &mut self.lock().records;
        let key = (record.minute, record.publisher);
        if records.len() < MAX || records.contains_key(&key) {
            *records.entry(key).or_default() |= !record.peers.is_empty();
        }
    }

    /// Notes that nodes are dialed because there is no neighbor.
    pub(super) fn dialed(&self, peers: &[EndpointId]) {
        let mut inner = self.lock();
        inner.dials += peers.len();
        for peer in peers {
            if inner.dialed.len() < MAX {
                inner.dialed.entry(*peer).or_insert(Outcome::UnderWay);
            }
        }
    }

    /// Notes what came of dialing a node.
    pub(super) fn set_outcome(&self, peer: &EndpointId, outcome: Outcome) {
        if let Some(known) = self.lock().dialed.get_mut(peer) {
            *known = outcome;
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let inner = self.lock();
        let publishers: HashSet<&PeerId> = inner.records.keys().map(|(_, publisher)| publisher).collect();
        let named: HashSet<&PeerId> =
            inner.records.iter().filter(|(_, names)| **names).map(|((_, publisher), _)| publisher).collect();
        let count = |outcome| inner.dialed.values().filter(|known| **known == outcome).count();
        Summary {
            records: inner.records.len(),
            publishers: publishers.len(),
            lonely: publishers.len() - named.len(),
            dials: inner.dials,
            dialed: inner.dialed.len(),
            not_reached: count(Outcome::NotReached),
            not_answered: count(Outcome::NotAnswered),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unpoisoned()
    }
}

/// How much was found and tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Records of others, one for each minute and publisher.
    pub(super) records: usize,
    pub(super) publishers: usize,
    /// Publishers whose records name no neighbor.
    pub(super) lonely: usize,
    pub(super) dials: usize,
    /// Nodes that the dials went to, and what came of the last dial to each.
    pub(super) dialed: usize,
    pub(super) not_reached: usize,
    pub(super) not_answered: usize,
}

impl Summary {
    /// What was found, in words.
    pub(super) fn records(&self) -> String {
        let publishers = counted(self.publishers, "node");
        let lonely = match (self.lonely, self.publishers) {
            (0, _) => String::new(),
            (1, 1) => ", which named no neighbor of its own".into(),
            (lonely, all) if lonely == all => ", none of which named a neighbor of its own".into(),
            (lonely, _) => format!(", {lonely} of which named no neighbor of their own"),
        };
        format!("records found: {}, of {publishers}{lonely}", self.records)
    }
}

/// What was tried, in words.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dials == 0 {
            return f.write_str("no node was dialed yet");
        }
        let (dials, dialed) = (counted(self.dials, "dial"), counted(self.dialed, "node"));
        let under_way = self.dialed - self.not_reached - self.not_answered;
        let outcomes = [
            (self.not_reached, "could not be reached"),
            (self.not_answered, "connected but did not answer"),
            (under_way, if under_way == 1 { "has not answered yet" } else { "have not answered yet" }),
        ];
        let told = outcomes.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        write!(f, "{dials} to {dialed}: {}", told.collect::<Vec<_>>().join(", "))?;
        let all_gone = self.not_reached == self.dialed;
        f.write_str(if all_gone { "; these nodes are gone, or cannot be reached from here" } else { "" })
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> EndpointId {
        iroh::SecretKey::from_bytes(&[n; 32]).public()
    }

    fn record(minute: u64, publisher: u8, peers: &[u8]) -> SeenRecord {
        let peers = peers.iter().map(|n| [*n; 32]).collect();
        SeenRecord { slot: minute, minute, publisher: [publisher; 32], peers, hashes: Vec::new() }
    }

    #[test]
    fn records_of_dead_nodes_are_told_apart_from_a_silent_network() {
        let search = Search::default();
        assert_eq!(search.summary().to_string(), "no node was dialed yet");
        for minute in [7, 7, 8] {
            search.found(&record(minute, 1, &[]));
            search.found(&record(minute, 2, &[]));
        }
        assert_eq!(
            search.summary().records(),
            "records found: 4, of 2 nodes, none of which named a neighbor of its own"
        );
        for _ in 0..2 {
            search.dialed(&[peer(1), peer(2)]);
        }
        assert_eq!(search.summary().to_string(), "4 dials to 2 nodes: 2 have not answered yet");
        search.set_outcome(&peer(1), Outcome::NotReached);
        search.set_outcome(&peer(2), Outcome::NotAnswered);
        let text = search.summary().to_string();
        assert_eq!(text, "4 dials to 2 nodes: 1 could not be reached, 1 connected but did not answer");
        search.set_outcome(&peer(2), Outcome::NotReached);
        let text = search.summary().to_string();
        assert!(text.starts_with("4 dials to 2 nodes: 2 could not be reached; these nodes are gone"), "{text}");
        search.found(&record(8, 2, &[3]));
        assert!(search.summary().records().ends_with("2 nodes, 1 of which named no neighbor of their own"));
        search.reset();
        assert_eq!(search.summary(), Summary::default());
    }

    #[test]
    fn the_memory_of_a_search_has_a_bound() {
        let search = Search::default();
        for n in 0..1000 {
            search.found(&record(n, 1, &[]));
            search.dialed(&[peer((n % 256) as u8), iroh::SecretKey::generate().public()]);
        }
        let summary = search.summary();
        assert_eq!((summary.records, summary.dials, summary.dialed), (MAX, 2000, MAX));
    }
}
