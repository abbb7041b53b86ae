use std::{
    collections::HashMap,
    fmt,
    num::NonZeroUsize,
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock, Weak,
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
use lru::LruCache;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    config::{AddressLookups, NodeConfig, Relays},
    join_options::JoinOptions,
    stretch::stretch,
    transport::transport_config,
};
use crate::net::{
    Addresses, Context, Dht, Keys, Topic,
    addresses::Book,
    gossip::{Acceptor, Connections, Gossip, LOOK, Layer, Neighborhood},
    same_key::{self, SameKey},
    spawn_topic,
    stats::NodeStats,
    topic::Connector,
    topic::WeakTopic,
};
use crate::{
    config::{Protocol, TopicConfig},
    error::{Error, Result},
    sync::Unpoisoned,
    wire::{
        TopicId, TopicKeys,
        v2::{self, Root, Ticket},
    },
};

/// The topics whose last session is remembered.
const MAX_SESSIONS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// An endpoint, the gossip layer on it, and the DHT: everything that topics run on. Cheap to clone.
///
/// Its topics keep the node alive. When the last handle is dropped, the node closes in the background;
/// [`Node::close`] waits for that.
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
///         let author = message.origin.map(|origin| origin.author);
///         println!("{author:?}: {:?}", message.content);
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
    /// The last session of this node in each private topic: a clock that goes backwards must not give it again.
    sessions: Mutex<LruCache<TopicId, u64>>,
    /// Changed only while the topics are locked.
    paused: AtomicBool,
    runtime: tokio::runtime::Handle,
    /// Set when closing has begun. The value tells whether the connected peers know of it.
    closed: OnceLock<watch::Receiver<bool>>,
}

/// Shows the id and whether the node is closed. The endpoint's own `Debug` would fill pages.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.id()).field("closed", &self.is_closed()).finish()
    }
}

