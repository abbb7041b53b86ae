//! Joins that peers do not answer.
//!
//! If a node was killed and is back with its key, nodes that had joined it before do not answer its joins. To them it
//! is still a neighbor, until a connection to it ends. Our acceptor (`gossip/acceptor.rs`) sees to that, but a peer
//! that runs iroh-gossip's `net` part has none. So each join is looked after: if it has no effect, it is repeated over
//! a fresh connection.
//!
//! With many topics between two nodes, such a peer may count us as a neighbor on a topic that we have closed: if several
//! topics are closed at once, it loses the messages that say so. Then it does not answer joins until a connection ends.
//! Other topics use the connection too, so it ends only if the topic has no neighbor and the peer has left two joins
//! unanswered.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use iroh::{EndpointId, endpoint::Connection};
use tokio::time::{Instant, sleep, sleep_until};

use super::{hub::Hub, search::Outcome};
use crate::net::gossip::{Connections, Gossip, NO_ANSWER, longest_round_trip};

use crate::sync::Unpoisoned;

/// On a connection that stands, a join is answered within this time plus this many round trips. A packet or two may get
/// lost.
const ANSWER: Duration = Duration::from_secs(1);
const ANSWER_ROUND_TRIPS: u32 = 6;
/// Time to take in what came while the process was stopped.
const MOMENT: Duration = Duration::from_millis(250);
/// A new connection prolongs the wait for an answer, at most this many times.
const WAITS: usize = 4;
/// Pause between the end of a connection and the next dial, in addition to a round trip.
const ENDED: Duration = Duration::from_millis(50);
/// If no connection stands by then, the gossip layer may not be dialing at all.
const DIALED: Duration = Duration::from_secs(3);
/// A topic may end a connection that other topics use at most this often.
const BETWEEN_ENDS: Duration = Duration::from_secs(20);

/// Shared by the topics of a node.
#[derive(Debug, Clone)]
pub(crate) struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gossip: Gossip,
    connections: Connections,
    /// When connections that other topics used were last ended.
    ended: Mutex<HashMap<EndpointId, Instant>>,
}

impl Connector {
    pub(in crate::net) fn new(gossip: Gossip, connections: Connections) -> Self {
        Self(Arc::new(Inner { gossip, connections, ended: Mutex::default() }))
    }

    /// Looks after a join that the gossip layer was told of just now; this takes some seconds. `None` if the peer is a
    /// neighbor, or if an earlier join of it is still looked after. If `any` is set, any other neighbor will do as
    /// well: once the topic has one, the join is left alone.
    pub(super) fn look_after(
        &self,
        peer: EndpointId,
        hub: &Arc<Hub>,
        any: bool,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let asked = Asked::new(peer, hub)?;
        let connector = self.clone();
        Some(async move {
            let standing = connector.wait(peer).await;
            if asked.is_answered() || (any && asked.hub.has_neighbors()) {
                return;
            }
            let is_connected = !connector.0.connections.to(&peer).is_empty();
            asked.hub.search.set_outcome(&peer, if is_connected { Outcome::NotAnswered } else { Outcome::NotReached });
            if !connector.prepare(peer, standing).await {
                return;
            }
            asked.hub.search.set_outcome(&peer, Outcome::NotAnswered);
            asked.join().await;
            let standing = connector.wait(peer).await;
            let is_done = asked.is_answered() || asked.hub.has_neighbors();
            if !is_done && !standing.is_empty() && connector.may_end(peer) {
                tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), "two joins were not answered");
                if connector.renew(peer, standing).await {
                    asked.join().await;
                }
            }
        })
    }

    /// Dials a peer to which there is no connection, or waits for the dial that is under way. Returns whether it failed.
    pub(super) fn fails(&self, peer: EndpointId) -> impl Future<Output = bool> + Send + use<> {
        let dial = self.0.connections.to(&peer).is_empty().then(|| self.0.gossip.dial(peer));
        async move {
            match dial {
                Some(dial) => !dial.await,
                None => false,
            }
        }
    }

    /// Whether a connection that other topics use may end now, so that the peer forgets us and answers.
    fn may_end(&self, peer: EndpointId) -> bool {
        if !self.0.gossip.neighborhood().contains(&peer) {
            return false;
        }
        let mut ended = self.0.ended.lock().unpoisoned();
        ended.retain(|_, at| at.elapsed() < BETWEEN_ENDS);
        let may_end = !ended.contains_key(&peer);
        ended.entry(peer).or_insert_with(Instant::now);
        may_end
    }

    /// Waits as long as an answer may take. Returns the connections on which it is overdue. A connection that came
    /// meanwhile gets its full time.
    async fn wait(&self, peer: EndpointId) -> Vec<(Connection, Instant)> {
        let begin = Instant::now();
        sleep(ANSWER).await;
        if self.0.connections.to(&peer).is_empty() {
            sleep_until(begin + DIALED).await;
        }
        for _ in 0..WAITS {
            let due = self.0.connections.to(&peer).iter().map(|standing| answer_due(standing, begin)).max();
            match due.filter(|due| *due > Instant::now()) {
                Some(due) => sleep_until(due).await,
                None => break,
            }
        }
        sleep(MOMENT).await;
        let standing = self.0.connections.to(&peer);
        standing.into_iter().filter(|standing| answer_due(standing, begin) <= Instant::now()).collect()
    }

    /// Ends the connections, unless another topic needs them, and begins another one. Returns whether there is one now.
    async fn prepare(&self, peer: EndpointId, standing: Vec<(Connection, Instant)>) -> bool {
        // Another topic may have done this just before. Then the peer has forgotten us, and a join is enough.
        if self.0.connections.to(&peer).len() > standing.len() {
            return true;
        }
        if !standing.is_empty() {
            if self.0.gossip.neighborhood().contains(&peer) {
                return true;
            }
            return self.renew(peer, standing).await;
        }
        self.0.gossip.dial(peer).await
    }

    /// Ends the connections and begins another one. Returns whether there is one now.
    async fn renew(&self, peer: EndpointId, standing: Vec<(Connection, Instant)>) -> bool {
        let round_trip = standing.iter().filter_map(|(connection, _)| longest_round_trip(connection)).max();
        standing.iter().for_each(|(connection, _)| connection.close(0u32.into(), NO_ANSWER));
        drop(standing);
        // The peer forgets us only if it takes notice of the end before the next connection begins.
        sleep(ENDED + round_trip.unwrap_or_default()).await;
        self.0.gossip.dial(peer).await
    }
}

/// A join that has not been answered yet.
struct Asked {
    peer: EndpointId,
    hub: Arc<Hub>,
    number: u64,
}

impl Asked {
    fn new(peer: EndpointId, hub: &Arc<Hub>) -> Option<Self> {
        hub.ask(peer).map(|number| Self { peer, hub: hub.clone(), number })
    }

    async fn join(&self) {
        tracing::debug!(target: "dtt::topic", peer = %self.peer.fmt_short(), "joining once more");
        if let Ok(sender) = self.hub.sender()
            && sender.join(vec![self.peer]).await.is_err()
        {
            tracing::debug!(target: "dtt::topic", "the topic was closed before a join");
        }
    }

    fn is_answered(&self) -> bool {
        !self.hub.is_asked(&self.peer, self.number)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.hub.forget_ask(&self.peer, self.number);
    }
}

/// When the answer to a join that began at `begin` is due on a connection.
fn answer_due((connection, since): &(Connection, Instant), begin: Instant) -> Instant {
    let round_trip = longest_round_trip(connection).unwrap_or_default();
    begin.max(*since) + ANSWER + round_trip * ANSWER_ROUND_TRIPS
}
