//! Joins that the gossip layer would not get through by itself.
//!
//! iroh-gossip 0.101 remembers of a peer what no longer holds. After a dial that failed, or when a connection ended to
//! somebody who was no neighbor, it sends nothing to that peer until it is dialled itself. And who dialled a node that was
//! then killed does not answer it when it is back with its key: to them it is a neighbor still, and they wait for its
//! answer to a question of before. The end of the connection makes them forget, for all topics.
//!
//! So the first join of a peer is the gossip layer's own affair; one that is not answered, or that comes again, gets a
//! fresh connection. A node whose key was given to it may have been killed just before: it makes everyone forget before it joins
//! them, which costs one more handshake with each.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared, join_all},
};
use iroh::{Endpoint, EndpointId, endpoint::Connection};
use iroh_gossip::{
    api::GossipSender,
    net::{GOSSIP_ALPN, Gossip},
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    connections::{Connections, longest_round_trip},
    neighborhood::Neighborhood,
};

/// A dial of the gossip layer's own has come to something by then, or a new one may.
const DIAL_PATIENCE: Duration = Duration::from_secs(3);
/// On a connection that stands, a join is answered by then, and after so many round trips: a packet or two may get lost.
const ANSWER_PATIENCE: Duration = Duration::from_millis(1500);
const ANSWER_ROUND_TRIPS: u32 = 6;
/// The longest dial; another join may try again.
const DIAL: Duration = Duration::from_secs(10);
/// Whoever was connected with a node of our key that was killed has noticed by so long after it; QUIC gives up after 30 s.
const NOTICED: Duration = Duration::from_secs(60);
/// Peers that are remembered to have forgotten our predecessor; the others are made to do so again.
const MAX_FORGOT: usize = 512;

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
    /// Until when others may take us for a node of our key that was here before.
    mistaken_until: Instant,
    /// Who has forgotten it.
    forgot: Mutex<HashSet<EndpointId>>,
    /// The dials under way: topics that want the same peer share one.
    dials: Mutex<HashMap<EndpointId, WeakShared<Dial>>>,
}

impl Connector {
    pub(super) fn new(
        endpoint: Endpoint,
        gossip: Gossip,
        connections: Connections,
        neighborhood: Neighborhood,
        may_have_predecessor: bool,
    ) -> Self {
        Self(Arc::new(Inner {
            endpoint,
            gossip,
            connections,
            neighborhood,
            mistaken_until: Instant::now() + if may_have_predecessor { NOTICED } else { Duration::ZERO },
            forgot: Mutex::default(),
            dials: Mutex::default(),
        }))
    }

    /// Begins to join peers: those that the gossip layer may join at once, and what else is to be done, which may take half a
    /// minute.
    pub(super) fn begin(
        &self,
        peers: Vec<EndpointId>,
        sender: &GossipSender,
    ) -> (Vec<EndpointId>, BoxFuture<'static, ()>) {
        let dials: Vec<_> = peers.into_iter().map(|peer| (peer, self.first_dial(peer))).collect();
        let ready = dials.iter().filter(|(_, dial)| dial.is_none()).map(|(peer, _)| *peer).collect();
        let joins = dials.into_iter().map(|(peer, dial)| self.clone().join(peer, dial, sender.clone()));
        (ready, join_all(joins).map(drop).boxed())
    }

    /// A join of which the gossip layer was told, or which waits for a dial first; and once more, if nobody answers.
    async fn join(self, peer: EndpointId, dial: Option<Shared<Dial>>, sender: GossipSender) {
        if let Some(dial) = dial {
            join_after(dial, peer, &sender).await;
        }
        sleep(ANSWER_PATIENCE).await;
        let Some(due) = self.answer_due(&peer) else { return };
        sleep_until(due).await;
        if self.answer_due(&peer).is_some_and(|due| due <= Instant::now()) {
            join_after(self.fresh(peer), peer, &sender).await;
        }
    }

    /// What a join has to wait for, if it is more than the gossip layer's affair.
    fn first_dial(&self, peer: EndpointId) -> Option<Shared<Dial>> {
        let inner = &self.0;
        let asked = inner.neighborhood.ask(peer);
        if inner.neighborhood.contains(&peer) {
            return None;
        }
        let under_way = lock(&inner.dials).get(&peer).and_then(WeakShared::upgrade);
        if under_way.is_some() || self.must_forget(peer) {
            return under_way.or_else(|| Some(self.fresh(peer)));
        }
        let asked = asked?;
        let unanswered = match inner.connections.to(&peer).is_empty() {
            true => Instant::now() >= asked + DIAL_PATIENCE,
            false => self.answer_due(&peer).is_some_and(|due| due <= Instant::now()),
        };
        unanswered.then(|| self.fresh(peer))
    }

    /// When the peer has had its time to answer a join over a connection that stands; none if it need not.
    fn answer_due(&self, peer: &EndpointId) -> Option<Instant> {
        let inner = &self.0;
        if !inner.neighborhood.owes_answer(peer) || inner.neighborhood.has_unseen_topics() {
            return None;
        }
        let due = |(connection, since): &(Connection, Instant)| {
            let round_trip = longest_round_trip(connection).unwrap_or_default();
            *since + ANSWER_PATIENCE + round_trip * ANSWER_ROUND_TRIPS
        };
        inner.connections.to(peer).iter().map(due).max()
    }

    /// Whether it may take us for our predecessor. Answers so once.
    fn must_forget(&self, peer: EndpointId) -> bool {
        let inner = &self.0;
        if Instant::now() >= inner.mistaken_until {
            return false;
        }
        let mut forgot = lock(&inner.forgot);
        if forgot.len() >= MAX_FORGOT {
            forgot.clear();
        }
        forgot.insert(peer) && !inner.neighborhood.has_unseen_topics()
    }

    /// Ends the connections that stand, so that the peer forgets, and begins another one.
    fn fresh(&self, peer: EndpointId) -> Shared<Dial> {
        let inner = &self.0;
        let mut dials = lock(&inner.dials);
        dials.retain(|_, dial| dial.upgrade().is_some());
        if let Some(dial) = dials.get(&peer).and_then(WeakShared::upgrade) {
            return dial;
        }
        let open = inner.connections.to(&peer);
        for (connection, _) in &open {
            connection.close(0u32.into(), b"begin anew");
        }
        // With none to end, one is opened for it.
        let forgets = !open.is_empty() || Instant::now() >= inner.mistaken_until;
        tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), ended = open.len(), "a fresh connection");
        let dial = connect(inner.endpoint.clone(), inner.gossip.clone(), peer, forgets).boxed().shared();
        if let Some(weak) = dial.downgrade() {
            dials.insert(peer, weak);
        }
        dial
    }
}

async fn join_after(dial: Shared<Dial>, peer: EndpointId, sender: &GossipSender) {
    // Without a connection the gossip layer would dial once more, and never again.
    if dial.await && sender.join_peers(vec![peer]).await.is_err() {
        tracing::debug!(target: "dtt::node", "the topic was left before a join");
    }
}

/// Connects; before that, if the peer is not known to forget, once in vain.
async fn connect(endpoint: Endpoint, gossip: Gossip, peer: EndpointId, forgets: bool) -> bool {
    let dial = async {
        if !forgets {
            endpoint.connect(peer, GOSSIP_ALPN).await?.close(0u32.into(), b"begin anew");
        }
        endpoint.connect(peer, GOSSIP_ALPN).await
    };
    match timeout(DIAL, dial).await {
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
