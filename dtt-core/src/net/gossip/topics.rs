//! Which topics a node has open, and which topic a stream belongs to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use futures_util::StreamExt;
use iroh::EndpointAddr;
use iroh_gossip::proto::TopicId;
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};

use super::{
    channel::{Control, Sender},
    frame::Incoming,
    peers::Peers,
};
use crate::sync::Unpoisoned;

/// The open topics of a node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Topics {
    peers: Peers,
    runtime: Handle,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    open: HashMap<TopicId, Sender>,
    /// Where this node can be reached, as peers are told.
    own_address: EndpointAddr,
}

impl Topics {
    /// `runtime` reads the streams that belong to no topic.
    pub(super) fn new(peers: Peers, own_address: EndpointAddr, runtime: Handle) -> Self {
        Self { peers, runtime, inner: Arc::new(Mutex::new(Inner { open: HashMap::new(), own_address })) }
    }

    /// Sends a control to a topic, which is opened if it is not open. The topic cannot be forgotten in between.
    pub(super) fn tell(&self, topic: TopicId, control: Control, open: impl FnOnce(&EndpointAddr) -> Sender) -> Sender {
        let mut inner = self.lock();
        let Inner { open: topics, own_address } = &mut *inner;
        // A task that panicked has not reported its end.
        if topics.get(&topic).is_some_and(Sender::is_closed) {
            topics.remove(&topic);
        }
        let sender = topics.entry(topic).or_insert_with(|| open(own_address));
        sender.control(control);
        sender.clone()
    }

    /// Forgets a topic whose last subscriber is gone, unless `gets_one` finds a new one. Nobody can subscribe
    /// meanwhile.
    pub(super) fn forget(&self, topic: &TopicId, gets_one: impl FnOnce() -> bool) -> bool {
        let mut inner = self.lock();
        let forgets = !gets_one();
        if forgets {
            inner.open.remove(topic);
        }
        forgets
    }

    /// Tells every topic the addresses of this node.
    pub(super) fn tell_own_address(&self, address: EndpointAddr) {
        let mut inner = self.lock();
        inner.open.values().for_each(|sender| sender.control(Control::OwnAddress(address.clone())));
        inner.own_address = address;
    }

    /// Gives a stream to its topic. If this node is no member of the topic, messages on the stream are not for it. The
    /// stream is kept all the same, since the peer may use it later, when this node is a member.
    pub(super) fn hand_over(&self, topic: TopicId, incoming: Incoming) {
        let Some(incoming) = self.offer(&topic, incoming) else { return };
        match self.peers.parking(&incoming.peer, incoming.connection) {
            Some(permit) => drop(self.runtime.spawn(self.clone().park(topic, incoming, permit))),
            None => self.peers.refuse_more(&incoming.peer, incoming.connection),
        }
    }

    /// Offers a stream to its topic. Returns the stream if the topic is not open.
    fn offer(&self, topic: &TopicId, incoming: Incoming) -> Option<Incoming> {
        match self.lock().open.get(topic) {
            Some(sender) => sender.offer(incoming),
            None => Some(incoming),
        }
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unpoisoned()
    }
}
