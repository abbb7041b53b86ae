//! What a topic's handles and its driver share: subscribers, neighbors, the state, the sender to the gossip layer.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use iroh::EndpointId;
use tokio::sync::{Notify, watch};

use super::{
    events::{Event, Queue},
    search::Search,
};
use crate::net::{
    gossip::TopicSender,
    same_key::SameKey,
    stats::{TopicCounters, TopicStats},
};
use crate::{
    error::{Error, Result},
    sync::Unpoisoned,
    tracker::{MessageHash, TopicState},
    wire::MAX_MESSAGE_HASHES,
};

/// Broadcasts of this node that wait until the driver hashes them.
const MAX_SENT: usize = 256;

static NEXT_INSTANCE: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(super) struct Hub {
    inner: Mutex<Inner>,
    status: watch::Sender<Status>,
    pub(super) counters: TopicCounters,
    pub(super) search: Search,
    network: Notify,
    paused: AtomicBool,
    capacity: usize,
    instance: u64,
    same_key: Option<SameKey>,
}

#[derive(Debug)]
struct Inner {
    sender: Option<TopicSender>,
    subscribers: Vec<Arc<Queue>>,
    neighbors: HashSet<EndpointId>,
    /// Peers whose joins are looked after and that have not become neighbors since. Each join has a number of its own.
    asked: HashMap<EndpointId, u64>,
    asks: u64,
    sent: VecDeque<Bytes>,
    /// Whether more was sent than is kept.
    sent_more: bool,
    last_received: VecDeque<MessageHash>,
    /// Events that were missed by subscribers that are gone.
    lagged: u64,
}

/// Where a topic stands, as waiters see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Open(TopicState),
    /// The topic is closed for new calls, and its queues are about to close. A caller that waits for the end still
    /// waits.
    Closing,
    Closed,
}

