use std::{
    collections::HashSet,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use iroh::{EndpointAddr, EndpointId, TransportAddr};
use iroh_gossip::proto::Scope;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    context::Context,
    driver::Driver,
    events::{Events, Keep, Queue},
    hub::{Hub, Status},
    keys::Keys,
    messages::{Inbox, Outbox},
    other_slots::OtherSlots,
    why_alone::{Known, why_alone},
};
use crate::net::{
    gossip::Door,
    stats::{DhtHealth, TopicStats},
};
use crate::{
    config::{AddressHints, Protocol},
    error::{Error, Result},
    sync::Unpoisoned,
    tracker::{MessageHash, TopicState},
    wire::{TopicId, v2::Ticket},
};

/// The most bytes that a message's frame needs, if its length takes two bytes. From `TWO_BYTES` on, the length takes
/// three.
const FRAME: usize = 39;
const TWO_BYTES: usize = 1 << 14;

/// The most bytes of content that a gossip message of this size carries.
fn limit(max_message_size: usize) -> usize {
    let limit = max_message_size.saturating_sub(FRAME);
    limit - usize::from(limit >= TWO_BYTES)
}

/// A topic that has been joined. Cheap to clone, and usable from any thread.
///
/// It lives as long as any of its handles, senders, receivers or event queues. Then its background work ends.
#[derive(Clone)]
pub struct Topic {
    inner: Arc<Inner>,
    /// The queue that has been filling since this handle was made, until somebody takes it.
    first: Arc<Mutex<Option<Arc<Queue>>>>,
}

/// Shows the topic's id and state.
impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("id", self.id()).field("state", &self.state()).finish_non_exhaustive()
    }
}

