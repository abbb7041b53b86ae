//! The node: what topics run on.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dtt_core::Node;
use dtt_embed::{Unpoisoned, closing, runtime};

use super::{
    call::{Held, Outcome, RawCancel, finish, finish_within, run, run_always},
    error::{ErrorKind, RawError},
    ids::{NodeAddress, NodeId, TopicId},
    node_config::RawJoinOptions,
    options::NodeConfig,
    stats::NodeStats,
    topic::RawTopic,
};

/// An endpoint, the gossip layer on it, and the DHT: everything that topics run on.
#[derive(uniffi::Object)]
pub struct RawNode {
    id: NodeId,
    node: Held<Node>,
    /// How long closing it is waited for.
    limit: Duration,
    topics: Mutex<Vec<Weak<RawTopic>>>,
    /// So that a second close waits for what the first one began.
    turn: tokio::sync::Mutex<()>,
    /// Whether it shall rest: what was asked for last. The calls that see to it may be done in another order.
    rest: AtomicBool,
    rest_turn: tokio::sync::Mutex<()>,
    /// Set before `topics` is taken, and looked at under its lock.
    closed: AtomicBool,
}

#[uniffi::export]
impl RawNode {
    /// Starts a node. It returns when the sockets are bound.
    #[uniffi::constructor]
    pub async fn spawn(config: NodeConfig, cancel: Option<Arc<RawCancel>>) -> Outcome<Self> {
        let node = run(cancel, async move { Ok::<_, RawError>(Node::spawn(config.build()?).await?) }).await?;
        Ok(Self {
            id: node.id().into(),
            limit: closing::limit_of(&node),
            node: Held::new("the node", node),
            topics: Mutex::default(),
            turn: Default::default(),
            rest: AtomicBool::new(false),
            rest_turn: Default::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// The node's id: its public key.
    pub fn id(&self) -> NodeId {
        self.id.clone()
    }

    /// The node's id with the addresses at which it can be reached, as far as it knows them now.
    pub fn address(&self) -> Outcome<NodeAddress> {
        Ok(self.node.get()?.addr().into())
    }

    /// Joins a topic by its name (any bytes) and a secret that its members share (any bytes).
    pub async fn join(
        &self,
        name: Vec<u8>,
        secret: Vec<u8>,
        options: RawJoinOptions,
        cancel: Option<Arc<RawCancel>>,
    ) -> Outcome<Arc<RawTopic>> {
        self.open(dtt_core::TopicId::new(name), secret, options, cancel).await
    }

    /// Joins a topic by its id.
    pub async fn join_id(
        &self,
        topic: TopicId,
        secret: Vec<u8>,
        options: RawJoinOptions,
        cancel: Option<Arc<RawCancel>>,
    ) -> Outcome<Arc<RawTopic>> {
        self.open(topic.parse()?, secret, options, cancel).await
    }

    /// What the node knows and has done.
    pub async fn stats(&self, cancel: Option<Arc<RawCancel>>) -> Outcome<NodeStats> {
        let node = self.node.get()?;
        run_always(cancel, async move { node.stats().await.into() }).await
    }

    /// Tells the node that the network may have changed.
    pub async fn network_changed(&self, cancel: Option<Arc<RawCancel>>) -> Outcome {
        let node = self.node.get()?;
        run_always(cancel, async move { node.network_changed().await }).await
    }

    /// Rests: no lookups, stores and dials until it goes on. Who gives up waiting does not stop it.
    pub async fn pause(self: Arc<Self>, cancel: Option<Arc<RawCancel>>) -> Outcome {
        self.set_rest(true, cancel).await
    }

    /// Goes on after a rest. Who gives up waiting does not stop it.
    pub async fn resume(self: Arc<Self>, cancel: Option<Arc<RawCancel>>) -> Outcome {
        self.set_rest(false, cancel).await
    }

    /// Whether the node rests.
    pub fn is_paused(&self) -> bool {
        self.node.get().is_ok_and(|node| node.is_paused())
    }

    /// Whether the node has been closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Closes the node and all its topics, within the configured time. Twice is fine. Who gives up waiting does not stop it.
    pub async fn close(self: Arc<Self>, cancel: Option<Arc<RawCancel>>) -> Outcome {
        self.closed.store(true, Ordering::SeqCst);
        finish_within(self.limit, cancel, self.closing()).await
    }

    /// Closes the node in the background.
    pub fn begin_close(self: Arc<Self>) {
        self.closed.store(true, Ordering::SeqCst);
        if let Ok(runtime) = runtime::handle() {
            runtime.spawn(self.closing());
        }
    }
}

impl RawNode {
    async fn closing(self: Arc<Self>) {
        let _turn = self.turn.lock().await;
        let Some(node) = self.node.take() else { return };
        let topics = std::mem::take(&mut *self.topics());
        node.close().await;
        // Whatever still belongs to the node is let go of, so that its sockets are free.
        for topic in topics.iter().filter_map(Weak::upgrade) {
            topic.release().await;
        }
    }

    async fn set_rest(self: Arc<Self>, rest: bool, cancel: Option<Arc<RawCancel>>) -> Outcome {
        let node = self.node.get()?;
        self.rest.store(rest, Ordering::SeqCst);
        finish(cancel, async move {
            let _turn = self.rest_turn.lock().await;
            if self.rest.load(Ordering::SeqCst) {
                node.pause().await;
            } else {
                node.resume().await;
            }
        })
        .await
    }

    async fn open(
        &self,
        id: dtt_core::TopicId,
        secret: Vec<u8>,
        options: RawJoinOptions,
        cancel: Option<Arc<RawCancel>>,
    ) -> Outcome<Arc<RawTopic>> {
        let node = self.node.get()?;
        let join = async move {
            let options = options.build(&id)?;
            Ok::<_, RawError>(node.join_id(id, secret, options).await?)
        };
        let topic = match run(cancel, join).await {
            // Which layer notices first that the node is being closed is chance.
            Err(RawError::Failed { kind: ErrorKind::Gossip, .. }) if self.is_closed() => return Err(closed()),
            joined => Arc::new(RawTopic::new(joined?)),
        };
        if self.keep(&topic) {
            return Ok(topic);
        }
        finish_within(closing::LIMIT, None, async move { topic.release().await }).await?;
        Err(closed())
    }

    /// Notes a topic, to be let go of with the node; false if the node is being closed, and may have let go of all by now.
    fn keep(&self, topic: &Arc<RawTopic>) -> bool {
        let mut topics = self.topics();
        if self.is_closed() {
            return false;
        }
        topics.retain(|topic| topic.strong_count() > 0);
        topics.push(Arc::downgrade(topic));
        true
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, Vec<Weak<RawTopic>>> {
        self.topics.lock().unpoisoned()
    }
}

fn closed() -> RawError {
    dtt_core::Error::Closed("the node").into()
}
