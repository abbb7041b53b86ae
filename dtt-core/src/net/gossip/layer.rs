//! A node's gossip layer: its connections, and which topic each stream belongs to.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared, WeakShared},
};
use iroh::{
    Endpoint, EndpointId, Watcher,
    endpoint::{Connection, ConnectionError, RecvStream},
};
use iroh_gossip::{
    net::GOSSIP_ALPN,
    proto::{PeerData, TopicId},
};
use tokio::{
    pin,
    runtime::Handle,
    select,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    connections::{NO_ANSWER, UNUSED},
    frame::{self, frames},
    link::Incoming,
    member::{Control, Member},
    neighborhood::Neighborhood,
    peer_data,
    subscription::{Sender, Subscription},
};
use crate::{
    error::{Error, Result},
    net::Addresses,
};

/// The longest dial. A handshake repeats its packets ever more rarely: a new dial reaches a network that is back sooner.
const DIAL: Duration = Duration::from_secs(10);
/// Dials in a row of a peer that does not answer.
const DIALS: u32 = 3;
/// A stream without its first bytes holds up those that are opened after it, for so long at the most.
const HEADER: Duration = Duration::from_secs(10);
/// Streams of topics that we do not have that a connection may have open. The peer believes us members.
const PARKED: usize = 4096;
/// Peers that are warned of at the most.
const MAX_TOLD: usize = 256;
/// Connections that one peer may have to us. A peer that runs iroh-gossip's `net` part leaves older ones open for a while.
const CONNECTIONS: usize = 64;
/// What topics have to say when the node closes is with the peers by then, if they answer at all.
const FAREWELL: Duration = Duration::from_millis(500);

/// Application error codes at the end of a connection. Peers do not look at them.
const NONSENSE: u32 = 1;
const TOO_MANY: u32 = 2;

/// Whether there is a connection now.
type Dial = BoxFuture<'static, bool>;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gossip(Arc<Inner>);

impl fmt::Debug for Gossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gossip").field("id", &self.0.endpoint.id()).finish_non_exhaustive()
    }
}

struct Inner {
    endpoint: Endpoint,
    addresses: Addresses,
    neighborhood: Neighborhood,
    max_message_size: usize,
    connections: Mutex<HashMap<EndpointId, Vec<Standing>>>,
    /// Told of each connection.
    arrived: Notify,
    /// The dials under way: topics that want the same peer share one.
    dials: Mutex<HashMap<EndpointId, WeakShared<Dial>>>,
    topics: Mutex<Topics>,
    told_of_few_streams: Mutex<HashSet<EndpointId>>,
    members: TaskTracker,
    /// Where the node was started: its topics may be opened on others, which end before it.
    runtime: Handle,
    token: CancellationToken,
}

/// A connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) connection: Connection,
    /// In the order in which connections came.
    number: u64,
    parking: Arc<Semaphore>,
    /// Whether whoever is at the other end was found to be gone.
    is_dead: Arc<AtomicBool>,
}

impl Standing {
    /// Waits until it has ended. True if its peer may be there all the same: one side closed it, and not because the other was gone.
    pub(super) async fn ended(self) -> bool {
        match self.connection.closed().await {
            ConnectionError::LocallyClosed => !self.is_dead.load(Ordering::Relaxed),
            ConnectionError::ApplicationClosed(close) => close.reason == UNUSED,
            _ => false,
        }
    }
}

#[derive(Default)]
struct Topics {
    open: HashMap<TopicId, Sender>,
    /// What peers are told of how we can be reached.
    own_data: PeerData,
}

impl Gossip {
    /// A gossip layer that lives as long as the token.
    pub(in crate::net) fn new(
        endpoint: Endpoint,
        addresses: Addresses,
        neighborhood: Neighborhood,
        max_message_size: usize,
        token: CancellationToken,
    ) -> Self {
        let topics = Topics { own_data: peer_data::encode(&endpoint.addr()), ..Topics::default() };
        let inner = Inner {
            endpoint,
            addresses,
            neighborhood,
            max_message_size,
            connections: Mutex::default(),
            arrived: Notify::new(),
            dials: Mutex::default(),
            topics: topics.into(),
            told_of_few_streams: Mutex::default(),
            members: TaskTracker::new(),
            runtime: Handle::current(),
            token,
        };
        let gossip = Self(Arc::new(inner));
        tokio::spawn(gossip.token().run_until_cancelled_owned(gossip.clone().tell_own_data()));
        gossip
    }

