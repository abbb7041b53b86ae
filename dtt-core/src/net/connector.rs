//! Joins that the gossip layer would not get through by itself.
//!
//! iroh-gossip 0.101 remembers of a peer what no longer holds. After a dial that failed, or when a connection ended to
//! somebody who was no neighbor, it sends nothing to that peer until it is dialled itself. And a node that was killed and is
//! back with its key is not answered by those who had dialled it: to them it is a neighbor still, until a connection to it
//! ends. So each join is looked after. If nothing comes of it, it is done once more, over a fresh connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use iroh::{Endpoint, EndpointId, endpoint::Connection};
use iroh_gossip::{
    api::GossipSender,
    net::{GOSSIP_ALPN, Gossip},
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    connections::{Connections, longest_round_trip},
    hub::Hub,
    neighborhood::Neighborhood,
};

/// On a connection that stands, a join is answered by then, and after so many round trips: a packet or two may get lost.
const ANSWER: Duration = Duration::from_secs(1);
const ANSWER_ROUND_TRIPS: u32 = 6;
/// What came while the process was stopped is taken in by then.
const MOMENT: Duration = Duration::from_millis(250);
/// If no connection stands by then, the gossip layer may not be dialling at all.
const DIALLED: Duration = Duration::from_secs(3);
/// The longest dial of ours; another join may try again.
const DIAL: Duration = Duration::from_secs(10);

/// Whether the peer was connected, and the connection is the gossip layer's.
type Dial = BoxFuture<'static, bool>;

/// Shared by the topics of a node.
#[derive(Debug, Clone)]
pub(crate) struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    gossip: Gossip,
    connections: Connections,
    neighborhood: Neighborhood,
    /// The dials under way: topics that want the same peer share one.
    dials: Mutex<HashMap<EndpointId, WeakShared<Dial>>>,
}

impl Connector {
    pub(super) fn new(
        endpoint: Endpoint,
        gossip: Gossip,
        connections: Connections,
        neighborhood: Neighborhood,
    ) -> Self {
        Self(Arc::new(Inner { endpoint, gossip, connections, neighborhood, dials: Mutex::default() }))
    }

    /// Looks after a join that the gossip layer was told of just now; it takes some seconds. None if an earlier one of the
    /// same peer is still looked after.
    pub(super) fn look_after(
        &self,
        peer: EndpointId,
        hub: &Arc<Hub>,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let asked = Asked::new(peer, hub)?;
        let connector = self.clone();
        Some(async move {
            if connector.is_silent(&asked).await
                && connector.dial(peer).await
                && let Ok(sender) = asked.hub.sender()
            {
                join(&sender, peer).await;
            }
        })
    }

    /// Waits for an answer. If none comes, and nobody else needs the connections, they end; true if there are none.
    async fn is_silent(&self, asked: &Asked) -> bool {
        let begin = Instant::now();
        sleep(ANSWER).await;
        if self.0.connections.to(&asked.peer).is_empty() {
            sleep_until(begin + DIALLED).await;
        }
        let round_trip = |(connection, _): &(Connection, Instant)| longest_round_trip(connection).unwrap_or_default();
        let due = |standing: &(Connection, Instant)| standing.1 + ANSWER + round_trip(standing) * ANSWER_ROUND_TRIPS;
        if let Some(due) = self.0.connections.to(&asked.peer).iter().map(due).max() {
            sleep_until(due).await;
        }
        sleep(MOMENT).await;
        let standing = self.0.connections.to(&asked.peer);
        let is_needed = self.0.neighborhood.contains(&asked.peer) || self.0.neighborhood.has_unseen_topics();
        if asked.is_answered() || (is_needed && !standing.is_empty()) {
            return false;
        }
        for (connection, _) in standing {
            connection.close(0u32.into(), b"no answer");
        }
        true
    }

    fn dial(&self, peer: EndpointId) -> Shared<Dial> {
        let mut dials = self.0.dials.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        dials.retain(|_, dial| dial.upgrade().is_some());
        if let Some(dial) = dials.get(&peer).and_then(WeakShared::upgrade) {
            return dial;
        }
        let dial = connect(self.0.endpoint.clone(), self.0.gossip.clone(), peer).boxed().shared();
        if let Some(weak) = dial.downgrade() {
            dials.insert(peer, weak);
        }
        dial
    }
}

/// A join that has not been answered yet.
struct Asked {
    peer: EndpointId,
    hub: Arc<Hub>,
}

impl Asked {
    fn new(peer: EndpointId, hub: &Arc<Hub>) -> Option<Self> {
        hub.ask(peer).then(|| Self { peer, hub: hub.clone() })
    }

    fn is_answered(&self) -> bool {
        !self.hub.is_asked(&self.peer)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.hub.forget_ask(&self.peer);
    }
}

async fn join(sender: &GossipSender, peer: EndpointId) {
    tracing::debug!(target: "dtt::topic", peer = %peer.fmt_short(), "joining once more");
    if sender.join_peers(vec![peer]).await.is_err() {
        tracing::debug!(target: "dtt::topic", "the topic was left before a join");
    }
}

async fn connect(endpoint: Endpoint, gossip: Gossip, peer: EndpointId) -> bool {
    match timeout(DIAL, endpoint.connect(peer, GOSSIP_ALPN)).await {
        Ok(Ok(connection)) => gossip.handle_connection(connection).await.is_ok(),
        Ok(Err(error)) => {
            tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), %error, "a dial failed");
            false
        }
        Err(_) => false,
    }
}
