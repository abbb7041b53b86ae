//! What happened, in numbers: counters that each cost one atomic addition, and snapshots of them.

use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{error::RecordError, sync::Unpoisoned, tracker::JoinReason};

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A snapshot of what a topic has done since it was joined.
///
/// If a topic finds no other node, the first of these conditions that holds tells why:
///
/// - `lookups_unanswered` keeps up with `lookups`: this node reaches no DHT node. Check the network, the bootstrap
///   nodes, and [`DhtHealth::last_success`].
/// - `stores` stays 0 while `stores_failed` grows: other nodes cannot find this one.
/// - `records_accepted` is 0 and `records_refused.sealed` grows: the other members use another secret or rotation, or
///   somebody writes noise. On a private topic, members with another secret are elsewhere, and this is a rotation.
/// - both are 0: there is no other member, or the others use another topic name, or the clocks are minutes apart
///   ([`joined_within`] looks for signs of that).
/// - `records_accepted` and `dials_bootstrap` grow, and `joined` is 0: the nodes that the records name are gone, or
///   this node cannot reach them.
///
/// On a topic that has neighbors, other counters are worth a look. If `alone` grows, the topic loses its neighbors
/// again and again. If `dials_overlap` grows, the swarm splits. If `lagged` grows, a subscriber reads too slowly;
/// `queue_depth` tells how far the slowest one is behind.
///
/// [`joined_within`]: crate::Topic::joined_within
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicStats {
    /// Slot lookups begun.
    pub lookups: u64,
    /// Slot lookups that no DHT node answered.
    pub lookups_unanswered: u64,
    /// Records of other nodes that were opened and verified (each distinct value counts once).
    pub records_accepted: u64,
    /// Values that were no valid record, by reason (each distinct value counts once).
    pub records_refused: RefusedRecords,
    /// Malformed address extensions. Their records were accepted all the same.
    pub hints_malformed: u64,
    /// Records that DHT nodes stored.
    pub stores: u64,
    /// Attempts to store that failed.
    pub stores_failed: u64,
    /// Peers handed to the gossip layer because the topic had no neighbor. Records named these peers, earlier records
    /// of this node included.
    pub dials_bootstrap: u64,
    /// Peers handed to the gossip layer because there were few neighbors, or because nothing showed that the nodes in a
    /// record were in the same swarm.
    pub dials_bubble: u64,
    /// Peers handed to the gossip layer because the swarm looked split.
    pub dials_overlap: u64,
    /// How often the topic went from no neighbor to one.
    pub joined: u64,
    /// How often the last neighbor went.
    pub alone: u64,
    /// Messages received.
    pub received: u64,
    /// Messages that were dropped, by reason. Only topics of protocol version 2 tell them from others.
    pub messages_refused: RefusedMessages,
    /// Messages handed to the gossip layer.
    pub sent: u64,
    /// Current neighbors.
    pub neighbors: u64,
    /// Current event queues.
    pub subscribers: u64,
    /// Events that wait in the fullest queue.
    pub queue_depth: u64,
    /// Events that slow subscribers have missed, over all queues. Events that the gossip layer lost are not included.
    pub lagged: u64,
    /// How often the gossip layer lost events, for every subscriber. It does not say how many events each time.
    pub gossip_lagged: u64,
    /// From joining to the first record that the DHT stored.
    pub first_store: Option<Duration>,
    /// From joining to the first record of another node.
    pub first_record: Option<Duration>,
    /// From joining to the first dial.
    pub first_dial: Option<Duration>,
    /// From joining to the first neighbor.
    pub first_neighbor: Option<Duration>,
}

/// Values found in a topic's slots that were refused, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedRecords {
    /// Values that are too short or too long, or whose lengths do not match.
    pub malformed: u64,
    /// Values that do not open: they are sealed with another secret or rotation, or they are noise.
    pub sealed: u64,
    /// Records that are signed for another topic.
    pub topic: u64,
    /// Records that are signed for another minute.
    pub minute: u64,
    /// Records with a bad key or signature.
    pub signature: u64,
}

