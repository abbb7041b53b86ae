//! Joins that peers do not answer.
//!
//! A node that was killed and is back with its key is not answered by those who had joined it: to them it is a neighbor still, until a
//! connection to it ends. Our acceptor (`gossip/acceptor.rs`) sees to that, and a peer that runs iroh-gossip's `net` part has none. So each
//! join is looked after. If nothing comes of it, it is done once more, over a fresh connection.
//!
//! With many topics between two nodes it happens that such a peer counts us as a neighbor on a topic that we have left: when several
//! topics are left at once, it loses the messages that say so. Joins are not answered then, until a connection ends. The connection
//! is that of other topics too, so it ends only if the topic has nobody else, and the peer did not answer twice.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use iroh::{EndpointId, endpoint::Connection};
use tokio::time::{Instant, sleep, sleep_until};

use super::{hub::Hub, search::Outcome};
use crate::net::gossip::{Connections, Gossip, NO_ANSWER, longest_round_trip};

/// On a connection that stands, a join is answered by then, and after so many round trips: a packet or two may get lost.
const ANSWER: Duration = Duration::from_secs(1);
const ANSWER_ROUND_TRIPS: u32 = 6;
/// What came while the process was stopped is taken in by then.
const MOMENT: Duration = Duration::from_millis(250);
/// A new connection prolongs a wait. So many may do so.
const WAITS: usize = 4;
/// Between the end of a connection and the next one, beside the way there.
const ENDED: Duration = Duration::from_millis(50);
/// If no connection stands by then, the gossip layer may not be dialing at all.
const DIALED: Duration = Duration::from_secs(3);
/// A connection that other topics use ends for the sake of one no more often than this.
const BETWEEN_ENDS: Duration = Duration::from_secs(20);

/// Shared by the topics of a node.
#[derive(Debug, Clone)]
pub(crate) struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gossip: Gossip,
    connections: Connections,
    /// When connections that other topics used were ended.
    ended: Mutex<HashMap<EndpointId, Instant>>,
}

impl Connector {
    pub(in crate::net) fn new(gossip: Gossip, connections: Connections) -> Self {
        Self(Arc::new(Inner { gossip, connections, ended: Mutex::default() }))
    }

    /// Looks after a join that the gossip layer was told of just now; it takes some seconds. None if an earlier one of the
    /// same peer is still looked after. `any`: somebody else will do as well, so that whoever has a neighbor lets it be.
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
            asked.hub.search.came_to(&peer, if is_connected { Outcome::NotAnswered } else { Outcome::NotReached });
            if !connector.prepare(peer, standing).await {
                return;
            }
            asked.hub.search.came_to(&peer, Outcome::NotAnswered);
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

    /// Whether a connection that other topics use may end now, so that the peer forgets us and answers.
    fn may_end(&self, peer: EndpointId) -> bool {
        if !self.0.gossip.neighborhood().contains(&peer) {
            return false;
        }
        let mut ended = self.0.ended.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        ended.retain(|_, at| at.elapsed() < BETWEEN_ENDS);
        let may_end = !ended.contains_key(&peer);
        ended.entry(peer).or_insert_with(Instant::now);
        may_end
    }

    /// Waits as long as an answer may take; the connections that stand then. One that came meanwhile has its time as well.
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

    /// Ends the connections, unless somebody else needs them, and begins another one. Whether there is one now.
    async fn prepare(&self, peer: EndpointId, standing: Vec<(Connection, Instant)>) -> bool {
        // Another topic may have done this just before: then the peer has forgotten, and a join is enough.
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

    /// Ends the connections and begins another one. Whether there is one now.
    async fn renew(&self, peer: EndpointId, standing: Vec<(Connection, Instant)>) -> bool {
        let round_trip = standing.iter().filter_map(|(connection, _)| longest_round_trip(connection)).max();
        standing.iter().for_each(|(connection, _)| connection.close(0u32.into(), NO_ANSWER));
        drop(standing);
        // The peer forgets only if it takes the end in before the beginning.
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
            tracing::debug!(target: "dtt::topic", "the topic was left before a join");
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

/// When a join that began at a moment should have been answered over a connection.
fn answer_due((connection, since): &(Connection, Instant), begin: Instant) -> Instant {
    let round_trip = longest_round_trip(connection).unwrap_or_default();
    begin.max(*since) + ANSWER + round_trip * ANSWER_ROUND_TRIPS
}
