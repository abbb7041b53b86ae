//! How a stream of a private topic says to which topic it belongs, so that members alone understand it.
//!
//! A stream of version 1 begins with the topic's id. A stream of version 2 begins with 32 bytes that are a keyed hash of
//! the connection's exported secret ([`PeriodKeys::stream_proof`]). Only a member knows the key, which changes with each
//! period and follows the rotation. So whoever is no member cannot open such a stream, and learns nothing from one.

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use iroh::{EndpointId, endpoint::Connection};
use iroh_gossip::proto::TopicId;

use crate::{
    net::clock::unix_seconds,
    sync::Unpoisoned,
    wire::v2::{Period, PeriodKeys, TopicKeys},
};

const LABEL: &[u8] = b"dtt/2 stream";
/// Periods whose keys a door remembers: those that are accepted, and one whose time is over.
const PERIODS: usize = 3;

/// The first 32 bytes of a stream.
pub(super) type Header = [u8; 32];

/// Opens the streams of one private topic, and recognizes those of others. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Door(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// No other door of the process has this number.
    number: u64,
    keys: TopicKeys,
    /// The keys of the last periods. `None` if the rotation failed.
    periods: Mutex<Vec<(Period, Option<Arc<PeriodKeys>>)>>,
}

impl Door {
    pub(in crate::net) fn new(keys: TopicKeys) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Inner { number: NEXT.fetch_add(1, Ordering::Relaxed), keys, periods: Mutex::default() }))
    }

    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    /// How a stream that this node opens now begins. `None` if the connection is gone, or if the rotation failed.
    pub(super) fn header(&self, connection: &Connection, me: EndpointId) -> Option<Header> {
        let exported = exported(connection, me)?;
        self.period(Period::at(unix_seconds())).map(|keys| keys.stream_proof(&exported))
    }

    fn proofs(&self, exported: &[u8; 32], periods: &[Period]) -> Vec<Header> {
        periods.iter().filter_map(|period| self.period(*period)).map(|keys| keys.stream_proof(exported)).collect()
    }

    /// The keys of a period. The rotation is the application's: it may take its time, and it may panic, which closes its
    /// topic elsewhere and must not end the task of a connection that other topics use.
    fn period(&self, period: Period) -> Option<Arc<PeriodKeys>> {
        if let Some((_, keys)) = self.0.periods.lock().unpoisoned().iter().find(|(known, _)| *known == period) {
            return keys.clone();
        }
        let derive = AssertUnwindSafe(|| Arc::new(self.0.keys.period(period)));
        let keys = std::panic::catch_unwind(derive).ok();
        let mut periods = self.0.periods.lock().unpoisoned();
        periods.truncate(PERIODS - 1);
        periods.insert(0, (period, keys.clone()));
        keys
    }
}

/// 32 bytes that both ends of a connection know, and nobody else. Each direction has others.
fn exported(connection: &Connection, opener: EndpointId) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    connection.export_keying_material(&mut out, LABEL, opener.as_bytes()).ok()?;
    Some(out)
}

/// The private topics of the node, as the peer of one connection proves that it knows them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Proofs {
    /// `None` if the connection is gone.
    exported: Option<[u8; 32]>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The numbers of the doors whose proofs are in `by_header`.
    doors: HashSet<u64>,
    by_header: HashMap<Header, (TopicId, u64)>,
    periods: Vec<Period>,
    generation: u64,
}

impl Proofs {
    /// For the streams that the peer of this connection opens.
    pub(super) fn new(connection: &Connection) -> Self {
        Self { exported: exported(connection, connection.remote_id()), known: Arc::default() }
    }

    /// The topic that this header proves to know, and the number of its door. `since` gives the doors that were added
    /// since there were so many, and how many there are by now. The topic may have been closed meanwhile.
    pub(super) fn topic(
        &self,
        header: &Header,
        since: impl FnOnce(u64) -> (u64, Vec<(TopicId, Door)>),
    ) -> Option<(TopicId, u64)> {
        let exported = self.exported.as_ref()?;
        let mut known = self.known.lock().unpoisoned();
        let periods: Vec<Period> = Period::to_read(unix_seconds()).collect();
        if known.periods != periods {
            *known = Known { periods, ..Known::default() };
        }
        let (generation, doors) = since(known.generation);
        known.generation = generation;
        for (topic, door) in doors {
            if known.doors.insert(door.number()) {
                let proofs = door.proofs(exported, &known.periods);
                known.by_header.extend(proofs.into_iter().map(|proof| (proof, (topic, door.number()))));
            }
        }
        known.by_header.get(header).copied()
    }
}
