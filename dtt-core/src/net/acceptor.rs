//! Connections that come in for the gossip layer.
//!
//! To iroh-gossip 0.101 a peer is there as long as its newest connection stands, and a newer one is nothing but a newer way
//! to it. A process that was killed and is back with its key is a neighbor still, then, on every topic, and its joins are not
//! answered by whoever had joined it. So the predecessor's connection has to end before the new one is handed over.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use iroh::{
    endpoint::{Connection, FrameStats, Side},
    protocol::{AcceptError, ProtocolHandler},
};
use iroh_gossip::net::Gossip;
use tokio::time::{Instant, sleep};

use super::{
    connections::{Connections, longest_round_trip},
    neighborhood::Neighborhood,
};

/// Two that dial each other at the same time have two connections, and both are alive.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Older connections that are asked, at the most: the newest ones.
const ASKED: usize = 4;
/// Packets that whoever lives acknowledges: some may get lost.
const PROBES: u32 = 5;
const BETWEEN_PROBES: Duration = Duration::from_millis(50);
/// Who has not answered by then, and after so many round trips, is gone. A peer that waits for the answer to a join over the new
/// connection waits longer (`connector.rs`).
const PATIENCE: Duration = Duration::from_millis(400);
const PATIENCE_ROUND_TRIPS: u32 = 2;
/// What the gossip layer needs to notice an end, and the topics to hear of it.
const NOTICED: Duration = Duration::from_millis(50);
const NOTICED_AT_MOST: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(10);

/// Hands connections to the gossip layer, as its own handler would, once it has forgotten the peer's predecessor.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) gossip: Gossip,
    pub(super) connections: Connections,
    pub(super) neighborhood: Neighborhood,
}

impl ProtocolHandler for Acceptor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        self.end_predecessor(&connection).await?;
        // The peer may have given it up meanwhile: it would only shut out a later one.
        if connection.close_reason().is_some() {
            return Ok(());
        }
        ProtocolHandler::accept(&self.gossip, connection).await
    }

    async fn shutdown(&self) {
        ProtocolHandler::shutdown(&self.gossip).await;
    }
}

impl Acceptor {
    async fn end_predecessor(&self, new: &Connection) -> Result<(), AcceptError> {
        let peer = new.remote_id();
        let mut older = self.connections.to(&peer);
        older.retain(|(connection, _)| connection.stable_id() != new.stable_id());
        older.sort_by_key(|(_, since)| std::cmp::Reverse(*since));
        older.truncate(ASKED);
        // A peer that dialled us before has no use for that connection if it does so again.
        let young = |(connection, since): &(_, Instant)| {
            Connection::side(connection) == Side::Client && since.elapsed() < AT_ONCE
        };
        if older.is_empty() || older.iter().any(young) {
            return Ok(());
        }
        let patience = PATIENCE + longest_round_trip(new).unwrap_or_default() * PATIENCE_ROUND_TRIPS;
        if join_all(older.iter().map(|(connection, _)| lives(connection, patience))).await.contains(&true) {
            return Ok(());
        }
        tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), "a peer is back, its old connections are closed");
        older.iter().for_each(|(connection, _)| connection.close(0u32.into(), b"replaced"));
        // The end of a connection counts only if it is the one that was handed over last. One that has ended may be, too.
        let (newest, _) = older.swap_remove(0);
        ProtocolHandler::accept(&self.gossip, newest).await?;
        let begin = Instant::now();
        sleep(NOTICED).await;
        while self.neighborhood.contains(&peer) && begin.elapsed() < NOTICED_AT_MOST {
            sleep(STEP).await;
        }
        Ok(())
    }
}

/// Whether the peer may still be at the other end: it answers, or could not be asked.
async fn lives(connection: &Connection, patience: Duration) -> bool {
    let (heard, sent) = frames(connection);
    let begin = Instant::now();
    let mut probes = 0;
    while begin.elapsed() < patience && connection.close_reason().is_none() {
        if probes < PROBES && begin.elapsed() >= BETWEEN_PROBES * probes {
            probes += 1;
            // The gossip layer reads no datagrams, so they stay where they arrive; empty ones take next to no room (RFC 9221).
            if connection.send_datagram(Bytes::new()).is_err() {
                return connection.close_reason().is_none();
            }
        }
        sleep(STEP).await;
        if frames(connection).0 != heard {
            return true;
        }
    }
    // Without a path that is known to work nothing is sent at all.
    connection.close_reason().is_none() && frames(connection).1.datagram == sent.datagram
}

/// Received and sent so far.
fn frames(connection: &Connection) -> (FrameStats, FrameStats) {
    let stats = connection.stats();
    (stats.frame_rx, stats.frame_tx)
}
