use std::{
    collections::HashMap,
    fmt,
    pin::pin,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use ed25519_dalek::SigningKey;
use iroh::{
    Endpoint, EndpointAddr, EndpointId,
    address_lookup::{DnsAddressLookup, PkarrPublisher, PkarrResolver},
    endpoint::{PortmapperConfig, presets},
    protocol::Router,
};
use iroh_gossip::net::GOSSIP_ALPN;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    config::{AddressLookups, NodeConfig, Relays},
    join_options::JoinOptions,
    transport::transport_config,
};
use crate::net::{
    Addresses, Dht, Swarm, Topic,
    gossip::{Acceptor, Connections, Gossip, LOOK, Layer, Neighborhood},
    spawn_topic,
    stats::NodeStats,
    topic::Connector,
    topic::WeakTopic,
};
use crate::{
    error::{Error, Result},
    wire::{TopicId, TopicKeys},
};

/// An endpoint, the gossip layer on it, and the DHT: everything that topics run on. Cheap to clone.
///
/// Its topics keep it alive. When the last handle goes, it closes in the background; [`Node::shutdown`] waits for that.
///
/// ```no_run
/// # async fn example() -> Result<(), dtt_core::Error> {
/// use dtt_core::{Event, JoinOptions, Node, NodeConfig};
///
/// let node = Node::spawn(NodeConfig::default()).await?;
/// let topic = node.join("my-topic", b"my secret", JoinOptions::default()).await?;
/// let mut events = topic.subscribe();
/// topic.joined().await?;
/// topic.broadcast("hello").await?;
/// while let Some(event) = events.next().await {
///     if let Event::Received(message) = event {
///         println!("{}: {:?}", message.delivered_from, message.content);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    config: NodeConfig,
    endpoint: Endpoint,
    gossip: Gossip,
    connections: Connections,
    neighborhood: Neighborhood,
    connector: Connector,
    router: Router,
    dht: Dht,
    addresses: Addresses,
    token: CancellationToken,
    topics: tokio::sync::Mutex<HashMap<TopicId, Vec<WeakTopic>>>,
    /// Changed only while the topics are locked.
    paused: AtomicBool,
    runtime: tokio::runtime::Handle,
    /// Set when closing has begun; the value tells whether whoever is connected knows.
    closed: OnceLock<watch::Receiver<bool>>,
}

/// Its identity and whether it is closed; the endpoint's own `Debug` would fill pages.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.id()).field("closed", &self.is_closed()).finish()
    }
}

impl Node {
    /// Binds the sockets and starts the node on the current Tokio runtime.
    ///
    /// It returns when the sockets are bound; the DHT client and the relay connection open in the background.
    /// Panics outside of a Tokio runtime.
    pub async fn spawn(config: NodeConfig) -> Result<Self> {
        config.validate()?;
        let connections = Connections::default();
        let endpoint = bind(&config, connections.clone()).await?;
        let addresses = Addresses::of(&endpoint, *config.relays() != Relays::Disabled)?;
        let (neighborhood, token) = (Neighborhood::default(), CancellationToken::new());
        let gossip = Gossip::new(
            endpoint.clone(),
            addresses.clone(),
            neighborhood.clone(),
            config.max_message_size(),
            token.clone(),
        );
        let acceptor = Acceptor { gossip: gossip.clone(), connections: connections.clone() };
        let router = Router::builder(endpoint.clone()).accept(GOSSIP_ALPN, acceptor).spawn();
        let connector = Connector::new(gossip.clone(), connections.clone());
        let dht = Dht::new(config.topics().dht_config());
        tokio::spawn({
            let (dht, token) = (dht.clone(), token.clone());
            async move { token.run_until_cancelled_owned(dht.warm()).await }
        });
        tracing::info!(target: "dtt::node", id = %endpoint.id(), "node started");
        let inner = Inner {
            config,
            endpoint,
            gossip,
            connections,
            neighborhood,
            connector,
            router,
            dht,
            addresses,
            token: token.clone(),
            topics: Default::default(),
            paused: AtomicBool::new(false),
            runtime: tokio::runtime::Handle::current(),
            closed: OnceLock::new(),
        };
        let inner = Arc::new(inner);
        tokio::spawn(token.run_until_cancelled_owned(close_unused(Arc::downgrade(&inner))));
        Ok(Self { inner })
    }

