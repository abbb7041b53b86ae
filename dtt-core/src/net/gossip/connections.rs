//! The connections that stand, in both directions.
//!
//! A node that closes waits for the peers of these connections only. An endpoint also waits three seconds for dials
//! that nobody has answered yet, and their peers are most likely gone.
//!
//! Connections of the gossip layer that nobody uses are closed. A peer that runs iroh-gossip 0.101 never closes a
//! connection whose last topic is gone, or that a newer one has replaced, and keep-alives hold it open on both sides
//! (n0-computer/iroh-gossip, issue 145). A peer may also count us as its neighbor while we do not count it: the end of
//! the connection tells it.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::future::join_all;
use iroh::{
    EndpointId,
    endpoint::{AfterHandshakeOutcome, Connection, EndpointHooks, Side, WeakConnectionHandle},
};
use iroh_gossip::net::GOSSIP_ALPN;
use tokio::time::Instant;

use super::neighborhood::Neighborhood;
use crate::sync::Unpoisoned;

/// Time that a peer needs to acknowledge a close, in addition to the round trips.
const MOMENT: Duration = Duration::from_millis(250);
/// Round trips after which QUIC stops repeating a close at the latest: three probe time-outs. Each takes the round trip
/// and four times its variation, which begins as half of the round trip.
const ROUND_TRIPS: u32 = 9;

/// How often the connections are examined.
pub(in crate::net) const LOOK: Duration = Duration::from_secs(2);
/// After this time, whatever was under way on a replaced connection has arrived.
const REPLACED_FOR: Duration = Duration::from_secs(5);
/// If nothing goes over a connection to a node that is no neighbor, it is closed after more looks in a row than this.
/// It carries joins and shuffles, which take moments. Looks are counted instead of time, since a process that was
/// stopped for a while does not yet know who connected meanwhile.
const UNUSED_LOOKS: u32 = 5;
/// The same limit if something still goes over the connection: its peer counts us as a neighbor, or this node is late
/// to notice that the peer is one.
const UNUSED_LOOKS_HEARD: u32 = 30;

/// Close reason of a connection that is of no use. The node that closes it is still there.
pub(super) const UNUSED: &[u8] = b"unused";
/// Close reason of a connection whose peer does not answer a join. It makes the peer forget us.
pub(in crate::net) const NO_ANSWER: &[u8] = b"no answer";

/// A hook of the endpoint that remembers its connections.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Connections(Arc<Mutex<Vec<Watched>>>);

#[derive(Debug)]
struct Watched {
    handle: WeakConnectionHandle,
    since: Instant,
    /// Stream frames in both directions so far, and when the last new one was noticed.
    heard: u64,
    heard_at: Instant,
    /// Looks in a row at which the peer was no topic's neighbor; and looks in a row at which, in addition, nothing had
    /// gone over the connection.
    unused: u32,
    quiet: u32,
}

impl Connections {
    /// Waits until the connections that stand now have been closed, and then as long as their peers need to notice.
    pub(in crate::net) fn peers_know(&self) -> impl Future<Output = ()> + Send + use<> {
        let open: Vec<Connection> = self.lock().iter().filter_map(Watched::open).collect();
        let round_trip = open.iter().filter_map(longest_round_trip).max().unwrap_or_default();
        async move {
            let handles: Vec<_> = open.iter().map(Connection::weak_handle).collect();
            let closed = join_all(handles.iter().map(WeakConnectionHandle::closed));
            // Held until here, so that the handles do not miss their end. If nothing else holds a connection, dropping
            // it closes it.
            drop(open);
            closed.await;
            tokio::time::sleep(MOMENT + round_trip * ROUND_TRIPS).await;
        }
    }

    /// The gossip connections to a peer, each with the time when it began.
    pub(in crate::net) fn to(&self, peer: &EndpointId) -> Vec<(Connection, Instant)> {
        let standing = self.lock();
        let open = standing.iter().filter_map(|standing| Some((standing.open()?, standing.since)));
        open.filter(|(connection, _)| connection.alpn() == GOSSIP_ALPN && connection.remote_id() == *peer).collect()
    }

    /// Closes connections that are of no use to the gossip layer.
    pub(in crate::net) fn close_unused(&self, neighborhood: &Neighborhood) {
        let now = Instant::now();
        let mut all = self.lock();
        all.retain(|standing| standing.open().is_some());
        let gossips = |standing: &Watched| standing.open().filter(|connection| connection.alpn() == GOSSIP_ALPN);
        let mut accepted = Vec::new();
        for standing in all.iter_mut() {
            let Some(connection) = gossips(standing) else { continue };
            standing.look(&connection, neighborhood.contains(&connection.remote_id()), now);
            if connection.side() == Side::Server {
                accepted.push((connection.remote_id(), standing.since, standing.heard_at));
            }
        }
        for standing in all.iter() {
            let Some(connection) = gossips(standing) else { continue };
            let peer = connection.remote_id();
            // A node dials again only if it has no use for its older connections to us. If it dialed two at the same
            // time, what comes over them shows which one it uses.
            let replaces = |(other, since, heard_at): &(EndpointId, Instant, Instant)| {
                *other == peer && *since > standing.since && *heard_at >= standing.heard_at + REPLACED_FOR
            };
            let replaced = connection.side() == Side::Server && accepted.iter().any(replaces);
            if replaced || standing.is_unused() {
                tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), replaced, "unused connection closed");
                connection.close(0u32.into(), UNUSED);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.0.lock().unpoisoned()
    }
}

impl EndpointHooks for Connections {
    async fn after_handshake<'a>(&'a self, connection: &'a Connection) -> AfterHandshakeOutcome {
        let mut standing = self.lock();
        standing.retain(|standing| standing.open().is_some());
        standing.push(Watched::new(connection.weak_handle()));
        AfterHandshakeOutcome::accept()
    }
}

impl Watched {
    fn new(handle: WeakConnectionHandle) -> Self {
        let now = Instant::now();
        Self { handle, since: now, heard: 0, heard_at: now, unused: 0, quiet: 0 }
    }

    fn open(&self) -> Option<Connection> {
        self.handle.upgrade().filter(|connection| connection.close_reason().is_none())
    }

    /// Notes what has gone over the connection. Keep-alives do not count.
    fn look(&mut self, connection: &Connection, is_neighbor: bool, now: Instant) {
        let stats = connection.stats();
        // Sent frames count as well: they may be under way.
        let heard = stats.frame_rx.stream + stats.frame_tx.stream;
        if heard != self.heard {
            (self.heard, self.heard_at) = (heard, now);
        }
        self.unused = if is_neighbor { 0 } else { self.unused + 1 };
        self.quiet = if is_neighbor || self.heard_at == now { 0 } else { self.quiet + 1 };
    }

    fn is_unused(&self) -> bool {
        self.quiet > UNUSED_LOOKS || self.unused > UNUSED_LOOKS_HEARD
    }
}

pub(in crate::net) fn longest_round_trip(connection: &Connection) -> Option<Duration> {
    connection.paths().iter().map(|path| path.rtt()).max()
}
