//! The model of the network between nodes: which nodes reach each other, how long it takes, and which connections
//! stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    dht::Slot,
    draw::mix,
    queue::{MILLI, SECOND, Time},
};

/// A node's number in the simulation.
pub(crate) type NodeId = u32;

/// A connection attempt to a node that does not answer is given up after this.
pub(crate) const DIAL_LIMIT: Time = 10 * SECOND;
/// A connection whose other end has gone silent is given up after this, like QUIC's idle timeout.
pub(crate) const IDLE_LIMIT: Time = 30 * SECOND;
/// Round trips of a QUIC handshake, rounded up: the dialed side has the first message after one and a half.
const HANDSHAKE_TRIPS: u64 = 2;

/// The range of the latency in one direction. It is drawn for each pair of nodes.
const LATENCY: (Time, Time) = (20 * MILLI, 200 * MILLI);

/// A node's end of a connection.
#[derive(Debug)]
enum Link<M> {
    /// The handshake is under way, and these messages wait for it.
    Dialing(Vec<M>),
    /// It stands, with this number.
    Open(u64),
}

/// What happens to a message that is sent.
#[derive(Debug)]
pub(crate) enum Sent<M> {
    /// It arrives after this time.
    Arrives(Time, M),
    /// A handshake has begun. Its outcome is known after this time.
    Dials(Time),
    /// It waits for a handshake that is under way.
    Waits,
    /// The process at the other end of the connection is gone, and its peer has not noticed yet.
    Lost,
}

/// A cut through the network. Nodes of different groups do not reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partition {
    /// The nodes are dealt out to this many groups, in turn.
    pub(crate) groups: u32,
    /// Whether the DHT is cut too. If it is, values written in one part are not read in another.
    pub(crate) dht: bool,
}

#[derive(Debug)]
pub(crate) struct Network<M> {
    seed: u64,
    links: BTreeMap<(NodeId, NodeId), Link<M>>,
    connections: u64,
    /// Connections of processes that are gone, until the other end has noticed.
    dead: BTreeSet<u64>,
    partition: Option<Partition>,
}

