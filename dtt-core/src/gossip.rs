//! Discovery for a gossip layer that the program brings. The names are those that programs of the peer implementation
//! use.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, LazyLock, Mutex},
};

use iroh::EndpointId;
use iroh_gossip::{api, net::Gossip};
use rand::seq::SliceRandom;
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, Result},
    net::{Addresses, Context, Event, Events, Keys, Layer, Topic, spawn_topic},
    publisher::RecordPublisher,
    sync::Unpoisoned,
};

/// The most topics that an endpoint with QUIC's default settings carries. It allows a peer this many streams, and each
/// topic needs one.
const DEFAULT_STREAMS: usize = 100;

/// Discovery on top of iroh-gossip.
///
/// If two nodes may share more than 100 topics, the endpoint has to be bound with [`crate::transport_config`]. By
/// default, QUIC lets a peer open 100 streams, and the gossip layer needs one for each topic and direction. With one
/// topic more, the two nodes no longer hear each other on any topic. The limit of a bound endpoint can be neither
/// changed nor read, so the library logs a warning when a signing key opens its 101st topic.
pub trait AutoDiscoveryGossip {
    /// Subscribes to a topic and waits, without a limit, until there is a neighbor.
    fn subscribe_and_join_with_auto_discovery(
        &self,
        record_publisher: RecordPublisher,
    ) -> impl Future<Output = Result<Topic>> + Send;

    /// Subscribes to a topic and returns at once. Joining goes on in the background.
    fn subscribe_and_join_with_auto_discovery_no_wait(
        &self,
        record_publisher: RecordPublisher,
    ) -> impl Future<Output = Result<Topic>> + Send;
}

impl AutoDiscoveryGossip for Gossip {
    async fn subscribe_and_join_with_auto_discovery(&self, record_publisher: RecordPublisher) -> Result<Topic> {
        Topic::new(record_publisher, self.clone(), false).await
    }

    async fn subscribe_and_join_with_auto_discovery_no_wait(&self, record_publisher: RecordPublisher) -> Result<Topic> {
        Topic::new(record_publisher, self.clone(), true).await
    }
}

/// How many topics each signing key has open on gossip layers that the program brought.
static OPEN: LazyLock<Mutex<HashMap<[u8; 32], usize>>> = LazyLock::new(Mutex::default);

/// A topic that counts as long as it is open.
struct Counted([u8; 32]);

impl Counted {
    fn new(key: [u8; 32]) -> Self {
        let mut open = OPEN.lock().unpoisoned();
        let topics = open.entry(key).or_default();
        *topics += 1;
        if *topics == DEFAULT_STREAMS + 1 {
            tracing::warn!(
                target: "dtt::node",
                "{topics} topics on an endpoint that the program brought: QUIC allows {DEFAULT_STREAMS} streams by default, \
                 and two nodes that share more topics no longer hear each other on any topic, unless both endpoints are \
                 bound with dtt_core::transport_config()",
            );
        }
        Self(key)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unpoisoned();
        if let Some(topics) = open.get_mut(&self.0) {
            *topics -= 1;
            if *topics == 0 {
                open.remove(&self.0);
            }
        }
    }
}

impl Topic {
    /// A topic on a gossip layer that the program brings. Waits for a neighbor unless `async_bootstrap` is true.
    ///
    /// The publisher's signing key must be the key of the gossip layer's endpoint, since other nodes dial that key.
    pub async fn new(record_publisher: RecordPublisher, gossip: Gossip, async_bootstrap: bool) -> Result<Self> {
        let addresses = record_publisher.endpoint().map(|endpoint| Addresses::of(endpoint, false)).transpose()?;
        if let Some(endpoint) = record_publisher.endpoint()
            && endpoint.id().as_bytes() != record_publisher.pub_key().as_bytes()
        {
            let problem = format!("its public key is not that of the endpoint {}", endpoint.id());
            return Err(Error::argument("signing_key", problem));
        }
        let context = Context {
            keys: Keys::V1(record_publisher.keys().clone()),
            name: None,
            earlier_session: None,
            signing_key: record_publisher.signing_key().clone(),
            config: record_publisher.config().clone(),
            dht: record_publisher.dht().clone(),
            gossip: Layer::Brought(gossip),
            addresses,
            connector: None,
        };
        let keep = Arc::new(Counted::new(record_publisher.pub_key().to_bytes()));
        let topic = spawn_topic(context, CancellationToken::new(), Some(keep), false).await?;
        if !async_bootstrap {
            topic.joined().await?;
        }
        Ok(topic)
    }