struct Inner {
    context: Arc<Context>,
    hub: Arc<Hub>,
    other_slots: Arc<OtherSlots>,
    /// Topics of version 1 have none: their messages say nothing of their author.
    outbox: Option<Outbox>,
    token: CancellationToken,
    /// The node that the topic runs on, if it runs on a [`crate::Node`].
    _keep: Option<Keep>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

/// Subscribes to the gossip topic and starts the task that drives it. The task ends when `token` is cancelled. The topic
/// keeps `keep` alive. It starts paused if `paused` is set.
pub(crate) async fn spawn_topic(
    context: Context,
    token: CancellationToken,
    keep: Option<Keep>,
    paused: bool,
) -> Result<Topic> {
    context.config.validate()?;
    let door = match &context.keys {
        Keys::V1(_) => None,
        Keys::V2(keys) => Some(Door::new(keys.clone())),
    };
    let policy = context.config.address_hints();
    let (topic, unsigned) = (*context.topic_id(), context.config.unsigned_messages());
    let (sender, events) = context.gossip.subscribe(topic, policy, door.clone()).await?;
    let (key, earlier) = (context.signing_key.clone(), context.earlier_session);
    let outbox = door.map(|_| Outbox::new(topic, key, earlier, unsigned));
    let inbox = outbox.as_ref().map(|outbox| Inbox::new(topic, context.me(), outbox.session(), unsigned));
    let hub = Hub::new(sender, context.config.event_capacity(), paused, context.same_key().cloned());
    let context = Arc::new(context);
    let driver = Driver::new(context.clone(), inbox, events, hub.clone());
    let inner =
        Inner { context, hub: hub.clone(), other_slots: Arc::default(), outbox, token: token.clone(), _keep: keep };
    let topic = Topic::new_handle(Arc::new(inner));
    let closes = CloseOnDrop(hub);
    tokio::spawn(async move {
        let _closes = closes;
        // A rotation that the application provides may panic. Then this topic closes, and nothing else does.
        let drive = async move { driver.run(token).await };
        if AssertUnwindSafe(drive).catch_unwind().await.is_err() {
            tracing::error!(target: "dtt::topic", "the topic's task panicked; the topic is closed");
        }
    });
    Ok(topic)
}

/// Closes the topic however its task ends, also when its runtime shuts down. Otherwise callers could wait forever.
struct CloseOnDrop(Arc<Hub>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Topic {
    fn new_handle(inner: Arc<Inner>) -> Self {
        let first = inner.hub.subscribe_unclaimed();
        Self { inner, first: Arc::new(Mutex::new(Some(first))) }
    }

    /// The topic's id. On a private topic it follows from the secret, and nobody can get in with it.
    pub fn id(&self) -> &TopicId {
        self.inner.context.keys.topic_id()
    }

    /// A number that identifies this topic within the process. All of its handles have the same number. A topic that is
    /// joined again after it was closed has another one.
    pub fn instance(&self) -> u64 {
        self.inner.hub.instance()
    }

    /// Sends a message to the whole swarm. It takes at most [`Topic::max_message_size`] bytes.
    ///
    /// Gossip promises no delivery: without neighbors a message goes nowhere. On a topic of protocol version 1, a payload
    /// that was sent within about 90 s before is dropped as a duplicate.
    ///
    /// The call waits until the gossip layer takes the message, and the gossip layer waits for the neighbors. So a
    /// caller that sends in a loop is slowed down to what its neighbors take, and no message is lost on the way to a
    /// reader that keeps up. The call fails if the gossip layer does not take the message within `broadcast_timeout`.
    /// On a gossip layer that the program brings ([`crate::AutoDiscoveryGossip`]), a receiver may lose messages that
    /// come faster than the machine can handle. [`crate::Event::Lagged`] tells the receiver.
    pub async fn broadcast(&self, content: impl Into<Bytes>) -> Result<()> {
        let limit = self.inner.context.config.timeouts().broadcast_timeout();
        let sent = in_time("broadcast", limit, self.send(content.into(), Scope::Swarm)).await?;
        self.inner.hub.note_sent(sent);
        Ok(())
    }

    /// Sends a message to the direct neighbors only; otherwise like [`Topic::broadcast`].
    pub async fn broadcast_neighbors(&self, content: impl Into<Bytes>) -> Result<()> {
        let limit = self.inner.context.config.timeouts().broadcast_neighbors_timeout();
        in_time("broadcast_neighbors", limit, self.send(content.into(), Scope::Neighbors)).await?;
        self.inner.hub.counters.sent.add(1);
        Ok(())
    }

    /// Hands a message to the gossip layer when that has room. Returns the bytes that the gossip layer got.
    async fn send(&self, content: Bytes, scope: Scope) -> Result<Bytes> {
        let (size, limit) = (content.len(), self.max_message_size());
        if size > limit {
            return Err(Error::TooLarge { size, limit });
        }
        let sender = self.inner.hub.sender()?;
        match &self.inner.outbox {
            Some(outbox) => {
                // A caller that gives up while it waits has used no number.
                let room = sender.room(scope).await?;
                Ok(outbox.send(&content, scope, |message| room.send(message)))
            }
            None => {
                sender.broadcast(content.clone(), scope).await?;
                Ok(content)
            }
        }
    }

    /// Joins peers that the application knows, by id or by id and addresses.
    ///
    /// Each join may make the peer drop a random neighbor of its own, so do not repeat it in a loop.
    pub async fn join_peers<P: Into<EndpointAddr>>(&self, peers: impl IntoIterator<Item = P>) -> Result<()> {
        let mut ids = Vec::new();
        for peer in peers {
            let peer: EndpointAddr = peer.into();
            ids.push(peer.id);
            if let Some(addresses) = self.inner.context.addresses.as_ref().filter(|_| !peer.is_empty()) {
                addresses.add(peer);
            }
        }
        let (sender, limit) = (self.inner.hub.sender()?, self.inner.context.config.timeouts().join_peer_timeout());
        for peer in &ids {
            let connector = self.inner.context.connector.as_ref();
            let rest = connector.and_then(|connector| connector.look_after(*peer, &self.inner.hub, false));
            if let Some(rest) = rest {
                tokio::spawn(self.inner.token.clone().run_until_cancelled_owned(rest));
            }
        }
        in_time("join_peers", limit, sender.join(ids)).await
    }

    /// The current direct neighbors.
    pub fn neighbors(&self) -> HashSet<EndpointId> {
        self.inner.hub.neighbors()
    }

    /// Whether there is a neighbor now.
    pub fn is_joined(&self) -> bool {
        self.state() == Some(TopicState::Joined)
    }

    /// The state of the topic; `None` when it is closed.
    pub fn state(&self) -> Option<TopicState> {
        match *self.inner.hub.status().borrow() {
            Status::Open(state) => Some(state),
            Status::Closing | Status::Closed => None,
        }
    }

    /// Waits until there is a neighbor, without a limit. Fails when the topic closes.
    pub async fn joined(&self) -> Result<()> {
        let mut status = self.inner.hub.status();
        let settled =
            status.wait_for(|status| matches!(status, Status::Open(TopicState::Joined) | Status::Closed)).await;
        match settled.map(|status| *status) {
            Ok(Status::Open(_)) => Ok(()),
            _ => Err(Error::Closed("the topic")),
        }
    }

    /// [`Topic::joined`] with a limit. After the limit, the topic goes on looking for neighbors.
    ///
    /// The error says how far joining came: whether the DHT answers, which records were found, and what came of the
    /// dials. If a wait of 2 s or longer for a first neighbor finds no record, the topic also looks for signs that a clock
    /// is off, at most every five minutes: clocks that differ by more than 15 minutes keep members apart. On a topic of
    /// protocol version 1, one minute is enough.
    pub async fn joined_within(&self, limit: Duration) -> Result<()> {
        let (since, inner) = (Instant::now(), &self.inner);
        let _look = inner.other_slots.look(
            limit,
            inner.hub.clone(),
            inner.context.me(),
            &inner.context.dht,
            &inner.context.keys,
        );
        match timeout(limit, self.joined()).await {
            Ok(joined) => joined,
            Err(_) => {
                let stats = self.stats();
                let clock = if stats.joined == 0 { inner.other_slots.clock_doubt() } else { None };
                let why = why_alone(&Known {
                    stats,
                    clock,
                    search: inner.hub.search.summary(),
                    paused: inner.hub.is_paused(),
                    key_in_use: inner.hub.is_key_in_use(),
                    dht_answers: inner.context.dht.answers(since.elapsed()),
                });
                Err(Error::NotJoined { after: limit, why })
            }
        }
    }

    /// Takes an event queue for the caller alone.
    ///
    /// The first call on a handle (and its clones) returns the queue that has been filling since the topic was joined,
    /// so no event is missed in between. That queue keeps at most the last 4 MiB of messages until it is taken. Each
    /// further call returns a new queue, which begins with the present state and neighbors. When the topic is closed, a
    /// queue ends after everything in it has been read.
    pub fn subscribe(&self) -> Events {
        let first = self.first.lock().unpoisoned().take();
        let queue = first.unwrap_or_else(|| self.inner.hub.subscribe());
        queue.claim();
        Events::new(queue, Some(self.inner.clone()))
    }

    /// The most bytes that one message carries. With gossip's default message size of 4,096 bytes, that is 3,935 bytes, and
    /// 3,999 bytes without a signature. On a topic of protocol version 1 it is 4,057 bytes.
    pub fn max_message_size(&self) -> usize {
        let overhead = self.inner.outbox.as_ref().map_or(0, Outbox::overhead);
        limit(self.inner.context.gossip.max_message_size()).saturating_sub(overhead)
    }

    /// The version of the protocol that the topic speaks.
    pub fn protocol(&self) -> Protocol {
        self.inner.context.keys.protocol()
    }

    /// A ticket for the topic, which lets others in without its name and secret. It is as secret as the secret.
    ///
    /// With `addresses`, it names this node and where the node can be reached now, and up to 7 of its neighbors, as far as
    /// these let others name their addresses. A newcomer dials them at once, beside looking in the DHT. With the option
    /// `address_hints` at `relay_only`, the ticket names no IP address of this node.
    ///
    /// Fails on a topic of protocol version 1.
    pub fn ticket(&self, addresses: bool) -> Result<Ticket> {
        let ticket = self.inner.context.ticket()?;
        let Some(book) = self.inner.context.addresses.as_ref().filter(|_| addresses) else { return Ok(ticket) };
        let neighbors = self.neighbors().into_iter().map(|neighbor| book.address_of(neighbor));
        let mut own = book.endpoint().addr();
        if self.inner.context.config.address_hints() == AddressHints::RelayOnly {
            own.addrs.retain(TransportAddr::is_relay);
        }
        let nodes = std::iter::once(own).chain(neighbors);
        ticket.with_nodes(nodes.filter(|node| !node.is_empty()).take(Ticket::MAX_NODES))
    }

    /// What the topic has done so far. [`TopicStats`] says how to read the numbers.
    pub fn stats(&self) -> TopicStats {
        self.inner.hub.stats()
    }

    /// The state of the DHT client. The call may take a moment, since it asks the client.
    pub async fn dht_health(&self) -> DhtHealth {
        self.inner.context.dht.health().await
    }

    /// Closes the topic: its neighbors are told, every event queue ends after everything in it has been read, and
    /// further calls fail with `CLOSED`.
    ///
    /// All handles of the topic are closed with it. Closing twice is fine.
    pub async fn close(&self) {
        self.inner.token.cancel();
        let mut status = self.inner.hub.status();
        let _ = status.wait_for(|status| *status == Status::Closed).await;
    }

    pub(in crate::net) fn network_changed(&self) {
        self.inner.hub.network_changed();
    }

    pub(in crate::net) fn set_paused(&self, paused: bool) {
        self.inner.hub.set_paused(paused);
    }

    /// Hashes of the last messages received, oldest first.
    pub(crate) fn last_received(&self) -> std::collections::VecDeque<MessageHash> {
        self.inner.hub.last_received()
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.inner.context.keys
    }

    /// Another handle with a queue of its own, if the topic is still open.
    pub(crate) fn another(&self) -> Option<Self> {
        self.state().map(|_| Self::new_handle(self.inner.clone()))
    }

    pub(crate) fn downgrade(&self) -> WeakTopic {
        WeakTopic(Arc::downgrade(&self.inner))
    }

    /// The session of this node's messages. Topics of version 1 have none.
    pub(crate) fn session(&self) -> Option<u64> {
        self.inner.outbox.as_ref().map(Outbox::session)
    }
}

/// A reference to a topic that does not keep it alive.
#[derive(Debug, Clone)]
pub(crate) struct WeakTopic(std::sync::Weak<Inner>);

impl WeakTopic {
    pub(crate) fn upgrade(&self) -> Option<Topic> {
        let inner = self.0.upgrade()?;
        Some(Topic { inner, first: Arc::default() }).filter(|topic| topic.state().is_some())
    }
}

/// Runs a call of the gossip layer within a limit.
async fn in_time<T>(what: &'static str, limit: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, call).await.unwrap_or(Err(Error::Timeout { what, after: limit }))
}
