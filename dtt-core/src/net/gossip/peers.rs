//! The connections of a node's gossip layer, and its dials.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use iroh::{
    Endpoint, EndpointId,
    endpoint::{Connection, ConnectionError},
};
use iroh_gossip::net::GOSSIP_ALPN;
use tokio::{
    pin, select,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout},
};

use super::connections::UNUSED;
use crate::sync::Unpoisoned;

/// The longest dial. A handshake repeats its packets ever more rarely, so a new dial reaches a recovered network
/// sooner.
const DIAL: Duration = Duration::from_secs(10);
/// How many dials in a row a peer may leave unanswered.
const DIALS: u32 = 3;
/// Streams that a connection may have open for topics that we do not have: the peer believes that we are members.
const PARKED: usize = 4096;
/// The most peers about which a warning is logged.
const MAX_TOLD: usize = 256;
/// Connections that one peer may have to us. A peer that runs iroh-gossip's `net` part leaves older ones open for a
/// while.
const CONNECTIONS: usize = 64;

/// Application error codes of a closed connection. Peers do not look at them.
pub(super) const NONSENSE: u32 = 1;
const TOO_MANY: u32 = 2;

/// Resolves to whether there is a connection now.
pub(in crate::net) type Dial = BoxFuture<'static, bool>;

/// The peers of a node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Peers(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    connections: Mutex<HashMap<EndpointId, Vec<Standing>>>,
    /// Passes each connection on to the task that serves its streams.
    arrivals: mpsc::UnboundedSender<Standing>,
    /// Notified of each connection.
    arrived: Notify,
    /// The dials under way. Topics that want the same peer share one.
    dials: Mutex<HashMap<EndpointId, WeakShared<Dial>>>,
    told_of_few_streams: Mutex<HashSet<EndpointId>>,
}

/// A connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) connection: Connection,
    /// Connections are numbered in the order in which they came.
    pub(super) number: u64,
    parking: Arc<Semaphore>,
    /// Whether the peer at the other end was found to be gone.
    is_dead: Arc<AtomicBool>,
}

impl Standing {
    /// Waits until the connection has ended. Returns true if its peer may still be there: one side closed the
    /// connection, and not because the other side was gone.
    pub(super) async fn ended(self) -> bool {
        match self.connection.closed().await {
            ConnectionError::LocallyClosed => !self.is_dead.load(Ordering::Relaxed),
            ConnectionError::ApplicationClosed(close) => close.reason == UNUSED,
            _ => false,
        }
    }
}

impl Peers {
    /// The peers, and a receiver of the connections as they come.
    pub(super) fn new(endpoint: Endpoint) -> (Self, mpsc::UnboundedReceiver<Standing>) {
        let (arrivals, receiver) = mpsc::unbounded_channel();
        let inner = Inner {
            endpoint,
            connections: Mutex::default(),
            arrivals,
            arrived: Notify::new(),
            dials: Mutex::default(),
            told_of_few_streams: Mutex::default(),
        };
        (Self(Arc::new(inner)), receiver)
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Takes in a connection, whichever side opened it.
    pub(super) fn take(&self, connection: Connection) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let standing = Standing {
            connection: connection.clone(),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            parking: Arc::new(Semaphore::new(PARKED)),
            is_dead: Arc::default(),
        };
        {
            let mut connections = lock(&self.0.connections);
            let of_peer = connections.entry(connection.remote_id()).or_default();
            if of_peer.len() >= CONNECTIONS {
                return connection.close(TOO_MANY.into(), b"too many connections");
            }
            of_peer.push(standing.clone());
        }
        // If the node is closed, nothing serves its connections anymore.
        let _ = self.0.arrivals.send(standing);
        self.0.arrived.notify_waiters();
    }

    /// Forgets a connection that has ended. Returns the peer's other connections.
    pub(super) fn remove(&self, ended: &Connection) -> Vec<Connection> {
        let mut connections = lock(&self.0.connections);
        let Some(standing) = connections.get_mut(&ended.remote_id()) else { return Vec::new() };
        standing.retain(|standing| standing.connection.stable_id() != ended.stable_id());
        let others = standing.iter().map(|standing| standing.connection.clone()).collect();
        if standing.is_empty() {
            connections.remove(&ended.remote_id());
        }
        others
    }

    /// The newest connection to a peer that still stands.
    pub(super) fn connection_to(&self, peer: &EndpointId) -> Option<Standing> {
        let connections = lock(&self.0.connections);
        connections.get(peer)?.iter().rev().find(|standing| standing.connection.close_reason().is_none()).cloned()
    }