    /// Joins a topic by its name (any bytes) and a secret that its members share (any bytes).
    ///
    /// It returns at once, and bootstrap goes on in the background: see [`Topic::joined`]. With
    /// [`JoinOptions::timeout`] it waits for a first neighbor, and gives the topic up if none came in time, which is
    /// what the first member of a topic always gets.
    /// Joining a topic again with the same secret and rotation gives another handle to it, with the options of the
    /// first, unless it has been left. Leaving closes them all.
    pub async fn join(
        &self,
        name: impl Into<Vec<u8>>,
        secret: impl AsRef<[u8]>,
        options: JoinOptions,
    ) -> Result<Topic> {
        self.join_id(TopicId::new(name), secret, options).await
    }

    /// [`Node::join`] by the topic's id.
    pub async fn join_id(&self, id: TopicId, secret: impl AsRef<[u8]>, options: JoinOptions) -> Result<Topic> {
        let limit = options.timeout;
        let keys = TopicKeys::new(id, secret.as_ref(), options.rotation.clone());
        let topic = self.open(keys, options).await?;
        if let Some(limit) = limit {
            // On failure it is dropped, not left: another caller may hold the same topic.
            topic.joined_within(limit).await?;
        }
        Ok(topic)
    }

    /// The node's id: its public key.
    pub fn id(&self) -> EndpointId {
        self.inner.endpoint.id()
    }

    /// The node's id with the addresses at which it can be reached, as far as it knows them.
    pub fn addr(&self) -> EndpointAddr {
        self.inner.endpoint.addr()
    }

    /// The endpoint that the node runs on.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// What the node knows and has done. It may take a moment: the DHT client is asked.
    pub async fn stats(&self) -> NodeStats {
        let topics =
            self.inner.topics.lock().await.values().flatten().filter(|topic| topic.upgrade().is_some()).count();
        NodeStats { topics, known_addresses: self.inner.addresses.known(), dht: self.inner.dht.health().await }
    }

    /// Tells the node that the network may have changed. Most systems notice by themselves; Android needs it.
    pub async fn network_changed(&self) {
        self.inner.endpoint.network_change().await;
        for topic in self.inner.open_topics().await {
            topic.network_changed();
        }
    }

    /// Rests: no topic of the node looks anything up, publishes, or dials of its own accord until [`Node::resume`]. For
    /// an application that goes to the background, where each packet costs battery and may fail.
    ///
    /// Neighbors stay, as long as the system lets packets through, and so does all that is known; what the application
    /// asks for itself ([`Topic::broadcast`], [`Topic::join_peers`]) is done. Newcomers do not find a node that rests for
    /// minutes, since its records grow old. Topics that are joined meanwhile begin at rest. Pausing twice is fine.
    pub async fn pause(&self) {
        self.set_paused(true).await;
    }

    /// Ends the rest: topics without neighbors look for one at once, records are published anew, and the sockets look
    /// at the network as after [`Node::network_changed`]. Without a [`Node::pause`] before it does the latter.
    pub async fn resume(&self) {
        self.set_paused(false).await;
        self.inner.endpoint.network_change().await;
    }

    /// Whether the node rests.
    pub fn is_paused(&self) -> bool {
        self.inner.paused.load(Ordering::SeqCst)
    }

    async fn set_paused(&self, paused: bool) {
        let topics = self.inner.topics.lock().await;
        self.inner.paused.store(paused, Ordering::SeqCst);
        for topic in topics.values().flatten().filter_map(WeakTopic::upgrade) {
            topic.set_paused(paused);
        }
    }

    /// Leaves all topics, tells the peers, and closes all connections, within the configured time (2 s by default). It
    /// ends as soon as whoever is connected could take notice; dials that nobody has answered are not waited for.
    /// The UDP ports are free when the last handle of the node and of its topics has been dropped as well.
    ///
    /// Every handle of the node and of its topics is closed with it. Shutting down twice is fine, and so is giving up
    /// waiting: closing goes on in the background.
    pub async fn shutdown(&self) {
        let mut closed = self.inner.begin_close();
        let ended = async {
            // The tasks of its topics end by themselves, and perhaps a little later than the endpoint.
            let _ = closed.wait_for(|closed| *closed).await;
            for topic in self.inner.open_topics().await {
                topic.leave().await;
            }
        };
        if timeout(self.inner.config.shutdown_timeout(), ended).await.is_err() {
            tracing::debug!(target: "dtt::node", "peers have not acknowledged the close yet; it goes on");
        }
    }