impl RefusedRecords {
    /// All refused values.
    pub fn total(&self) -> u64 {
        self.malformed + self.sealed + self.topic + self.minute + self.signature
    }
}

/// Messages of a private topic that were dropped, by reason. Members alone can send them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedMessages {
    /// Messages that are no envelope of protocol version 2, or have unknown flags.
    pub malformed: u64,
    /// Messages without a signature, where `unsigned_messages` is off.
    pub unsigned: u64,
    /// Messages with a bad author or signature.
    pub signature: u64,
    /// Messages that are for their author's neighbors only and came another way, or the other way round.
    pub scope: u64,
    /// Messages that were received before, or are so old that nobody remembers whether they were.
    pub repeated: u64,
}

impl RefusedMessages {
    /// All refused messages.
    pub fn total(&self) -> u64 {
        self.malformed + self.unsigned + self.signature + self.scope + self.repeated
    }
}

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed,
    Unsigned,
    Signature,
    /// It is for the author's neighbors only and came another way, or the other way round.
    Scope,
    /// It has been received before, or nobody remembers whether it was.
    Repeated,
}

/// The state of the DHT client that a node or topic uses. Topics of equal DHT configuration share it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DhtHealth {
    /// Nodes in the routing table.
    pub routing_table: usize,
    /// Lookups begun, of all topics.
    pub lookups: u64,
    /// Lookups that at least one node answered.
    pub lookups_answered: u64,
    /// Stores tried, of all topics.
    pub stores: u64,
    /// Stores that at least one node acknowledged.
    pub stores_acknowledged: u64,
    /// How long ago the last lookup was answered or the last store acknowledged; `None` if neither has happened.
    pub last_success: Option<Duration>,
}

/// A snapshot of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// Topics that are joined now.
    pub topics: usize,
    /// Nodes whose addresses are remembered from records.
    pub known_addresses: usize,
    /// The DHT client.
    pub dht: DhtHealth,
}

#[derive(Debug)]
pub(crate) struct TopicCounters {
    start: Instant,
    pub(crate) lookups: Counter,
    pub(crate) lookups_unanswered: Counter,
    pub(crate) lookups_answered: Counter,
    pub(crate) records_accepted: Counter,
    malformed: Counter,
    sealed: Counter,
    topic: Counter,
    minute: Counter,
    signature: Counter,
    pub(crate) hints_malformed: Counter,
    pub(crate) stores: Counter,
    pub(crate) stores_failed: Counter,
    dials: [Counter; 3],
    messages: [Counter; 5],
    pub(crate) joined: Counter,
    pub(crate) alone: Counter,
    pub(crate) received: Counter,
    pub(crate) sent: Counter,
    pub(crate) gossip_lagged: Counter,
    first_store: OnceLock<Duration>,
    first_record: OnceLock<Duration>,
    first_dial: OnceLock<Duration>,
    first_neighbor: OnceLock<Duration>,
}

