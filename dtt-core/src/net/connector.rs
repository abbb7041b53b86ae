//! Connections for joins that the gossip layer would not get through by itself.
//!
//! iroh-gossip 0.101 remembers of a peer what no longer holds. After a dial that failed, or when a connection ended to
//! somebody who was no neighbor, it sends nothing to that peer until it is dialled itself. And whoever dialled a node that
//! was then killed does not answer it when it is back with its key: to them it is a neighbor still, and they wait for
//! its answer to a question of before. The first join of a peer is the gossip layer's own affair; one that comes again gets a
//! fresh connection here, after the end of the old ones, with which both sides forget.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use iroh::{Endpoint, EndpointId};
use iroh_gossip::net::{GOSSIP_ALPN, Gossip};
use tokio::time::{Instant, timeout};

use super::{
    connections::{Connections, longest_round_trip},
    neighborhood::Neighborhood,
};

/// A dial of the gossip layer's own has come to something by then, or a new one may.
const DIAL_PATIENCE: Duration = Duration::from_secs(3);
/// On a connection that stands, a join is answered by then, and after so many round trips: a packet or two may get lost.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);
const ANSWER_ROUND_TRIPS: u32 = 6;
/// The longest dial; another join may try again.
const DIAL: Duration = Duration::from_secs(10);
/// Peers whose joins are remembered. Of whom nothing is known, the next join counts as the first.
const MAX_ASKED: usize = 512;

/// Whether the peer was connected, and the connection is the gossip layer's.
type Dial = BoxFuture<'static, bool>;

/// The peer, once there is a fresh connection to it; none if there is not.
pub(super) type Renewed = BoxFuture<'static, Option<EndpointId>>;

/// Shared by the topics of a node.
#[derive(Debug, Clone)]
pub(crate) struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    gossip: Gossip,
    connections: Connections,
    neighborhood: Neighborhood,
    /// When each peer was to be joined last.
    asked: Mutex<HashMap<EndpointId, Instant>>,
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
        let (asked, dials) = Default::default();
        Self(Arc::new(Inner { endpoint, gossip, connections, neighborhood, asked, dials }))
    }

    /// Those of the peers that the gossip layer may join at once, and what the joins of the others have to wait for. A join
    /// whose dial comes to nothing would come to nothing as well.
    pub(super) fn sort(&self, peers: Vec<EndpointId>) -> (Vec<EndpointId>, Vec<Renewed>) {
        let (mut ready, mut renewed) = (Vec::new(), Vec::new());
        for peer in peers {
            match self.renew(peer) {
                None => ready.push(peer),
                Some(dial) => renewed.push(dial.map(move |connected| connected.then_some(peer)).boxed()),
            }
        }
        (ready, renewed)
    }

    fn renew(&self, peer: EndpointId) -> Option<Shared<Dial>> {
        let now = Instant::now();
        let asked = self.ask(peer, now)?;
        let inner = &self.0;
        if inner.neighborhood.contains(&peer) {
            return None;
        }
        let open = inner.connections.to(&peer);
        if open.is_empty() && now < asked + DIAL_PATIENCE {
            return None;
        }
        let patience = |round_trip: Duration| ANSWER_PATIENCE + round_trip * ANSWER_ROUND_TRIPS;
        let waits = open
            .iter()
            .any(|(connection, since)| now < *since + patience(longest_round_trip(connection).unwrap_or_default()));
        if waits || (!open.is_empty() && inner.neighborhood.has_unseen_topics()) {
            return None;
        }
        for (connection, _) in &open {
            tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), "a join was not answered: connection closed");
            connection.close(0u32.into(), b"unanswered");
        }
        Some(self.dial(peer))
    }

    /// When the peer was asked before, if it was.
    fn ask(&self, peer: EndpointId, now: Instant) -> Option<Instant> {
        let mut asked = lock(&self.0.asked);
        if asked.len() >= MAX_ASKED && !asked.contains_key(&peer) {
            asked.retain(|_, at| now < *at + DIAL_PATIENCE);
        }
        if asked.len() >= MAX_ASKED {
            asked.clear();
        }
        asked.insert(peer, now)
    }

    fn dial(&self, peer: EndpointId) -> Shared<Dial> {
        let mut dials = lock(&self.0.dials);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