    /// A sender and a receiver. Each keeps the topic alive.
    pub async fn split(&self) -> Result<(GossipSender, GossipReceiver)> {
        Ok((self.gossip_sender().await?, self.gossip_receiver().await?))
    }

    /// A sender. It keeps the topic alive.
    pub async fn gossip_sender(&self) -> Result<GossipSender> {
        self.check_open()?;
        Ok(GossipSender { topic: self.clone() })
    }

    /// A receiver with an event queue of its own. It keeps the topic alive.
    pub async fn gossip_receiver(&self) -> Result<GossipReceiver> {
        self.check_open()?;
        Ok(GossipReceiver { events: self.subscribe(), topic: self.clone() })
    }

    fn check_open(&self) -> Result<()> {
        self.state().map(drop).ok_or(Error::Closed("the topic"))
    }
}

/// Sends on a topic. Cheap to clone. It keeps the topic alive.
#[derive(Debug, Clone)]
pub struct GossipSender {
    topic: Topic,
}

impl GossipSender {
    /// [`Topic::broadcast`].
    pub async fn broadcast(&self, data: Vec<u8>) -> Result<()> {
        self.topic.broadcast(data).await
    }

    /// [`Topic::broadcast_neighbors`].
    pub async fn broadcast_neighbors(&self, data: Vec<u8>) -> Result<()> {
        self.topic.broadcast_neighbors(data).await
    }

    /// [`Topic::join_peers`]. With `max_peers`, it joins a random choice of that many peers.
    pub async fn join_peers(&self, mut peers: Vec<EndpointId>, max_peers: Option<usize>) -> Result<()> {
        if let Some(max_peers) = max_peers {
            peers.shuffle(&mut rand::rng());
            peers.truncate(max_peers);
        }
        self.topic.join_peers(peers).await
    }
}

/// Receives on a topic, through an event queue of its own. It keeps the topic alive.
///
/// The queue of a clone begins with the present state and neighbors, and not with earlier events.
#[derive(Debug)]
pub struct GossipReceiver {
    events: Events,
    topic: Topic,
}

impl Clone for GossipReceiver {
    fn clone(&self) -> Self {
        Self { events: self.topic.subscribe(), topic: self.topic.clone() }
    }
}

/// Why a [`GossipReceiver`] has no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The topic is closed.
    #[error("the topic is closed")]
    Closed,
    /// This implementation never returns it. It reports a lag as [`api::Event::Lagged`] and goes on: a loop over `Ok`
    /// events must not end because it was slow once.
    #[error("{0} events were missed")]
    Lagged(u64),
}

impl GossipReceiver {
    /// The next event of the gossip layer. Cancel-safe.
    pub async fn next(&mut self) -> Result<api::Event, ChannelError> {
        loop {
            match self.events.next().await {
                Some(Event::NeighborUp(peer)) => return Ok(api::Event::NeighborUp(peer)),
                Some(Event::NeighborDown(peer)) => return Ok(api::Event::NeighborDown(peer)),
                Some(Event::Received(message)) => return Ok(api::Event::Received(message.into())),
                Some(Event::Lagged(_)) => return Ok(api::Event::Lagged),
                Some(Event::StateChanged(_) | Event::KeyInUse) => {}
                None => return Err(ChannelError::Closed),
            }
        }
    }

    /// Waits until there is a neighbor. No event is consumed.
    pub async fn joined(&mut self) -> Result<(), ChannelError> {
        self.topic.joined().await.map_err(|_| ChannelError::Closed)
    }

    /// Whether there is a neighbor now.
    pub async fn is_joined(&self) -> Result<bool> {
        Ok(self.topic.is_joined())
    }

    /// The current direct neighbors.
    pub async fn neighbors(&self) -> Result<HashSet<EndpointId>> {
        Ok(self.topic.neighbors())
    }

    /// The 32-byte hashes of the last messages that were received (at most 5), oldest first.
    pub async fn last_message_hashes(&self) -> Result<VecDeque<[u8; 32]>> {
        Ok(self.topic.last_received())
    }
}