impl TopicCounters {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            lookups: Counter::default(),
            lookups_unanswered: Counter::default(),
            lookups_answered: Counter::default(),
            records_accepted: Counter::default(),
            malformed: Counter::default(),
            sealed: Counter::default(),
            topic: Counter::default(),
            minute: Counter::default(),
            signature: Counter::default(),
            hints_malformed: Counter::default(),
            stores: Counter::default(),
            stores_failed: Counter::default(),
            dials: Default::default(),
            messages: Default::default(),
            joined: Counter::default(),
            alone: Counter::default(),
            received: Counter::default(),
            sent: Counter::default(),
            gossip_lagged: Counter::default(),
            first_store: OnceLock::new(),
            first_record: OnceLock::new(),
            first_dial: OnceLock::new(),
            first_neighbor: OnceLock::new(),
        }
    }

    pub(crate) fn accepted(&self) {
        self.records_accepted.add(1);
        self.first_record.get_or_init(|| self.start.elapsed());
    }

    pub(crate) fn refused(&self, error: RecordError) {
        let counter = match error {
            RecordError::TooShort { .. } | RecordError::TooLong { .. } | RecordError::Length { .. } => &self.malformed,
            RecordError::Sealed | RecordError::Content => &self.sealed,
            RecordError::Topic => &self.topic,
            RecordError::Minute { .. } | RecordError::Age { .. } => &self.minute,
            RecordError::Key | RecordError::Signature => &self.signature,
        };
        counter.add(1);
    }

    pub(crate) fn message_refused(&self, refusal: Refusal) {
        self.messages[refusal as usize].add(1);
    }

    fn messages_refused(&self) -> RefusedMessages {
        let count = |refusal: Refusal| self.messages[refusal as usize].get();
        RefusedMessages {
            malformed: count(Refusal::Malformed),
            unsigned: count(Refusal::Unsigned),
            signature: count(Refusal::Signature),
            scope: count(Refusal::Scope),
            repeated: count(Refusal::Repeated),
        }
    }

    pub(crate) fn stored(&self) {
        self.stores.add(1);
        self.first_store.get_or_init(|| self.start.elapsed());
    }

    pub(crate) fn dialed(&self, reason: JoinReason, peers: usize) {
        self.dials[reason as usize].add(peers as u64);
        self.first_dial.get_or_init(|| self.start.elapsed());
    }

    pub(crate) fn joined(&self) {
        self.joined.add(1);
        self.first_neighbor.get_or_init(|| self.start.elapsed());
    }

    /// Everything that is counted here. Fields that belong to the queues stay zero.
    pub(crate) fn snapshot(&self) -> TopicStats {
        TopicStats {
            lookups: self.lookups.get(),
            lookups_unanswered: self.lookups_unanswered.get(),
            records_accepted: self.records_accepted.get(),
            records_refused: RefusedRecords {
                malformed: self.malformed.get(),
                sealed: self.sealed.get(),
                topic: self.topic.get(),
                minute: self.minute.get(),
                signature: self.signature.get(),
            },
            hints_malformed: self.hints_malformed.get(),
            stores: self.stores.get(),
            stores_failed: self.stores_failed.get(),
            dials_bootstrap: self.dials[JoinReason::Bootstrap as usize].get(),
            dials_bubble: self.dials[JoinReason::Bubble as usize].get(),
            dials_overlap: self.dials[JoinReason::Overlap as usize].get(),
            joined: self.joined.get(),
            alone: self.alone.get(),
            received: self.received.get(),
            messages_refused: self.messages_refused(),
            sent: self.sent.get(),
            gossip_lagged: self.gossip_lagged.get(),
            first_store: self.first_store.get().copied(),
            first_record: self.first_record.get().copied(),
            first_dial: self.first_dial.get().copied(),
            first_neighbor: self.first_neighbor.get().copied(),
            ..TopicStats::default()
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct DhtCounters {
    pub(crate) lookups: Counter,
    pub(crate) answered: Counter,
    pub(crate) stores: Counter,
    pub(crate) stored: Counter,
    /// Lookups of the present client in a row that no node answered.
    pub(crate) unanswered_in_a_row: Counter,
    /// Whether the last lookup was answered. A lookup that was cut off without a value does not change this.
    pub(crate) answers: AtomicBool,
    last_success: Mutex<Option<Instant>>,
}

impl DhtCounters {
    pub(crate) fn success(&self) {
        *self.last_success.lock().unpoisoned() = Some(Instant::now());
    }

    /// How long ago the last success was; `None` if there was none.
    pub(crate) fn silent_for(&self) -> Option<Duration> {
        let last = *self.last_success.lock().unpoisoned();
        last.map(|at| at.elapsed())
    }

    pub(crate) fn health(&self, routing_table: usize) -> DhtHealth {
        DhtHealth {
            routing_table,
            lookups: self.lookups.get(),
            lookups_answered: self.answered.get(),
            stores: self.stores.get(),
            stores_acknowledged: self.stored.get(),
            last_success: self.silent_for(),
        }
    }
}