    pub(in crate::net) fn max_message_size(&self) -> usize {
        self.0.max_message_size
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    pub(super) fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    pub(in crate::net) fn neighborhood(&self) -> &Neighborhood {
        &self.0.neighborhood
    }

    pub(super) fn token(&self) -> CancellationToken {
        self.0.token.clone()
    }

    /// Takes part in a topic; whoever does so twice hears everything twice. So many events may wait.
    pub(in crate::net) fn subscribe(&self, topic: TopicId, capacity: usize) -> Result<(Sender, Subscription)> {
        let mut topics = lock(&self.0.topics);
        if self.0.token.is_cancelled() {
            return Err(Error::Closed("the node"));
        }
        let own_data = topics.own_data.clone();
        // A task that panicked has not said that it has ended.
        if topics.open.get(&topic).is_some_and(Sender::is_closed) {
            topics.open.remove(&topic);
        }
        let sender = topics.open.entry(topic).or_insert_with(|| {
            let (member, sender) = Member::new(topic, own_data, self.clone());
            self.0.members.spawn_on(member.run(), &self.0.runtime);
            sender
        });
        let (subscription, events) = Subscription::new(sender.clone(), capacity);
        sender.control(Control::Subscribe(subscription.id(), events));
        Ok((sender.clone(), subscription))
    }

    /// Forgets a topic whose last subscriber is gone, unless it has got one meanwhile; nobody can subscribe while this looks.
    pub(super) fn forget(&self, topic: &TopicId, gets_one: impl FnOnce() -> bool) -> bool {
        let mut topics = lock(&self.0.topics);
        let forgets = !gets_one();
        if forgets {
            topics.open.remove(topic);
        }
        forgets
    }

    /// Takes a connection in, whoever opened it.
    pub(super) fn take(&self, connection: Connection) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let parking = Arc::new(Semaphore::new(PARKED));
        let standing = Standing { connection: connection.clone(), number, parking, is_dead: Arc::default() };
        {
            let mut connections = lock(&self.0.connections);
            let of_peer = connections.entry(connection.remote_id()).or_default();
            if of_peer.len() >= CONNECTIONS {
                return connection.close(TOO_MANY.into(), b"too many connections");
            }
            of_peer.push(standing);
        }
        self.0.arrived.notify_waiters();
        self.0.runtime.spawn(self.clone().serve(connection, number));
    }

    /// The newest connection to a peer that stands.
    pub(super) fn connection_to(&self, peer: &EndpointId) -> Option<Standing> {
        let connections = lock(&self.0.connections);
        connections.get(peer)?.iter().rev().find(|standing| standing.connection.close_reason().is_none()).cloned()
    }

    /// Ends a connection to somebody who is gone: every topic forgets the neighbor, whoever else has the same key.
    pub(super) fn bury(&self, dead: &Connection) {
        let connections = lock(&self.0.connections);
        let mut standing = connections.get(&dead.remote_id()).into_iter().flatten();
        if let Some(standing) = standing.find(|standing| standing.connection.stable_id() == dead.stable_id()) {
            standing.is_dead.store(true, Ordering::Relaxed);
        }
        dead.close(0u32.into(), b"replaced");
    }

