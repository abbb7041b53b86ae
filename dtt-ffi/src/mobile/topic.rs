//! A topic that has been joined.

use std::sync::{Arc, Mutex, Weak};

use dtt_core::Topic;
use dtt_embed::{Unpoisoned, closing, runtime};

use super::{
    call::{Held, Outcome, RawCancel, finish_within, run, run_always},
    event::TopicState,
    events::RawEvents,
    ids::{NodeAddress, NodeId, TopicId},
    listener::{EventListener, RawListening},
    millis::Millis,
    stats::{DhtHealth, TopicStats},
};

/// A topic that has been joined.
#[derive(uniffi::Object)]
pub struct RawTopic {
    id: TopicId,
    max_message_size: u32,
    topic: Held<Topic>,
    /// What it had done when it was closed.
    last_stats: Mutex<Option<TopicStats>>,
    /// So that a second close waits for what the first one began.
    turn: tokio::sync::Mutex<()>,
    queues: Mutex<Vec<Weak<RawEvents>>>,
}

#[uniffi::export]
impl RawTopic {
    /// The topic's id.
    pub fn id(&self) -> TopicId {
        self.id.clone()
    }

    /// Sends a message to the whole swarm.
    pub async fn broadcast(&self, content: Vec<u8>, cancel: Option<Arc<RawCancel>>) -> Outcome {
        let topic = self.topic.get()?;
        run(cancel, async move { topic.broadcast(content).await }).await
    }

    /// Sends a message to the direct neighbors only.
    pub async fn broadcast_neighbors(&self, content: Vec<u8>, cancel: Option<Arc<RawCancel>>) -> Outcome {
        let topic = self.topic.get()?;
        run(cancel, async move { topic.broadcast_neighbors(content).await }).await
    }

    /// Joins peers that the application knows.
    pub async fn join_peers(&self, peers: Vec<NodeAddress>, cancel: Option<Arc<RawCancel>>) -> Outcome {
        let topic = self.topic.get()?;
        let peers: Vec<_> = peers.iter().map(NodeAddress::parse).collect::<Outcome<_>>()?;
        run(cancel, async move { topic.join_peers(peers).await }).await
    }

    /// The direct neighbors now; none when it is closed.
    pub fn neighbors(&self) -> Vec<NodeId> {
        self.topic.get().map_or_else(|_| Vec::new(), |topic| topic.neighbors().into_iter().map(NodeId::from).collect())
    }

    /// Where the topic stands; none when it is closed.
    pub fn state(&self) -> Option<TopicState> {
        self.topic.get().ok()?.state().map(TopicState::from)
    }

    /// Waits until there is a neighbor, for so long at the most if a limit is given.
    pub async fn joined(&self, limit: Option<Millis>, cancel: Option<Arc<RawCancel>>) -> Outcome {
        let topic = self.topic.get()?;
        run(cancel, async move {
            match limit {
                Some(limit) => topic.joined_within(limit.into()).await,
                None => topic.joined().await,
            }
        })
        .await
    }

    /// Takes an event queue of one's own.
    pub fn subscribe(&self) -> Outcome<Arc<RawEvents>> {
        let _context = runtime::handle()?.enter();
        // Under the lock, so that a topic that is closed meanwhile finds the queue or is found closed.
        let mut queues = self.queues();
        let events = Arc::new(RawEvents::new(&self.topic.get()?));
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&events));
        Ok(events)
    }

    /// Has a listener called for each event, from a queue of its own.
    pub fn listen(&self, listener: Arc<dyn EventListener>) -> Outcome<Arc<RawListening>> {
        Ok(Arc::new(RawListening::start(&self.topic.get()?, listener)?))
    }

    /// The most bytes that one message carries.
    pub fn max_message_size(&self) -> u32 {
        self.max_message_size
    }

    /// What the topic has done so far, or had done when it was closed.
    pub fn stats(&self) -> TopicStats {
        match self.topic.get() {
            Ok(topic) => topic.stats().into(),
            Err(_) => self.last_stats().clone().unwrap_or_else(|| dtt_core::TopicStats::default().into()),
        }
    }

    /// The state of the DHT client.
    pub async fn dht_health(&self, cancel: Option<Arc<RawCancel>>) -> Outcome<DhtHealth> {
        let topic = self.topic.get()?;
        run_always(cancel, async move { topic.dht_health().await.into() }).await
    }

    /// Closes the topic, within 2 s. Twice is fine. Who gives up waiting does not stop it.
    pub async fn close(self: Arc<Self>, cancel: Option<Arc<RawCancel>>) -> Outcome {
        finish_within(closing::LIMIT, cancel, async move { self.release().await }).await
    }

    /// Closes the topic in the background.
    pub fn begin_close(self: Arc<Self>) {
        if let Ok(runtime) = runtime::handle() {
            runtime.spawn(async move { self.release().await });
        }
    }
}

impl RawTopic {
    pub(super) fn new(topic: Topic) -> Self {
        Self {
            id: topic.id().into(),
            max_message_size: u32::try_from(topic.max_message_size()).unwrap_or(u32::MAX),
            topic: Held::new("the topic", topic),
            last_stats: Mutex::default(),
            turn: Default::default(),
            queues: Mutex::default(),
        }
    }

    /// Closes it and lets go of all that belongs to it; what waits in its queues can still be taken.
    pub(super) async fn release(&self) {
        let _turn = self.turn.lock().await;
        let Ok(topic) = self.topic.get() else { return };
        topic.close().await;
        *self.last_stats() = Some(topic.stats().into());
        // Only now: until here it has numbers of its own.
        drop(topic);
        drop(self.topic.take());
        for queue in std::mem::take(&mut *self.queues()).iter().filter_map(Weak::upgrade) {
            queue.settle();
        }
    }

    fn queues(&self) -> std::sync::MutexGuard<'_, Vec<Weak<RawEvents>>> {
        self.queues.lock().unpoisoned()
    }

    fn last_stats(&self) -> std::sync::MutexGuard<'_, Option<TopicStats>> {
        self.last_stats.lock().unpoisoned()
    }
}