impl<M> Network<M> {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, links: BTreeMap::new(), connections: 0, dead: BTreeSet::new(), partition: None }
    }

    /// The latency in one direction between two nodes.
    pub(crate) fn latency(&self, a: NodeId, b: NodeId) -> Time {
        let (low, high) = (a.min(b), a.max(b));
        LATENCY.0 + mix(&[self.seed, low.into(), high.into()]) % (LATENCY.1 - LATENCY.0)
    }

    pub(crate) fn set_partition(&mut self, partition: Option<Partition>) {
        self.partition = partition;
    }

    /// Whether packets get from one node to the other.
    pub(crate) fn has_path(&self, a: NodeId, b: NodeId) -> bool {
        self.partition.is_none_or(|cut| a % cut.groups == b % cut.groups)
    }

    /// The slot that a node reaches. In a DHT that is cut, each part has storing nodes of its own.
    pub(crate) fn slot(&self, node: NodeId, number: u64) -> Slot {
        (number, self.partition.filter(|cut| cut.dht).map_or(0, |cut| node % cut.groups))
    }

    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, message: M, answers: bool) -> Sent<M> {
        let latency = self.latency(from, to);
        match self.links.get_mut(&(from, to)) {
            Some(Link::Open(connection)) if self.dead.contains(connection) => Sent::Lost,
            Some(Link::Open(_)) => Sent::Arrives(latency, message),
            Some(Link::Dialing(waiting)) => {
                waiting.push(message);
                Sent::Waits
            }
            None => {
                self.links.insert((from, to), Link::Dialing(vec![message]));
                Sent::Dials(if answers { HANDSHAKE_TRIPS * latency } else { DIAL_LIMIT })
            }
        }
    }

    /// The outcome of a handshake: the messages that waited for it, or `None` if it failed. If the other side has
    /// dialed at the same time, its messages come along.
    pub(crate) fn dialed(&mut self, from: NodeId, to: NodeId, answers: bool) -> Option<(Vec<M>, Vec<M>)> {
        let waiting = match self.links.remove(&(from, to)) {
            Some(Link::Dialing(waiting)) => waiting,
            Some(open) => {
                // The other side's handshake was faster.
                self.links.insert((from, to), open);
                return Some((Vec::new(), Vec::new()));
            }
            None => return Some((Vec::new(), Vec::new())),
        };
        if !answers {
            return None;
        }
        self.connections += 1;
        self.links.insert((from, to), Link::Open(self.connections));
        match self.links.insert((to, from), Link::Open(self.connections)) {
            Some(Link::Dialing(theirs)) => Some((waiting, theirs)),
            _ => Some((waiting, Vec::new())),
        }
    }

    /// One side lets go of a connection. Returns its number, if it stood.
    pub(crate) fn close(&mut self, from: NodeId, to: NodeId) -> Option<u64> {
        match self.links.remove(&(from, to)) {
            Some(Link::Open(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Whether a node has a connection to another node whose process is gone.
    pub(crate) fn is_stale(&self, at: NodeId, peer: NodeId) -> bool {
        matches!(self.links.get(&(at, peer)), Some(Link::Open(open)) if self.dead.contains(open))
    }

    /// A node learns that a connection is gone. Returns false if the node had let it go itself, or has a newer one.
    pub(crate) fn gone(&mut self, at: NodeId, peer: NodeId, connection: u64) -> bool {
        self.dead.remove(&connection);
        let stands = matches!(self.links.get(&(at, peer)), Some(Link::Open(open)) if *open == connection);
        if stands {
            self.links.remove(&(at, peer));
        }
        stands
    }

    /// A process is gone. Returns the nodes that have a connection to it, with the number of the connection.
    pub(crate) fn stop(&mut self, node: NodeId) -> Vec<(NodeId, u64)> {
        let ends: Vec<NodeId> = self.links.range((node, 0)..=(node, NodeId::MAX)).map(|((_, peer), _)| *peer).collect();
        let mut left = Vec::new();
        for peer in ends {
            if let Some(connection) = self.close(node, peer)
                && matches!(self.links.get(&(peer, node)), Some(Link::Open(open)) if *open == connection)
            {
                left.push((peer, connection));
                self.dead.insert(connection);
            }
        }
        left
    }

    /// Both ends of all connections that stand but have no path anymore.
    pub(crate) fn cut(&self) -> Vec<(NodeId, NodeId, u64)> {
        let open = self.links.iter().filter_map(|((from, to), link)| match link {
            Link::Open(connection) => Some((*from, *to, *connection)),
            Link::Dialing(_) => None,
        });
        open.filter(|(from, to, _)| !self.has_path(*from, *to)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_waits_for_the_handshake_and_then_takes_the_latency() {
        let mut network = Network::new(1);
        let latency = network.latency(1, 2);
        assert_eq!(latency, network.latency(2, 1));
        assert!((LATENCY.0..LATENCY.1).contains(&latency));
        assert!(matches!(network.send(1, 2, "a", true), Sent::Dials(time) if time == 2 * latency));
        assert!(matches!(network.send(1, 2, "b", true), Sent::Waits));
        assert_eq!(network.dialed(1, 2, true), Some((vec!["a", "b"], vec![])));
        assert!(matches!(network.send(2, 1, "c", true), Sent::Arrives(time, "c") if time == latency));
    }

    #[test]
    fn two_handshakes_at_once_make_one_connection() {
        let mut network = Network::new(1);
        network.send(1, 2, "a", true);
        network.send(2, 1, "b", true);
        assert_eq!(network.dialed(1, 2, true), Some((vec!["a"], vec!["b"])));
        assert_eq!(network.dialed(2, 1, true), Some((vec![], vec![])));
        let connection = network.close(1, 2).expect("the connection stood");
        assert!(network.gone(2, 1, connection), "the other side is told");
        assert!(!network.gone(2, 1, connection), "once");
    }

    #[test]
    fn a_partition_cuts_nodes_and_optionally_the_dht() {
        let mut network = Network::<&str>::new(1);
        for (from, to) in [(0, 1), (0, 2)] {
            network.send(from, to, "a", true);
            network.dialed(from, to, true);
        }
        network.set_partition(Some(Partition { groups: 2, dht: false }));
        assert_eq!(network.cut().len(), 2, "both ends of the one connection across the cut");
        assert!(!network.has_path(0, 1) && network.has_path(0, 2));
        assert_eq!(network.slot(0, 9), network.slot(1, 9));
        network.set_partition(Some(Partition { groups: 2, dht: true }));
        assert_ne!(network.slot(0, 9), network.slot(1, 9));
        assert_eq!(network.slot(0, 9), network.slot(2, 9));
    }

    #[test]
    fn a_stopped_node_leaves_its_connections_until_they_are_noticed() {
        let mut network = Network::new(1);
        network.send(1, 2, "a", true);
        network.dialed(1, 2, true);
        network.send(1, 3, "b", false);
        let left = network.stop(1);
        assert_eq!(left.len(), 1);
        assert!(network.gone(2, 1, left[0].1));
        assert_eq!(network.dialed(1, 3, true), Some((vec![], vec![])), "its handshake is forgotten");
    }
}
