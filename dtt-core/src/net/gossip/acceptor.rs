//! Connections that come in for the gossip layer.
//!
//! A peer counts as present as long as a connection to it stands. If a process was killed and is back with its key, it
//! still counts as a neighbor on every topic, and nodes that had joined it before do not answer its joins. So the
//! predecessor's connections have to end before the new connection is handed over.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use iroh::{
    endpoint::{Connection, FrameStats, Side},
    protocol::{AcceptError, ProtocolHandler},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    connections::{Connections, longest_round_trip},
    own::Gossip,
};
use crate::net::same_key::tell_of_each_other;

/// A connection that we dialed less than this long ago counts as dialed at the same time as the new one. If two nodes
/// dial each other at once, both connections are alive.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How many of the older connections are probed, the newest first.
const ASKED: usize = 4;
/// Probe packets on each connection. A live peer acknowledges them, but some may get lost.
const PROBES: u32 = 5;
const BETWEEN_PROBES: Duration = Duration::from_millis(50);
/// A peer that has not answered after this time plus this many round trips is gone. A peer that waits for the answer to
/// a join over the new connection waits longer (`topic/connector.rs`).
const PATIENCE: Duration = Duration::from_millis(400);
const PATIENCE_ROUND_TRIPS: u32 = 2;
/// Time that the gossip layer needs to notice the end of a connection, and the topics to hear of it.
const NOTICED: Duration = Duration::from_millis(50);
const NOTICED_AT_MOST: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(10);

/// Hands connections to the gossip layer, as iroh-gossip's own handler would, after it has closed those of the peer's
/// predecessor.
#[derive(Debug)]
pub(in crate::net) struct Acceptor {
    pub(in crate::net) gossip: Gossip,
    pub(in crate::net) connections: Connections,
}

impl ProtocolHandler for Acceptor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        self.end_predecessor(&connection).await;
        self.gossip.take(connection);
        Ok(())
    }

    async fn shutdown(&self) {
        self.gossip.ended().await;
    }
}

impl Acceptor {
    async fn end_predecessor(&self, new: &Connection) {
        let peer = new.remote_id();
        let mut older = self.connections.to(&peer);
        older.retain(|(connection, _)| connection.stable_id() != new.stable_id());
        older.sort_by_key(|(_, since)| std::cmp::Reverse(*since));
        older.truncate(ASKED);
        // If a peer that dialed us before dials again, it has no use for its earlier connection. So only our own dials
        // count.
        let young = |(connection, since): &(_, Instant)| {
            Connection::side(connection) == Side::Client && since.elapsed() < AT_ONCE
        };
        if older.is_empty() || older.iter().any(young) {
            return;
        }
        let patience = PATIENCE + longest_round_trip(new).unwrap_or_default() * PATIENCE_ROUND_TRIPS;
        let live = join_all(older.iter().map(|(connection, _)| lives(connection, patience))).await;
        if let Some(alive) = live.iter().position(|lives| *lives) {
            return tell_of_each_other(&older[alive].0, new);
        }
        tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), "a peer is back, its old connections are closed");
        older.iter().for_each(|(connection, _)| self.gossip.close_dead(connection));
        sleep(NOTICED).await;
        // If the topics take longer, the new connection is handed over all the same.
        let _ = timeout(NOTICED_AT_MOST, self.gossip.neighborhood().lost(&peer)).await;
    }
}

/// Whether the peer may still be at the other end: it answers, or it could not be probed.
async fn lives(connection: &Connection, patience: Duration) -> bool {
    let (heard, sent) = frames(connection);
    let begin = Instant::now();
    let mut probes = 0;
    while begin.elapsed() < patience && connection.close_reason().is_none() {
        if probes < PROBES && begin.elapsed() >= BETWEEN_PROBES * probes {
            probes += 1;
            // A dtt node reads empty datagrams and ignores them. Other peers do not read them. Then they stay where
            // they arrive, and take hardly any room (RFC 9221).
            if connection.send_datagram(Bytes::new()).is_err() {
                return connection.close_reason().is_none();
            }
        }
        sleep(STEP).await;
        if frames(connection).0 != heard {
            return true;
        }
    }
    // Without a path that is known to work, QUIC sends no probe at all, so silence proves nothing.
    connection.close_reason().is_none() && frames(connection).1.datagram == sent.datagram
}

/// Frames received and sent so far.
fn frames(connection: &Connection) -> (FrameStats, FrameStats) {
    let stats = connection.stats();
    (stats.frame_rx, stats.frame_tx)
}
