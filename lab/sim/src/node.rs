//! One node: the gossip state machine, the policy, and what the simulation knows about the node.

use std::time::Duration;

use dtt_core::tracker::{JoinReason, Now, PeerId};
use iroh_gossip::proto::{Config, Message, PeerData, State, Timer, TopicId};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    draw::mix,
    network::NodeId,
    policy::{Policy, Rules},
    queue::Time,
};

/// The one topic of the simulation.
pub(crate) const TOPIC: TopicId = TopicId::from_bytes([7; 32]);
/// Numbers from here on stand for nodes that do not exist.
pub(crate) const GHOSTS: NodeId = 1 << 30;
/// How often the gossip layer looks for expired messages. This is rarer than its default, which would be most of the
/// events.
const EVICT_INTERVAL: Duration = Duration::from_secs(15);

pub(crate) type GossipTimer = Timer<NodeId>;

/// A message of the gossip layer. If it is a request to join or the answer to one, it carries the merge that it comes
/// from.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) message: Message<NodeId>,
    pub(crate) reason: Option<JoinReason>,
    pub(crate) answer: bool,
}

/// A node's fixed properties.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    pub(crate) unreachable: bool,
    /// How far its clock is ahead, in nanoseconds.
    pub(crate) skew: i64,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) traits: Traits,
    pub(crate) started: Time,
    /// The number of the process, among those of all nodes: a node that is killed may come back with its key.
    pub(crate) life: u64,
    pub(crate) policy: Policy,
    pub(crate) gossip: State<NodeId, StdRng>,
    pub(crate) neighbors: Vec<NodeId>,
    pub(crate) joined: bool,
    /// When the policy is woken next.
    pub(crate) wakes: Option<Time>,
    /// The number of the store that is under way. A new store replaces it.
    pub(crate) store: u64,
}

impl Node {
    pub(crate) fn new(id: NodeId, life: u64, rules: Rules, seed: u64, traits: Traits, started: Time, now: Now) -> Self {
        let mut config = Config::default();
        config.broadcast.cache_evict_interval = EVICT_INTERVAL;
        let rng = StdRng::seed_from_u64(mix(&[seed, 10, life]));
        Self {
            traits,
            started,
            life,
            policy: Policy::new(rules, peer_id(id), mix(&[seed, 11, life]), now),
            gossip: State::new(id, PeerData::default(), config, rng),
            neighbors: Vec::new(),
            joined: false,
            wakes: None,
            store: 0,
        }
    }
}

/// The public key of a node.
pub(crate) fn peer_id(id: NodeId) -> PeerId {
    let mut bytes = [1; 32];
    bytes[..4].copy_from_slice(&id.to_le_bytes());
    bytes
}

/// The node of a public key.
pub(crate) fn node_id(peer: &PeerId) -> NodeId {
    NodeId::from_le_bytes([peer[0], peer[1], peer[2], peer[3]])
}
