//! The connections that stand, both ways.
//!
//! A node that closes waits for their peers and for nobody else: an endpoint waits for dials, too, that nobody has
//! answered yet, three seconds, for somebody who most likely is gone.
//!
//! Those of the gossip layer that nobody uses are closed. A peer that runs iroh-gossip 0.101 never closes one whose last topic has gone,
//! or that a newer one has replaced, and keep-alives hold it open on both sides (n0-computer/iroh-gossip, issue 145). It also
//! happens that a peer counts us as its neighbor and we do not count it: the end of the connection tells it.

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

/// What a peer needs to acknowledge a close, beside the way there and back.
const MOMENT: Duration = Duration::from_millis(250);
/// Round trips after which QUIC gives up repeating a close, at the most: three probe time-outs, each of the round trip
/// and four times its variation, which begins as half of it.
const ROUND_TRIPS: u32 = 9;

/// How often the connections are looked through.
pub(in crate::net) const LOOK: Duration = Duration::from_secs(2);
/// What was under way on a connection that a newer one replaced has arrived by then.
const REPLACED_FOR: Duration = Duration::from_secs(5);
/// Looks in a row at a connection to a node that is nobody's neighbor: it carries joins and shuffles, which take moments.
/// They are counted, and not timed, since whoever was stopped for a while does not yet know who came meanwhile.
const UNUSED_LOOKS: u32 = 5;
/// And if something still goes over it: its peer counts us as a neighbor, or we are late to notice that it is ours.
const UNUSED_LOOKS_HEARD: u32 = 30;

/// Why a connection ends that its peer has no use for: the peer is there all the same.
pub(super) const UNUSED: &[u8] = b"unused";
/// Why a connection ends whose peer does not answer a join, so that the peer forgets us.
pub(in crate::net) const NO_ANSWER: &[u8] = b"no answer";

/// A hook of the endpoint that remembers its connections.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Connections(Arc<Mutex<Vec<Watched>>>);

#[derive(Debug)]
struct Watched {
    handle: WeakConnectionHandle,
    since: Instant,
    /// Stream frames both ways so far, and when there was a new one last.
    heard: u64,
    heard_at: Instant,
    /// Looks in a row at which its peer was nobody's neighbor, and those of them at which nothing had come.
    unused: u32,
    unheard: u32,
}

impl Connections {
    /// Waits until the connections that stand now have been closed, and then as long as their peers need to notice.
    pub(in crate::net) fn told(&self) -> impl Future<Output = ()> + Send + use<> {
        let open: Vec<Connection> = self.lock().iter().filter_map(Watched::open).collect();
        let round_trip = open.iter().filter_map(longest_round_trip).max().unwrap_or_default();
        async move {
            let handles: Vec<_> = open.iter().map(Connection::weak_handle).collect();
            let closed = join_all(handles.iter().map(WeakConnectionHandle::closed));
            // Held so far, so that their end is not missed; whoever else holds none closes them by letting go.
            drop(open);
            closed.await;
            tokio::time::sleep(MOMENT + round_trip * ROUND_TRIPS).await;
        }
    }

    /// Those of the gossip layer to a peer, and since when they stand.
    pub(in crate::net) fn to(&self, peer: &EndpointId) -> Vec<(Connection, Instant)> {
        let standing = self.lock();
        let open = standing.iter().filter_map(|standing| Some((standing.open()?, standing.since)));
        open.filter(|(connection, _)| connection.alpn() == GOSSIP_ALPN && connection.remote_id() == *peer).collect()
    }

    /// Closes what is of no use to the gossip layer.
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
            // A node dials anew only when it has no use for its older connections to us. Which of two that it dialed at
            // the same time it uses shows in what comes over them.
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
        Self { handle, since: now, heard: 0, heard_at: now, unused: 0, unheard: 0 }
    }

    fn open(&self) -> Option<Connection> {
        self.handle.upgrade().filter(|connection| connection.close_reason().is_none())
    }

    /// Notes what has gone over the connection, keep-alives left out.
    fn look(&mut self, connection: &Connection, is_neighbor: bool, now: Instant) {
        let stats = connection.stats();
        // What was sent counts as well: it may be under way.
        let heard = stats.frame_rx.stream + stats.frame_tx.stream;
        if heard != self.heard {
            (self.heard, self.heard_at) = (heard, now);
        }
        self.unused = if is_neighbor { 0 } else { self.unused + 1 };
        self.unheard = if is_neighbor || self.heard_at == now { 0 } else { self.unheard + 1 };
    }

    fn is_unused(&self) -> bool {
        self.unheard > UNUSED_LOOKS || self.unused > UNUSED_LOOKS_HEARD
    }
}

pub(in crate::net) fn longest_round_trip(connection: &Connection) -> Option<Duration> {
    connection.paths().iter().map(|path| path.rtt()).max()
}