impl Hub {
    pub(super) fn new(sender: TopicSender, capacity: usize, paused: bool, same_key: Option<SameKey>) -> Arc<Self> {
        let inner = Inner {
            sender: Some(sender),
            subscribers: Vec::new(),
            neighbors: HashSet::new(),
            asked: HashMap::new(),
            asks: 0,
            sent: VecDeque::new(),
            sent_more: false,
            last_received: VecDeque::with_capacity(MAX_MESSAGE_HASHES),
            lagged: 0,
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            status: watch::Sender::new(Status::Open(TopicState::LookingUp)),
            counters: TopicCounters::new(),
            search: Search::default(),
            network: Notify::new(),
            paused: AtomicBool::new(paused),
            capacity,
            instance: NEXT_INSTANCE.fetch_add(1, Ordering::Relaxed),
            same_key,
        })
    }

    /// No other topic of the process has this number, not even a later one.
    pub(super) fn instance(&self) -> u64 {
        self.instance
    }

    /// A new queue. It begins with the present state and neighbors, so that no subscriber starts without them.
    pub(super) fn subscribe(&self) -> Arc<Queue> {
        self.fill(Queue::new(self.capacity))
    }

    /// A new queue for somebody who may never read it.
    pub(super) fn subscribe_unclaimed(&self) -> Arc<Queue> {
        self.fill(Queue::unclaimed(self.capacity))
    }

    fn fill(&self, queue: Arc<Queue>) -> Arc<Queue> {
        let mut inner = self.lock();
        inner.forget_unheld();
        match *self.status.borrow() {
            Status::Closing | Status::Closed => queue.close(),
            Status::Open(state) => {
                let mut events = vec![Event::StateChanged(state)];
                events.extend(inner.neighbors.iter().map(|peer| Event::NeighborUp(*peer)));
                events.extend(self.is_key_in_use().then_some(Event::KeyInUse));
                queue.push(&events);
                inner.subscribers.push(queue.clone());
            }
        }
        queue
    }

    /// Hands events to every subscriber. Queues that nobody holds anymore are dropped.
    pub(super) fn publish(&self, events: &[Event]) {
        let mut inner = self.lock();
        inner.forget_unheld();
        for event in events {
            if let Event::NeighborUp(peer) = event {
                inner.asked.remove(peer);
            }
            match event {
                Event::NeighborUp(peer) => drop(inner.neighbors.insert(*peer)),
                Event::NeighborDown(peer) => drop(inner.neighbors.remove(peer)),
                Event::StateChanged(state) => drop(self.status.send_replace(Status::Open(*state))),
                Event::Received(_) | Event::Lagged(_) | Event::KeyInUse => {}
            }
        }
        inner.subscribers.iter().for_each(|queue| queue.push(events));
    }

    /// Whether this many events would make a reader miss something although it has kept up so far.
    pub(super) fn would_overrun(&self, events: usize) -> bool {
        self.lock().subscribers.iter().any(|queue| queue.would_overrun(events))
    }

    /// Ends every subscription and lets go of the gossip topic.
    pub(super) fn close(&self) {
        let queues = {
            let mut inner = self.lock();
            inner.sender = None;
            inner.neighbors.clear();
            // Set before the queues end: a reader whose queue ends finds the topic closed.
            self.status.send_replace(Status::Closing);
            std::mem::take(&mut inner.subscribers)
        };
        queues.iter().for_each(|queue| queue.close());
        // Set after the queues have ended: a caller that waits for the end finds every queue closed.
        self.status.send_replace(Status::Closed);
    }

    /// Whether another process uses the node's key, as far as is known.
    pub(super) fn is_key_in_use(&self) -> bool {
        self.same_key.as_ref().is_some_and(SameKey::is_in_use)
    }

    pub(super) fn sender(&self) -> Result<TopicSender> {
        self.lock().sender.clone().ok_or(Error::Closed("the topic"))
    }

    pub(super) fn neighbors(&self) -> HashSet<EndpointId> {
        self.lock().neighbors.clone()
    }

    pub(super) fn has_neighbors(&self) -> bool {
        !self.lock().neighbors.is_empty()
    }

    pub(super) fn has_neighbor(&self, peer: &EndpointId) -> bool {
        self.lock().neighbors.contains(peer)
    }

    /// Notes that a peer is joined, and returns the number of the join. `None` if the peer is a neighbor or was noted
    /// already.
    pub(super) fn ask(&self, peer: EndpointId) -> Option<u64> {
        let mut inner = self.lock();
        if inner.neighbors.contains(&peer) || inner.asked.contains_key(&peer) {
            return None;
        }
        inner.asks += 1;
        let number = inner.asks;
        inner.asked.insert(peer, number);
        Some(number)
    }

    /// Whether the join with this number has not been answered yet.
    pub(super) fn is_asked(&self, peer: &EndpointId, number: u64) -> bool {
        self.lock().asked.get(peer) == Some(&number)
    }

    pub(super) fn forget_ask(&self, peer: &EndpointId, number: u64) {
        let asked = &mut self.lock().asked;
        if asked.get(peer) == Some(&number) {
            asked.remove(peer);
        }
    }

    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Notes a broadcast of this node. Broadcasts tell a busy swarm apart from a split one.
    pub(super) fn note_sent(&self, content: Bytes) {
        self.counters.sent.add(1);
        let mut inner = self.lock();
        if inner.sent.len() == MAX_SENT {
            inner.sent.pop_front();
            inner.sent_more = true;
        }
        inner.sent.push_back(content);
    }

    /// The broadcasts of this node since the last call, and whether there were more.
    pub(super) fn take_sent(&self) -> (VecDeque<Bytes>, bool) {
        let mut inner = self.lock();
        (std::mem::take(&mut inner.sent), std::mem::take(&mut inner.sent_more))
    }

    pub(super) fn set_last_received<'a>(&self, hashes: impl Iterator<Item = &'a MessageHash>) {
        let mut inner = self.lock();
        inner.last_received.clear();
        inner.last_received.extend(hashes);
    }

    pub(super) fn last_received(&self) -> VecDeque<MessageHash> {
        self.lock().last_received.clone()
    }

    /// Wakes the driver, since the network may have changed.
    pub(super) fn network_changed(&self) {
        self.network.notify_one();
    }

    /// Pauses or resumes the driver.
    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::SeqCst);
        self.network.notify_one();
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::SeqCst)
    }

    /// Waits until the network may have changed, or [`Hub::is_paused`] has.
    pub(super) async fn network_change(&self) {
        self.network.notified().await;
    }

    pub(super) fn stats(&self) -> TopicStats {
        let mut inner = self.lock();
        inner.forget_unheld();
        let read: Vec<_> = inner.subscribers.iter().filter(|queue| !queue.is_unclaimed()).collect();
        TopicStats {
            neighbors: inner.neighbors.len() as u64,
            subscribers: read.len() as u64,
            queue_depth: read.iter().map(|queue| queue.depth()).max().unwrap_or(0) as u64,
            lagged: inner.lagged + read.iter().map(|queue| queue.missed_ever()).sum::<u64>(),
            ..self.counters.snapshot()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unpoisoned()
    }
}

impl Inner {
    /// Drops queues that nobody holds anymore.
    fn forget_unheld(&mut self) {
        let lagged = &mut self.lagged;
        self.subscribers.retain(|queue| {
            let held = Arc::strong_count(queue) > 1;
            if !held && !queue.is_unclaimed() {
                *lagged += queue.missed_ever();
            }
            held
        });
    }
}