impl Node {
    /// Binds the sockets and starts the node on the current Tokio runtime.
    ///
    /// It returns when the sockets are bound. The DHT client and the relay connection open in the background.
    /// Panics outside of a Tokio runtime.
    pub async fn spawn(config: NodeConfig) -> Result<Self> {
        config.validate()?;
        let (connections, book) = (Connections::default(), Arc::new(Book::new()));
        let endpoint = bind(&config, connections.clone(), book.clone()).await?;
        let (neighborhood, token) = (Neighborhood::default(), CancellationToken::new());
        let same_key = SameKey::new(endpoint.clone(), config.relay_mode()?, config.bind_addresses(), token.clone());
        let expects_relay = *config.relays() != Relays::Disabled;
        let addresses = Addresses::new(endpoint.clone(), book, expects_relay, same_key.clone());
        let gossip = Gossip::new(
            endpoint.clone(),
            addresses.clone(),
            neighborhood.clone(),
            config.max_message_size(),
            token.clone(),
        );
        let acceptor = Acceptor { gossip: gossip.clone(), connections: connections.clone() };
        let router =
            Router::builder(endpoint.clone()).accept(GOSSIP_ALPN, acceptor).accept(same_key::ALPN, same_key).spawn();
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
            sessions: Mutex::new(LruCache::new(MAX_SESSIONS)),
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
    /// The option `protocol` decides whether it is a private topic. For a private topic, the secret is stretched first,
    /// which takes some tens of milliseconds: see [`Root::from_secret`]. A program with many topics joins by tickets
    /// ([`Node::join_ticket`]), which need no stretching.
    ///
    /// It returns at once, and the search for neighbors goes on in the background: see [`Topic::joined`]. With
    /// [`JoinOptions::timeout`] it waits for a first neighbor, and gives the topic up if none comes in time. That
    /// always happens to the first member of a topic.
    ///
    /// If the topic is open already with the same secret and rotation, joining gives another handle to it, with the
    /// options of the first one. Closing the topic closes all of its handles. A private topic can be open with one
    /// rotation at a time.
    pub async fn join(
        &self,
        name: impl Into<Vec<u8>>,
        secret: impl AsRef<[u8]>,
        options: JoinOptions,
    ) -> Result<Topic> {
        let name = name.into();
        let config = self.topic_config(&options)?;
        if config.protocol() == Protocol::V1 {
            return self.join_id(TopicId::new(name), secret, options).await;
        }
        // A topic can have any name, and a ticket only one that people can read.
        let shown = String::from_utf8(name.clone()).ok().filter(|name| Ticket::is_name(name));
        let root = stretch(name, secret.as_ref()).await?;
        self.join_root(root, shown, Vec::new(), options).await
    }

    /// Joins a topic of protocol version 1 by its id, whatever the option `protocol` says. Otherwise like [`Node::join`].
    pub async fn join_id(&self, id: TopicId, secret: impl AsRef<[u8]>, options: JoinOptions) -> Result<Topic> {
        let keys = Keys::V1(TopicKeys::new(id, secret.as_ref(), options.rotation.clone()));
        self.join_keys(keys, None, Vec::new(), options).await
    }

    /// Joins a private topic by a ticket, whatever the option `protocol` says. The nodes in the ticket are dialed at once,
    /// beside looking in the DHT. Otherwise like [`Node::join`].
    pub async fn join_ticket(&self, ticket: &Ticket, options: JoinOptions) -> Result<Topic> {
        let (name, nodes) = (ticket.name().map(str::to_owned), ticket.nodes().to_vec());
        self.join_root(ticket.root().clone(), name, nodes, options).await
    }

    async fn join_root(
        &self,
        root: Root,
        name: Option<String>,
        nodes: Vec<EndpointAddr>,
        options: JoinOptions,
    ) -> Result<Topic> {
        let keys = Keys::V2(v2::TopicKeys::new(root, options.rotation.clone()));
        self.join_keys(keys, name, nodes, options).await
    }

    async fn join_keys(
        &self,
        keys: Keys,
        name: Option<String>,
        nodes: Vec<EndpointAddr>,
        options: JoinOptions,
    ) -> Result<Topic> {
        let limit = options.timeout;
        let topic = self.open(keys, name, options).await?;
        let nodes: Vec<_> = nodes.into_iter().filter(|node| node.id != self.id()).collect();
        if !nodes.is_empty() {
            topic.join_peers(nodes).await?;
        }
        if let Some(limit) = limit {
            // On failure the handle is dropped and the topic is not closed: another caller may hold the same topic.
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

    /// What the node knows and has done. The call may take a moment, since it asks the DHT client.
    pub async fn stats(&self) -> NodeStats {
        let topics =
            self.inner.topics.lock().await.values().flatten().filter(|topic| topic.upgrade().is_some()).count();
        NodeStats { topics, known_addresses: self.inner.addresses.known(), dht: self.inner.dht.health().await }
    }

    /// Tells the node that the network may have changed. Most systems tell it by themselves; on Android, the
    /// application has to.
    pub async fn network_changed(&self) {
        self.inner.endpoint.network_change().await;
        for topic in self.inner.open_topics().await {
            topic.network_changed();
        }
    }

    /// Pauses the node: until [`Node::resume`], no topic of the node looks anything up, publishes, or dials of its own
    /// accord. This is for an application that goes to the background, where each packet costs battery and may fail.
    ///
    /// Neighbors stay, as long as the system lets packets through, and the node forgets nothing. It still does what the
    /// application asks for ([`Topic::broadcast`], [`Topic::join_peers`]). If the pause lasts for minutes, newcomers do
    /// not find the node, since its records grow old. Topics that are joined meanwhile start paused. Pausing twice is
    /// fine.
    pub async fn pause(&self) {
        self.set_paused(true).await;
    }

    /// Ends a pause: topics without neighbors look for one at once, the node publishes its records again, and the
    /// sockets check the network as after [`Node::network_changed`]. Without a [`Node::pause`] before, it does the same
    /// as [`Node::network_changed`].
    pub async fn resume(&self) {
        self.set_paused(false).await;
        self.inner.endpoint.network_change().await;
    }

    /// Whether the node is paused.
    pub fn is_paused(&self) -> bool {
        self.inner.paused.load(Ordering::SeqCst)
    }

    async fn set_paused(&self, paused: bool) {
        let topics = self.inner.topics.lock().await;
        self.inner.paused.store(paused, Ordering::SeqCst);
        if let Some(same_key) = self.inner.addresses.same_key() {
            same_key.set_paused(paused);
        }
        for topic in topics.values().flatten().filter_map(WeakTopic::upgrade) {
            topic.set_paused(paused);
        }
    }

    /// Closes all topics, tells the peers, and closes all connections, within the configured time (2 s by default). It
    /// returns as soon as all connected peers could take notice. It does not wait for dials that nobody has answered.
    /// The UDP ports are free when the last handle of the node and of its topics has been dropped as well.
    ///
    /// This closes all handles of the node and of its topics. Closing twice is fine. If the caller stops waiting,
    /// closing goes on in the background.
    pub async fn close(&self) {
        let mut closed = self.inner.begin_close();
        let ended = async {
            // The tasks of the topics end by themselves, and perhaps a little later than the endpoint.
            let _ = closed.wait_for(|closed| *closed).await;
            for topic in self.inner.open_topics().await {
                topic.close().await;
            }
        };
        if timeout(self.inner.config.close_timeout(), ended).await.is_err() {
            tracing::debug!(target: "dtt::node", "peers have not acknowledged the close yet; closing goes on");
        }
    }

    /// How long [`Node::close`] waits at the most: what the node was configured with.
    pub fn close_timeout(&self) -> std::time::Duration {
        self.inner.config.close_timeout()
    }

    /// Whether the node has been closed.
    pub fn is_closed(&self) -> bool {
        self.inner.token.is_cancelled()
    }

    /// A handle to the topic, which is opened if it is not open.
    async fn open(&self, keys: Keys, name: Option<String>, options: JoinOptions) -> Result<Topic> {
        let inner = &self.inner;
        let config = self.topic_config(&options)?;
        // Held while the topic opens, so that two calls for one topic open it once.
        let mut topics = inner.topics.lock().await;
        topics.values_mut().for_each(|list| list.retain(|topic| topic.upgrade().is_some()));
        topics.retain(|_, list| !list.is_empty());
        let list = topics.entry(*keys.topic_id()).or_default();
        let open = list.iter().filter_map(WeakTopic::upgrade).find(|topic| topic.keys().same(&keys));
        if let Some(topic) = open.and_then(|topic| topic.another()) {
            return Ok(topic);
        }
        if keys.protocol() == Protocol::V2 && list.iter().any(|topic| topic.upgrade().is_some()) {
            return Err(Error::argument("rotation", "the topic is open on this node with another one"));
        }
        let topic_id = *keys.topic_id();
        let context = Context {
            keys,
            name,
            earlier_session: inner.sessions.lock().unpoisoned().get(&topic_id).copied(),
            signing_key: SigningKey::from_bytes(&inner.endpoint.secret_key().to_bytes()),
            dht: Dht::new(config.dht_config()),
            config,
            gossip: Layer::Own(inner.gossip.clone()),
            addresses: Some(inner.addresses.clone()),
            connector: Some(inner.connector.clone()),
        };
        let paused = inner.paused.load(Ordering::SeqCst);
        let topic = spawn_topic(context, inner.token.child_token(), Some(inner.clone()), paused).await?;
        list.push(topic.downgrade());
        topic.session().and_then(|session| inner.sessions.lock().unpoisoned().put(topic_id, session));
        Ok(topic)
    }

    /// The options of a topic that is joined with these.
    fn topic_config(&self, options: &JoinOptions) -> Result<TopicConfig> {
        if self.inner.token.is_cancelled() {
            return Err(Error::Closed("the node"));
        }
        options.options.check_topic()?;
        let config = options.config.clone().unwrap_or_else(|| self.inner.config.topics().clone());
        Ok(options.options.clone().over(config))
    }
}

impl Inner {
    async fn open_topics(&self) -> Vec<Topic> {
        self.topics.lock().await.values().flatten().filter_map(WeakTopic::upgrade).collect()
    }

    /// Cancels every topic and closes the endpoint. A task of its own does this, so that an impatient caller cannot
    /// stop it half-way.
    fn begin_close(&self) -> watch::Receiver<bool> {
        self.token.cancel();
        let begin = || {
            let (tell, closed) = watch::channel(false);
            let (router, peers_know) = (self.router.clone(), self.connections.peers_know());
            self.runtime.spawn(async move {
                let mut close = pin!(router.shutdown());
                let ended = tokio::select! {
                    ended = &mut close => ended,
                    () = peers_know => {
                        tell.send_replace(true);
                        close.await
                    }
                };
                if let Err(error) = ended {
                    tracing::warn!(target: "dtt::node", %error, "the router ended with an error");
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

/// Closes connections that no topic needs, as long as the node lives.
async fn close_unused(node: Weak<Inner>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(node) = node.upgrade() else { return };
        node.connections.close_unused(&node.neighborhood);
    }
}

async fn bind(config: &NodeConfig, connections: Connections, book: Arc<Book>) -> Result<Endpoint> {
    let mut builder = Endpoint::builder(presets::Minimal)
        .transport_config(transport_config())
        .relay_mode(config.relay_mode()?)
        .hooks(connections)
        .address_lookup(book);
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
