//! Statistics as arrays of numbers, so that more of them can come without another ABI.

use std::time::Duration;

use dtt_core::{DhtHealth, NodeStats, TopicStats};

use super::{entry::Outcome, handle};

/// The places of a topic's statistics, for dtt_topic_stats. Times are milliseconds from joining, DTT_NEVER if it has not
/// happened. Places never change; new ones come at the end.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub enum dtt_topic_stat_t {
    /// Slot lookups begun.
    DTT_STAT_LOOKUPS = 0,
    /// Slot lookups that no DHT node answered.
    DTT_STAT_LOOKUPS_UNANSWERED = 1,
    /// Records of others that were opened and verified.
    DTT_STAT_RECORDS_ACCEPTED = 2,
    /// Values refused: too short, too long, or with lengths that do not match.
    DTT_STAT_REFUSED_MALFORMED = 3,
    /// Values refused that do not open: another secret or rotation, or noise.
    DTT_STAT_REFUSED_SEALED = 4,
    /// Values refused that are signed for another topic.
    DTT_STAT_REFUSED_TOPIC = 5,
    /// Values refused that are signed for another minute.
    DTT_STAT_REFUSED_MINUTE = 6,
    /// Values refused for a bad key or signature.
    DTT_STAT_REFUSED_SIGNATURE = 7,
    /// Address extensions that were malformed; their records were accepted.
    DTT_STAT_HINTS_MALFORMED = 8,
    /// Records that DHT nodes stored.
    DTT_STAT_STORES = 9,
    /// Attempts to store that failed.
    DTT_STAT_STORES_FAILED = 10,
    /// Peers dialed because there was no neighbor.
    DTT_STAT_DIALS_BOOTSTRAP = 11,
    /// Peers dialed because there were few neighbors, or because records named nodes that nothing showed to be in the same
    /// swarm.
    DTT_STAT_DIALS_BUBBLE = 12,
    /// Peers dialed because the swarm looked split.
    DTT_STAT_DIALS_OVERLAP = 13,
    /// Times that a first or only neighbor came.
    DTT_STAT_JOINED = 14,
    /// Times that the last neighbor went.
    DTT_STAT_ALONE = 15,
    /// Messages received.
    DTT_STAT_RECEIVED = 16,
    /// Messages handed to the gossip layer.
    DTT_STAT_SENT = 17,
    /// Current neighbors.
    DTT_STAT_NEIGHBORS = 18,
    /// Current event queues.
    DTT_STAT_SUBSCRIBERS = 19,
    /// Events that wait in the fullest queue.
    DTT_STAT_QUEUE_DEPTH = 20,
    /// Events that slow readers have missed, over all queues. What the gossip layer lost is not in it.
    DTT_STAT_LAGGED = 21,
    /// Time to the first record that the DHT stored.
    DTT_STAT_FIRST_STORE_MS = 22,
    /// Time to the first record of another node.
    DTT_STAT_FIRST_RECORD_MS = 23,
    /// Time to the first dial.
    DTT_STAT_FIRST_DIAL_MS = 24,
    /// Time to the first neighbor.
    DTT_STAT_FIRST_NEIGHBOR_MS = 25,
    /// Times that the gossip layer lost events, for every reader: how many, it does not say.
    DTT_STAT_GOSSIP_LAGGED = 26,
}

/// How many places this header knows for dtt_topic_stats.
pub const DTT_TOPIC_STATS: usize = 27;

/// The places of a node's statistics, for dtt_node_stats and dtt_topic_dht_health. Places never change; new ones come at
/// the end.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub enum dtt_node_stat_t {
    /// Nodes in the DHT client's routing table.
    DTT_STAT_DHT_ROUTING_TABLE = 0,
    /// Lookups begun, of all topics of the DHT client.
    DTT_STAT_DHT_LOOKUPS = 1,
    /// Lookups that at least one DHT node answered.
    DTT_STAT_DHT_LOOKUPS_ANSWERED = 2,
    /// Stores tried.
    DTT_STAT_DHT_STORES = 3,
    /// Stores that at least one DHT node acknowledged.
    DTT_STAT_DHT_STORES_ACKNOWLEDGED = 4,
    /// Milliseconds since the last answered lookup or acknowledged store; DTT_NEVER if there was none.
    DTT_STAT_DHT_LAST_SUCCESS_MS = 5,
    /// Topics that are joined now (not for dtt_topic_dht_health, where it is DTT_NEVER).
    DTT_STAT_NODE_TOPICS = 6,
    /// Nodes whose addresses are remembered from records (likewise).
    DTT_STAT_NODE_KNOWN_ADDRESSES = 7,
}

/// How many places this header knows for dtt_node_stats and dtt_topic_dht_health.
pub const DTT_NODE_STATS: usize = 8;

const NEVER: u64 = u64::MAX;

fn millis(time: Option<Duration>) -> u64 {
    time.map_or(NEVER, |time| time.as_millis() as u64)
}

pub(super) fn of_topic(stats: &TopicStats) -> [u64; DTT_TOPIC_STATS] {
    let refused = &stats.records_refused;
    [
        stats.lookups,
        stats.lookups_unanswered,
        stats.records_accepted,
        refused.malformed,
        refused.sealed,
        refused.topic,
        refused.minute,
        refused.signature,
        stats.hints_malformed,
        stats.stores,
        stats.stores_failed,
        stats.dials_bootstrap,
        stats.dials_bubble,
        stats.dials_overlap,
        stats.joined,
        stats.alone,
        stats.received,
        stats.sent,
        stats.neighbors,
        stats.subscribers,
        stats.queue_depth,
        stats.lagged,
        millis(stats.first_store),
        millis(stats.first_record),
        millis(stats.first_dial),
        millis(stats.first_neighbor),
        stats.gossip_lagged,
    ]
}

pub(super) fn of_dht(health: &DhtHealth) -> [u64; DTT_NODE_STATS] {
    [
        health.routing_table as u64,
        health.lookups,
        health.lookups_answered,
        health.stores,
        health.stores_acknowledged,
        millis(health.last_success),
        NEVER,
        NEVER,
    ]
}

pub(super) fn of_node(stats: &NodeStats) -> [u64; DTT_NODE_STATS] {
    let mut numbers = of_dht(&stats.dht);
    numbers[dtt_node_stat_t::DTT_STAT_NODE_TOPICS as usize] = stats.topics as u64;
    numbers[dtt_node_stat_t::DTT_STAT_NODE_KNOWN_ADDRESSES as usize] = stats.known_addresses as u64;
    numbers
}

/// Fills the caller's room: what is not known here is `DTT_NEVER`, and what has no room is left out.
pub(super) fn fill(values: *mut u64, count: usize, numbers: &[u64]) -> Outcome {
    let room = handle::room(values, count, "values")?;
    room.fill(NEVER);
    room.iter_mut().zip(numbers).for_each(|(place, number)| *place = *number);
    Ok(())
}
