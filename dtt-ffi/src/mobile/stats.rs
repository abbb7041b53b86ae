//! What happened, in numbers.

use dtt_core::{DhtHealth as CoreHealth, NodeStats as CoreNode, TopicStats as CoreTopic};

use super::millis::Millis;

/// What a topic has done since it was joined. Where a topic finds nobody, `lookupsUnanswered` close to `lookups` means that
/// no DHT node is reached, `refusedSealed` that others are there with another secret or rotation, and nothing found
/// at all that nobody is there, or by another name.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TopicStats {
    /// Slot lookups begun.
    pub lookups: u64,
    /// Slot lookups that no DHT node answered.
    pub lookups_unanswered: u64,
    /// Records of others that were opened and verified.
    pub records_accepted: u64,
    /// Values refused: too short, too long, or with lengths that do not match.
    pub refused_malformed: u64,
    /// Values refused that do not open: another secret or rotation, or noise.
    pub refused_sealed: u64,
    /// Values refused that are signed for another topic.
    pub refused_topic: u64,
    /// Values refused that are signed for another minute.
    pub refused_minute: u64,
    /// Values refused for a bad key or signature.
    pub refused_signature: u64,
    /// Address extensions that were malformed; their records were accepted.
    pub hints_malformed: u64,
    /// Records that DHT nodes stored.
    pub stores: u64,
    /// Attempts to store that failed.
    pub stores_failed: u64,
    /// Peers dialed because there was no neighbor.
    pub dials_bootstrap: u64,
    /// Peers dialed because there were few neighbors.
    pub dials_bubble: u64,
    /// Peers dialed because the swarm looked split.
    pub dials_overlap: u64,
    /// Times that a first or only neighbor came.
    pub joined: u64,
    /// Times that the last neighbor went.
    pub alone: u64,
    /// Messages received.
    pub received: u64,
    /// Messages handed to the gossip layer.
    pub sent: u64,
    /// Current neighbors.
    pub neighbors: u64,
    /// Current event queues.
    pub subscribers: u64,
    /// Events that wait in the fullest queue.
    pub queue_depth: u64,
    /// Events that slow readers have missed, over all queues. What the gossip layer lost is not in it.
    pub lagged: u64,
    /// Times that the gossip layer lost events, for every reader: how many, it does not say.
    pub gossip_lagged: u64,
    /// From joining to the first record that the DHT stored.
    pub first_store: Option<Millis>,
    /// From joining to the first record of another node.
    pub first_record: Option<Millis>,
    /// From joining to the first dial.
    pub first_dial: Option<Millis>,
    /// From joining to the first neighbor.
    pub first_neighbor: Option<Millis>,
}

/// The state of the DHT client that a node or topic uses. Topics of equal DHT configuration share it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DhtHealth {
    /// Nodes in the routing table.
    pub routing_table: u64,
    /// Lookups begun, of all topics.
    pub lookups: u64,
    /// Lookups that at least one node answered.
    pub lookups_answered: u64,
    /// Stores tried, of all topics.
    pub stores: u64,
    /// Stores that at least one node acknowledged.
    pub stores_acknowledged: u64,
    /// How long ago the last lookup was answered or store acknowledged; none if never.
    pub last_success: Option<Millis>,
}

/// What a node knows and has done.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NodeStats {
    /// Topics that are joined now.
    pub topics: u64,
    /// Nodes whose addresses are remembered from records.
    pub known_addresses: u64,
    /// The DHT client.
    pub dht: DhtHealth,
}

impl From<CoreTopic> for TopicStats {
    fn from(stats: CoreTopic) -> Self {
        let refused = stats.records_refused;
        Self {
            lookups: stats.lookups,
            lookups_unanswered: stats.lookups_unanswered,
            records_accepted: stats.records_accepted,
            refused_malformed: refused.malformed,
            refused_sealed: refused.sealed,
            refused_topic: refused.topic,
            refused_minute: refused.minute,
            refused_signature: refused.signature,
            hints_malformed: stats.hints_malformed,
            stores: stats.stores,
            stores_failed: stats.stores_failed,
            dials_bootstrap: stats.dials_bootstrap,
            dials_bubble: stats.dials_bubble,
            dials_overlap: stats.dials_overlap,
            joined: stats.joined,
            alone: stats.alone,
            received: stats.received,
            sent: stats.sent,
            neighbors: stats.neighbors,
            subscribers: stats.subscribers,
            queue_depth: stats.queue_depth,
            lagged: stats.lagged,
            gossip_lagged: stats.gossip_lagged,
            first_store: stats.first_store.map(Millis::from),
            first_record: stats.first_record.map(Millis::from),
            first_dial: stats.first_dial.map(Millis::from),
            first_neighbor: stats.first_neighbor.map(Millis::from),
        }
    }
}

impl From<CoreHealth> for DhtHealth {
    fn from(health: CoreHealth) -> Self {
        Self {
            routing_table: health.routing_table as u64,
            lookups: health.lookups,
            lookups_answered: health.lookups_answered,
            stores: health.stores,
            stores_acknowledged: health.stores_acknowledged,
            last_success: health.last_success.map(Millis::from),
        }
    }
}

impl From<CoreNode> for NodeStats {
    fn from(stats: CoreNode) -> Self {
        Self { topics: stats.topics as u64, known_addresses: stats.known_addresses as u64, dht: stats.dht.into() }
    }
}
