//! What both merges read from the records of the last minutes.

use std::time::Duration;

use rand::{RngExt, seq::SliceRandom};

use super::super::{AHEAD, Action, Core, JoinReason, Now, PeerId, SeenRecord};

/// In a swarm of up to this many nodes, a node with its neighbors and a record almost always name a common node.
const SMALL_SWARM: usize = 12;
const MINUTE: Duration = Duration::from_secs(60);

/// 1 in a small swarm, and less in a large one, judged by how many nodes the records name.
pub(super) fn smallness(core: &Core, records: &[SeenRecord]) -> f64 {
    let everyone = unknown_peers(core, records.iter()).len() + core.neighbors.len() + 1;
    (SMALL_SWARM as f64 / everyone as f64).min(1.0)
}

/// Whether this node should act now. Each node decides by itself, and in a large swarm a few nodes are enough.
pub(in super::super) fn is_my_turn(core: &mut Core, now: Now) -> bool {
    let chance = smallness(core, &recent_records(core, now));
    core.rng.random_bool(chance * chance)
}

/// Whether a record's publisher has neighbors, and nothing shows that any of them is in the same swarm.
pub(super) fn is_stranger(core: &Core, record: &SeenRecord, now: Now) -> bool {
    let since = core.times.made_at(record, now).saturating_sub(MINUTE + AHEAD);
    !record.peers.is_empty()
        && !core.names_us(record)
        && !record.hashes.iter().any(|hash| core.window.knows_since(hash, since))
}

/// The records of the slots that newcomers read now.
pub(super) fn recent_records(core: &Core, now: Now) -> Vec<SeenRecord> {
    let mut slots = core.times.to_read(now);
    let ahead = core.slot(core.times.ahead(now));
    if !slots.contains(&ahead) {
        slots.insert(0, ahead);
    }
    slots.into_iter().flat_map(|slot| core.slots.records(slot)).cloned().collect()
}

/// The nodes that records name, without this node and its neighbors.
pub(super) fn unknown_peers<'a>(core: &Core, records: impl Iterator<Item = &'a SeenRecord>) -> Vec<PeerId> {
    let mut unknown: Vec<PeerId> = records
        .flat_map(|record| std::iter::once(record.publisher).chain(record.peers.iter().copied()))
        .filter(|peer| !core.is_known(peer))
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

/// Joins some of these nodes, chosen at random.
pub(super) fn join(core: &mut Core, mut peers: Vec<PeerId>, most: usize, reason: JoinReason) {
    peers.shuffle(&mut core.rng);
    peers.truncate(most);
    if !peers.is_empty() {
        core.act(Action::Join { peers, reason });
    }
}
