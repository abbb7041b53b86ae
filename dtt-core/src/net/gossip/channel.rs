//! What a topic and its member tell each other: the way in, and the events that come out.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use iroh::EndpointId;
use iroh_gossip::{
    api::Event,
    proto::{PeerData, Scope},
};
use tokio::sync::mpsc;

use super::frame::Incoming;
use crate::error::{Error, Result};

/// Broadcasts that wait for the topic's task.
const BROADCASTS: usize = 32;

/// What is said on a topic, and to whom.
pub(super) type Broadcast = (Bytes, Scope);

/// The channel that events go to.
pub(super) type EventSender = mpsc::Sender<Event>;

/// What a member is told.
#[derive(Debug)]
pub(super) enum Control {
    Subscribe(u64, EventSender),
    Unsubscribe(u64),
    Join(Vec<EndpointId>),
    Stream(Incoming),
    OwnData(PeerData),
}

/// Where it is told.
pub(super) struct Inbox {
    pub(super) controls: mpsc::UnboundedReceiver<Control>,
    pub(super) broadcasts: mpsc::Receiver<Broadcast>,
}

/// The way to a topic's membership. Cheap to clone; it keeps nothing open.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    control: mpsc::UnboundedSender<Control>,
    broadcasts: mpsc::Sender<Broadcast>,
}

impl Sender {
    pub(super) fn new() -> (Self, Inbox) {
        let (control, controls) = mpsc::unbounded_channel();
        let (sender, broadcasts) = mpsc::channel(BROADCASTS);
        (Self { control, broadcasts: sender }, Inbox { controls, broadcasts })
    }

    /// Waits for a place among the broadcasts that wait. They wait while a neighbor takes too little.
    pub(in crate::net) async fn broadcast(&self, content: Bytes, scope: Scope) -> Result<()> {
        self.broadcasts.send((content, scope)).await.map_err(|_| Error::Closed("the topic"))
    }

    /// Asks peers to be neighbors.
    pub(in crate::net) fn join(&self, peers: Vec<EndpointId>) {
        self.control(Control::Join(peers));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.control.is_closed()
    }

    /// A topic that is gone needs to know nothing.
    pub(super) fn control(&self, control: Control) {
        let _ = self.control.send(control);
    }

    /// The stream again if the topic is gone.
    pub(super) fn offer(&self, incoming: Incoming) -> Option<Incoming> {
        match self.control.send(Control::Stream(incoming)) {
            Err(mpsc::error::SendError(Control::Stream(incoming))) => Some(incoming),
            _ => None,
        }
    }
}

/// The events of a topic. As long as it is held, this node is a member.
#[derive(Debug)]
pub(crate) struct Subscription {
    id: u64,
    sender: Sender,
    events: mpsc::Receiver<Event>,
}

impl Subscription {
    /// A number for a subscription, and its channel for so many events.
    pub(super) fn channel(capacity: usize) -> (u64, EventSender, mpsc::Receiver<Event>) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (sender, events) = mpsc::channel(capacity);
        (NEXT.fetch_add(1, Ordering::Relaxed), sender, events)
    }

    pub(super) fn new(id: u64, sender: Sender, events: mpsc::Receiver<Event>) -> Self {
        Self { id, sender, events }
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_recv(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.sender.control(Control::Unsubscribe(self.id));
    }
}