    /// Closes a connection whose peer is gone. Every topic forgets that neighbor, even if another process has the same
    /// key now.
    pub(super) fn close_dead(&self, dead: &Connection) {
        let connections = lock(&self.0.connections);
        let mut standing = connections.get(&dead.remote_id()).into_iter().flatten();
        if let Some(standing) = standing.find(|standing| standing.connection.stable_id() == dead.stable_id()) {
            standing.is_dead.store(true, Ordering::Relaxed);
        }
        dead.close(0u32.into(), b"replaced");
    }

    /// A connection to a peer, which is dialed if there is none. A connection that the peer opens counts as well.
    pub(super) async fn connect(&self, peer: EndpointId) -> Option<Standing> {
        let arrived = self.0.arrived.notified();
        pin!(arrived);
        // A connection of any peer wakes this loop, and the same dial goes on then.
        let (mut dial, mut dials) = (None, 0);
        loop {
            arrived.as_mut().enable();
            if let Some(connection) = self.connection_to(&peer) {
                return Some(connection);
            }
            let (under_way, begun) = dial.get_or_insert_with(|| (self.dial(peer), Instant::now()));
            select! {
                () = &mut arrived => arrived.set(self.0.arrived.notified()),
                connected = under_way => {
                    dials += 1;
                    // A dial that failed at once would fail at once again.
                    if connected || begun.elapsed() < DIAL || dials == DIALS {
                        return self.connection_to(&peer);
                    }
                    dial = None;
                }
            }
        }
    }

    /// Dials the peer, or waits for a dial that is under way.
    pub(super) fn dial(&self, peer: EndpointId) -> Shared<Dial> {
        let mut dials = lock(&self.0.dials);
        dials.retain(|_, dial| dial.upgrade().is_some_and(|dial| dial.peek().is_none()));
        if let Some(dial) = dials.get(&peer).and_then(WeakShared::upgrade) {
            return dial;
        }
        let peers = self.clone();
        let dial = async move { peers.connect_again(peer).await }.boxed().shared();
        dial.downgrade().and_then(|weak| dials.insert(peer, weak));
        dial
    }

    async fn connect_again(&self, peer: EndpointId) -> bool {
        match timeout(DIAL, self.0.endpoint.connect(peer, GOSSIP_ALPN)).await {
            Ok(Ok(connection)) => {
                self.take(connection);
                true
            }
            Ok(Err(error)) => {
                tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), %error, "a dial failed");
                false
            }
            Err(_) => false,
        }
    }

    /// Room for a stream of a topic that we do not have. `None` if its connection has too many of them.
    pub(super) fn parking(&self, peer: &EndpointId, connection: u64) -> Option<OwnedSemaphorePermit> {
        let connections = lock(&self.0.connections);
        let standing = connections.get(peer)?.iter().find(|standing| standing.number == connection)?;
        standing.parking.clone().try_acquire_owned().ok()
    }

    /// Closes a connection whose peer does not keep to the protocol.
    pub(super) fn refuse(&self, peer: &EndpointId, connection: u64) {
        self.close(peer, connection, NONSENSE, b"not a message");
    }

    /// Closes a connection whose peer opens more streams than a member needs.
    pub(super) fn refuse_more(&self, peer: &EndpointId, connection: u64) {
        self.close(peer, connection, TOO_MANY, b"too many streams");
    }

    /// Warns once about a peer that allows fewer streams than there are topics.
    pub(super) fn tell_of_few_streams(&self, peer: &EndpointId) {
        let mut told = lock(&self.0.told_of_few_streams);
        if told.len() < MAX_TOLD && told.insert(*peer) {
            tracing::warn!(
                target: "dtt::node",
                peer = %peer.fmt_short(),
                "a peer allows no further stream, but each topic needs one: on further topics the peer hears nothing \
                 from us. The peer's endpoint has to allow as many unidirectional streams as there are topics (QUIC's \
                 default is 100): see dtt_core::transport_config",
            );
        }
    }

    fn close(&self, peer: &EndpointId, connection: u64, code: u32, reason: &[u8]) {
        let connections = lock(&self.0.connections);
        for standing in connections.get(peer).into_iter().flatten().filter(|standing| standing.number == connection) {
            tracing::debug!(target: "dtt::node", peer = %peer.fmt_short(), "a peer does not keep to the gossip protocol");
            standing.connection.close(code.into(), reason);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unpoisoned()
}
