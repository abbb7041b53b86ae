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
    door::Door,
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
    open: HashMap<TopicId, Open>,
    /// The private topics in the order in which they were opened, and how many there were before the first of them.
    doors: Vec<(TopicId, Door)>,
    earlier: u64,
    /// Where this node can be reached, as peers are told.
    own_address: EndpointAddr,
}

struct Open {
    sender: Sender,
    /// The number of a private topic's door.
    door: Option<u64>,
}

impl Topics {
    /// `runtime` reads the streams that belong to no topic.
    pub(super) fn new(peers: Peers, own_address: EndpointAddr, runtime: Handle) -> Self {
        let inner = Inner { open: HashMap::new(), doors: Vec::new(), earlier: 0, own_address };
        Self { peers, runtime, inner: Arc::new(Mutex::new(inner)) }
    }

    /// Sends a control to a topic, which is opened if it is not open: a private one has a door. The topic cannot be
    /// forgotten in between.
    pub(super) fn tell(
        &self,
        topic: TopicId,
        door: Option<&Door>,
        control: Control,
        open: impl FnOnce(&EndpointAddr) -> Sender,
    ) -> Sender {
        let mut inner = self.lock();
        // A task that panicked has not reported its end.
        if inner.open.get(&topic).is_some_and(|open| open.sender.is_closed()) {
            inner.forget(&topic);
        }
        if !inner.open.contains_key(&topic) {
            let sender = open(&inner.own_address);
            inner.open.insert(topic, Open { sender, door: door.map(Door::number) });
            inner.doors.extend(door.map(|door| (topic, door.clone())));
        }
        let sender = inner.open[&topic].sender.clone();
        sender.control(control);
        sender
    }

    /// The open topic to which a stream belongs.
    fn topic_of(&self, incoming: &Incoming) -> Option<TopicId> {
        let is_open = |topic: &TopicId, door| self.lock().open.get(topic).is_some_and(|open| open.door == door);
        let in_clear = TopicId::from_bytes(incoming.header);
        if is_open(&in_clear, None) {
            return Some(in_clear);
        }
        let (topic, door) = incoming.proofs.topic(&incoming.header, |since| self.doors_since(since))?;
        // The topic may have been closed since, and opened again with another rotation.
        is_open(&topic, Some(door)).then_some(topic)
    }

    /// The private topics that were opened since this many were, and how many there are by now.
    fn doors_since(&self, since: u64) -> (u64, Vec<(TopicId, Door)>) {
        let inner = self.lock();
        let skip = usize::try_from(since.saturating_sub(inner.earlier)).unwrap_or(usize::MAX).min(inner.doors.len());
        (inner.earlier + inner.doors.len() as u64, inner.doors[skip..].to_vec())
    }

    /// Forgets a topic whose last subscriber is gone, unless `gets_one` finds a new one. Nobody can subscribe
    /// meanwhile.
    pub(super) fn forget(&self, topic: &TopicId, gets_one: impl FnOnce() -> bool) -> bool {
        let mut inner = self.lock();
        let forgets = !gets_one();
        if forgets {
            inner.forget(topic);
        }
        forgets
    }

    /// Tells every topic the addresses of this node.
    pub(super) fn tell_own_address(&self, address: EndpointAddr) {
        let mut inner = self.lock();
        inner.open.values().for_each(|open| open.sender.control(Control::OwnAddress(address.clone())));
        inner.own_address = address;
    }

    /// Gives a stream to its topic. If this node is no member of the topic, messages on the stream are not for it. The
    /// stream is kept all the same, since the peer may use it later, when this node is a member.
    pub(super) fn hand_over(&self, incoming: Incoming) {
        let Some(incoming) = self.offer(incoming) else { return };
        match self.peers.parking(&incoming.peer, incoming.connection) {
            Some(permit) => drop(self.runtime.spawn(self.clone().park(incoming, permit))),
            None => self.peers.refuse_more(&incoming.peer, incoming.connection),
        }
    }

    /// Offers a stream to its topic. Returns the stream if the topic is not open. A stream that belonged to a topic once
    /// belongs to it for good, although a proof of its kind would be too old by now.
    fn offer(&self, mut incoming: Incoming) -> Option<Incoming> {
        incoming.topic = incoming.topic.or_else(|| self.topic_of(&incoming));
        let sender = incoming.topic.and_then(|topic| self.lock().open.get(&topic).map(|open| open.sender.clone()));
        match sender {
            Some(sender) => sender.offer(incoming),
            None => Some(incoming),
        }
    }

    async fn park(self, mut incoming: Incoming, _permit: OwnedSemaphorePermit) {
        while let Some(Ok(frame)) = incoming.frames.next().await {
            incoming.first = Some(frame);
            match self.offer(incoming) {
                Some(kept) => incoming = kept,
                None => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unpoisoned()
    }
}

impl Inner {
    fn forget(&mut self, topic: &TopicId) {
        if self.open.remove(topic).is_some_and(|open| open.door.is_some()) {
            self.doors.retain(|(other, _)| other != topic);
            // Doors are found by their number, so all of them get new ones.
            self.earlier += self.doors.len() as u64 + 1;
        }
    }
}