    /// Whether the node has been shut down.
    pub fn is_closed(&self) -> bool {
        self.inner.token.is_cancelled()
    }

    /// A handle to the topic, which is opened if it is not open already.
    async fn open(&self, keys: TopicKeys, options: JoinOptions) -> Result<Topic> {
        let inner = &self.inner;
        if inner.token.is_cancelled() {
            return Err(Error::Closed("the node"));
        }
        options.options.check_topic()?;
        // Held while the topic opens, so that two calls for one topic open it once.
        let mut topics = inner.topics.lock().await;
        topics.values_mut().for_each(|list| list.retain(|topic| topic.upgrade().is_some()));
        topics.retain(|_, list| !list.is_empty());
        let list = topics.entry(*keys.topic_id()).or_default();
        let open = list.iter().filter_map(WeakTopic::upgrade).find(|topic| topic.keys().same(&keys));
        if let Some(topic) = open.and_then(|topic| topic.another()) {
            return Ok(topic);
        }
        let config = options.options.over(options.config.unwrap_or_else(|| inner.config.topics().clone()));
        let topic = spawn_topic(Swarm {
            keys,
            signing_key: SigningKey::from_bytes(&inner.endpoint.secret_key().to_bytes()),
            dht: Dht::new(config.dht_config()),
            config,
            gossip: Layer::Own(inner.gossip.clone()),
            addresses: Some(inner.addresses.clone()),
            connector: Some(inner.connector.clone()),
            token: inner.token.child_token(),
            keep: Some(inner.clone()),
            paused: inner.paused.load(Ordering::SeqCst),
        })
        .await?;
        list.push(topic.downgrade());
        Ok(topic)
    }
}

impl Inner {
    async fn open_topics(&self) -> Vec<Topic> {
        self.topics.lock().await.values().flatten().filter_map(WeakTopic::upgrade).collect()
    }

    /// Cancels every topic and closes the endpoint in a task of its own, which nobody's impatience can abort half-way.
    fn begin_close(&self) -> watch::Receiver<bool> {
        self.token.cancel();
        let begin = || {
            let (tell, closed) = watch::channel(false);
            let (router, told) = (self.router.clone(), self.connections.told());
            self.runtime.spawn(async move {
                let mut close = pin!(router.shutdown());
                let ended = tokio::select! {
                    ended = &mut close => ended,
                    () = told => {
                        tell.send_replace(true);
                        close.await
                    }
                };
                if let Err(error) = ended {
                    tracing::warn!(target: "dtt::node", %error, "the router did not end well");
                }
                tell.send_replace(true);
            });
            closed
        };
        self.closed.get_or_init(begin).clone()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Peers should not have to wait for a time-out to learn that we are gone.
        self.begin_close();
    }
}

/// Lets go of connections that no topic needs, as long as the node lives.
async fn close_unused(node: Weak<Inner>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(node) = node.upgrade() else { return };
        node.connections.close_unused(&node.neighborhood);
    }
}

async fn bind(config: &NodeConfig, connections: Connections) -> Result<Endpoint> {
    let mut builder = Endpoint::builder(presets::Minimal)
        .transport_config(transport_config())
        .relay_mode(config.relay_mode()?)
        .hooks(connections);
    if let Some(key) = &config.secret_key {
        builder = builder.secret_key(key.clone());
    }
    if config.address_lookups() == AddressLookups::Default {
        builder = builder
            .address_lookup(PkarrPublisher::n0_dns())
            .address_lookup(PkarrResolver::n0_dns())
            .address_lookup(DnsAddressLookup::n0_dns());
    }
    if !config.port_mapping() {
        builder = builder.portmapper_config(PortmapperConfig::Disabled);
    }
    if !config.bind_addresses().is_empty() {
        builder = builder.clear_ip_transports();
    }
    for address in config.bind_addresses() {
        builder = builder
            .bind_addr(*address)
            .map_err(|error| Error::argument("bind_addresses", format!("{address}: {error}")))?;
    }
    builder.bind().await.map_err(|error| Error::Bind { what: "the endpoint", reason: format!("{error:#}") })
}
