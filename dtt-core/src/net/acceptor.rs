//! Connections that come in for the gossip layer.
//!
//! To iroh-gossip 0.101 a peer is there as long as its newest connection stands, and a newer one is nothing but a newer way
//! to it. A process that was killed and is back with its key is a neighbor still, then, on every topic, and its joins are not
//! answered by whoever had joined it. So the predecessor's connection has to end before the new one is handed over.

use std::time::Duration;

use bytes::Bytes;
use iroh::{
    endpoint::Connection,
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
/// Packets that whoever lives acknowledges: some may get lost.
const PROBES: usize = 5;
/// Between two of them, beside the way there and back. An acknowledgement may be held back for 25 ms (RFC 9000, 18.2).
const PROBE: Duration = Duration::from_millis(50);
/// What the gossip layer needs to notice an end, and the topics to hear of it.
const NOTICED: Duration = Duration::from_millis(50);
const STEP: Duration = Duration::from_millis(10);
const NOTICED_AT_MOST: Duration = Duration::from_secs(1);

/// Hands connections to the gossip layer, as its own handler would, once it has forgotten the peer's predecessor.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) gossip: Gossip,
    pub(super) connections: Connections,
    pub(super) neighborhood: Neighborhood,
}

impl ProtocolHandler for Acceptor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        self.end_predecessor(&connection).await;
        ProtocolHandler::accept(&self.gossip, connection).await
    }

    async fn shutdown(&self) {
        ProtocolHandler::shutdown(&self.gossip).await;
    }
}

impl Acceptor {
    async fn end_predecessor(&self, connection: &Connection) {
        let peer = connection.remote_id();
        let older = self.connections.to(&peer).into_iter();
        let older = older.filter(|(other, _)| other.stable_id() != connection.stable_id());
        // Only the end of the newest one counts for the gossip layer.
        let Some((newest, since)) = older.max_by_key(|(_, since)| *since) else { return };
        if since.elapsed() < AT_ONCE || !is_silent(&newest).await {
            return;
        }
        tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), "a peer is back, its old connection is closed");
        newest.close(0u32.into(), b"replaced");
        drop(newest);
        let begin = Instant::now();
        sleep(NOTICED).await;
        while self.neighborhood.contains(&peer) && begin.elapsed() < NOTICED_AT_MOST {
            sleep(STEP).await;
        }
    }
}

/// Whether nobody acknowledges anything any more.
async fn is_silent(connection: &Connection) -> bool {
    let acknowledged = || {
        let heard = connection.stats().frame_rx;
        heard.acks + heard.path_acks
    };
    let before = acknowledged();
    for _ in 0..PROBES {
        // The gossip layer reads no datagrams, and an empty one takes no room (RFC 9221).
        if connection.send_datagram(Bytes::new()).is_err() {
            return false;
        }
        sleep(PROBE + longest_round_trip(connection).unwrap_or_default()).await;
        if acknowledged() != before {
            return false;
        }
    }
    true
}
