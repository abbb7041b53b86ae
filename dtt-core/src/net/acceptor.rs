//! Connections of the gossip layer that nobody uses any more are closed.
//!
//! iroh-gossip 0.101 never closes a connection whose last topic has gone, or that a newer one has replaced, and
//! keep-alives hold it open on both sides (n0-computer/iroh-gossip, issue 145). Every connection has an accepting
//! side, and there this closes it.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use iroh::{
    EndpointId,
    endpoint::Connection,
    protocol::{AcceptError, ProtocolHandler},
};
use iroh_gossip::net::Gossip;
use tokio::time::Instant;

/// How often the connections are looked through.
pub(super) const LOOK: Duration = Duration::from_secs(2);
/// What was under way on a connection that a newer one replaced has arrived by then.
const REPLACED_FOR: Duration = Duration::from_secs(5);
/// A connection to a node that is nobody's neighbor carries joins and shuffles, which take moments.
const UNUSED_FOR: Duration = Duration::from_secs(10);
/// With topics on the gossip layer that we do not see, neighbors are not known: each hears a shuffle every few minutes.
const UNUSED_FOR_UNSEEN: Duration = Duration::from_secs(600);

/// Accepts connections for the gossip layer, and remembers them.
#[derive(Debug, Clone)]
pub(super) struct Acceptor {
    gossip: Gossip,
    accepted: Arc<Mutex<HashMap<EndpointId, Vec<Accepted>>>>,
    has_unseen_topics: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Accepted {
    connection: Connection,
    since: Instant,
    /// Stream frames so far, and since when there have been no others.
    frames: u64,
    quiet_since: Instant,
}

impl Acceptor {
    pub(super) fn new(gossip: Gossip) -> Self {
        Self { gossip, accepted: Arc::default(), has_unseen_topics: Arc::default() }
    }

    /// The application may subscribe topics of its own from now on.
    pub(super) fn expect_unseen_topics(&self) {
        self.has_unseen_topics.store(true, Ordering::Relaxed);
    }

    /// Closes what is of no use; `neighbors` are the nodes that any topic needs.
    pub(super) fn close_unused(&self, neighbors: &HashSet<EndpointId>) {
        let unseen = self.has_unseen_topics.load(Ordering::Relaxed);
        let patience = if unseen { UNUSED_FOR_UNSEEN } else { UNUSED_FOR };
        let now = Instant::now();
        let mut accepted = self.accepted.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        accepted.retain(|peer, connections| {
            connections.retain(|accepted| accepted.connection.close_reason().is_none());
            // A node dials anew only when it has no connection of its own to us: its older ones are dead to it.
            let newest = connections.iter().map(|accepted| accepted.since).max();
            for accepted in connections.iter_mut() {
                let replaced = newest.is_some_and(|newest| newest > accepted.since && newest + REPLACED_FOR < now);
                let quiet = now.duration_since(accepted.look(now));
                if replaced || (!neighbors.contains(peer) && quiet > patience) {
                    tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), replaced, "unused connection closed");
                    accepted.connection.close(0u32.into(), b"unused");
                }
            }
            !connections.is_empty()
        });
    }
}

impl Accepted {
    /// Since when nothing but keep-alives has gone over the connection.
    fn look(&mut self, now: Instant) -> Instant {
        let stats = self.connection.stats();
        let frames = stats.frame_rx.stream + stats.frame_tx.stream;
        if frames != self.frames {
            self.frames = frames;
            self.quiet_since = now;
        }
        self.quiet_since
    }
}

impl ProtocolHandler for Acceptor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let now = Instant::now();
        let accepted = Accepted { connection: connection.clone(), since: now, frames: 0, quiet_since: now };
        self.accepted
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .entry(connection.remote_id())
            .or_default()
            .push(accepted);
        self.gossip.handle_connection(connection).await.map_err(AcceptError::from_err)
    }

    async fn shutdown(&self) {
        if let Err(error) = self.gossip.shutdown().await {
            tracing::debug!(target: "dtt::node", %error, "the gossip layer had ended already");
        }
    }
}
