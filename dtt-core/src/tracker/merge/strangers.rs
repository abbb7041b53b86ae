//! Joins nodes that nothing connects with this swarm. If no messages are sent, a split shows only in which nodes the
//! records name.

use std::{collections::HashMap, time::Duration};

use rand::seq::IndexedRandom;

use super::{
    super::{Core, JoinReason, Now, PeerId, SeenRecord},
    records::{is_stranger, join, unknown_peers},
};

/// How many times a stranger's records are tried. Then they are left alone until the stranger is forgotten: it may send
/// messages but receive none, or it may not exist.
const TRIES: u8 = 3;
/// Strangers that were tried are forgotten after this time, and when there are `FOOTPRINT` of them.
const MEMORY: Duration = Duration::from_secs(3600);
/// The most strangers that are remembered.
pub(super) const FOOTPRINT: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// How many times the nodes of each publisher were joined.
    tried: HashMap<PeerId, u8>,
    forgotten_at: Duration,
    /// The neighbors at the time when the last stranger was joined.
    neighbors_then: Option<Vec<PeerId>>,
}

impl Strangers {
    pub(super) fn footprint(&self) -> usize {
        self.tried.len()
    }

    pub(super) fn forget_old(&mut self, now: Now) {
        if now.mono >= self.forgotten_at || self.tried.len() >= FOOTPRINT {
            self.tried.clear();
            self.forgotten_at = now.mono + MEMORY;
        }
    }

    /// Joins a node that a stranger's record names. Returns false if there is no stranger to try.
    pub(super) fn join_one(&mut self, core: &mut Core, records: &[SeenRecord], now: Now) -> bool {
        let tried = |record: &SeenRecord| self.tried.get(&record.publisher).is_some_and(|times| *times >= TRIES);
        let strangers: Vec<&SeenRecord> =
            records.iter().filter(|record| is_stranger(core, record, now) && !tried(record)).collect();
        let Some(stranger) = strangers.choose(&mut core.rng) else { return false };
        *self.tried.entry(stranger.publisher).or_default() += 1;
        let unknown = unknown_peers(core, std::iter::once(*stranger));
        join(core, unknown, 1, JoinReason::Bubble);
        self.neighbors_then = Some(core.neighbors.to_vec());
        true
    }

    /// Whether the neighbors are still those from before the last stranger was joined, since it may not exist. Each
    /// stranger is reported only once.
    pub(super) fn brought_nobody(&mut self, core: &Core) -> bool {
        self.neighbors_then.take().is_some_and(|before| before[..] == core.neighbors[..])
    }
}