    /// A connection to a peer, which is dialed if there is none. Its own dial counts as well.
    pub(super) async fn connect(&self, peer: EndpointId) -> Option<Standing> {
        let arrived = self.0.arrived.notified();
        pin!(arrived);
        // The same dial goes on when somebody else's connection has come.
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
                    // What failed at once would do so again.
                    if connected || begun.elapsed() < DIAL || dials == DIALS {
                        return self.connection_to(&peer);
                    }
                    dial = None;
                }
            }
        }
    }

    /// Begins another connection, or waits for the one that is beginning.
    pub(in crate::net) fn dial(&self, peer: EndpointId) -> Shared<Dial> {
        let mut dials = lock(&self.0.dials);
        dials.retain(|_, dial| dial.upgrade().is_some_and(|dial| dial.peek().is_none()));
        if let Some(dial) = dials.get(&peer).and_then(WeakShared::upgrade) {
            return dial;
        }
        let gossip = self.clone();
        let dial = async move { gossip.connect_anew(peer).await }.boxed().shared();
        dial.downgrade().and_then(|weak| dials.insert(peer, weak));
        dial
    }

    async fn connect_anew(&self, peer: EndpointId) -> bool {
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

    /// Hands the streams of a connection to their topics until it ends.
    async fn serve(self, connection: Connection, number: u64) {
        while let Ok(stream) = connection.accept_uni().await {
            if !self.route(connection.remote_id(), number, stream).await {
                connection.close(NONSENSE.into(), b"not a stream of a topic");
            }
        }
        let others = self.remove(&connection);
        if let Some(ConnectionError::ApplicationClosed(close)) = connection.close_reason()
            && close.reason == NO_ANSWER
        {
            // The peer is back under its key, and we took it for its predecessor.
            others.iter().for_each(|other| self.bury(other));
        }
    }

    /// The peer's other connections.
    fn remove(&self, ended: &Connection) -> Vec<Connection> {
        let mut connections = lock(&self.0.connections);
        let Some(standing) = connections.get_mut(&ended.remote_id()) else { return Vec::new() };
        standing.retain(|standing| standing.connection.stable_id() != ended.stable_id());
        let others = standing.iter().map(|standing| standing.connection.clone()).collect();
        if standing.is_empty() {
            connections.remove(&ended.remote_id());
        }
        others
    }

    async fn route(&self, peer: EndpointId, connection: u64, stream: RecvStream) -> bool {
        let number = stream.id().index();
        let mut frames = frames(stream, self.0.max_message_size);
        let header = match timeout(HEADER, frames.next()).await {
            Ok(Some(Ok(header))) => header,
            // The stream or the connection was given up, or nothing came.
            Ok(Some(Err(error))) => return error.kind() != std::io::ErrorKind::InvalidData,
            Ok(None) => return true,
            Err(_) => return false,
        };
        let Some(topic) = frame::topic_of(&header) else { return false };
        self.hand_over(topic, Incoming { peer, connection, stream: number, frames, first: None });
        true
    }

    /// Gives a stream to its topic. If we are no member, what comes is not for us, but the peer may use the stream later, when we are.
    pub(super) fn hand_over(&self, topic: TopicId, incoming: Incoming) {
        let Some(incoming) = self.offer(&topic, incoming) else { return };
        match self.parking_of(&incoming) {
            Some(permit) => drop(self.0.runtime.spawn(self.clone().park(topic, incoming, permit))),
            None => self.refuse_more(&incoming.peer, incoming.connection),
        }
    }

    fn offer(&self, topic: &TopicId, incoming: Incoming) -> Option<Incoming> {
        match lock(&self.0.topics).open.get(topic) {
            Some(sender) => sender.offer(incoming),
            None => Some(incoming),
        }
    }

    fn parking_of(&self, incoming: &Incoming) -> Option<OwnedSemaphorePermit> {
        let connections = lock(&self.0.connections);
        let mut standing = connections.get(&incoming.peer)?.iter();
        let of = standing.find(|standing| standing.number == incoming.connection)?;
        of.parking.clone().try_acquire_owned().ok()
    }

    async fn park(self, topic: TopicId, mut incoming: Incoming, _permit: OwnedSemaphorePermit) {
        while let Some(Ok(frame)) = incoming.frames.next().await {
            incoming.first = Some(frame);
            match self.offer(&topic, incoming) {
                Some(kept) => incoming = kept,
                None => return,
            }
        }
    }

    /// Ends a connection whose peer does not keep to the protocol.
    pub(super) fn refuse(&self, peer: &EndpointId, connection: u64) {
        self.close(peer, connection, NONSENSE, b"not a message");
    }

    /// Ends a connection whose peer opens more streams than a member needs.
    pub(super) fn refuse_more(&self, peer: &EndpointId, connection: u64) {
        self.close(peer, connection, TOO_MANY, b"too many streams");
    }

    /// Warns of a peer that allows fewer streams than there are topics, once.
    pub(super) fn tell_of_few_streams(&self, peer: &EndpointId) {
        let mut told = lock(&self.0.told_of_few_streams);
        if told.len() < MAX_TOLD && told.insert(*peer) {
            tracing::warn!(
                target: "dtt::node",
                peer = %peer.fmt_short(),
                "a peer lets us open no further stream, and each topic needs one: it hears nothing of us on further topics. \
                 The peer's endpoint has to allow as many unidirectional streams as there are topics (QUIC's default is 100): \
                 see dtt_core::transport_config",
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

    /// Tells topics how we can be reached, whenever it has changed.
    async fn tell_own_data(self) {
        let mut addresses = self.0.endpoint.watch_addr().stream();
        while let Some(address) = addresses.next().await {
            let own_data = peer_data::encode(&address);
            let mut topics = lock(&self.0.topics);
            topics.open.values().for_each(|sender| sender.control(Control::OwnData(own_data.clone())));
            topics.own_data = own_data;
        }
    }

    /// Waits until the topics have left, after the token was cancelled.
    pub(super) async fn ended(&self) {
        self.0.members.close();
        let _ = timeout(FAREWELL, self.0.members.wait()).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The channel that a member's events go to.
pub(super) type EventSender = mpsc::Sender<iroh_gossip::api::Event>;
