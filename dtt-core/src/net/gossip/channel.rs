//! What a topic and its member exchange: controls and broadcasts go in, events come out.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use iroh::{EndpointAddr, EndpointId};
use iroh_gossip::{api::Event, proto::Scope};
use tokio::sync::mpsc;

use super::frame::Incoming;
use crate::error::{Error, Result};

/// Broadcasts that wait for the topic's task.
const BROADCASTS: usize = 32;

/// The content of a broadcast, and how far it goes.
pub(super) type Broadcast = (Bytes, Scope);

/// The channel that events go to.
pub(super) type EventSender = mpsc::Sender<Event>;

/// What a member is told to do.
#[derive(Debug)]
pub(super) enum Control {
    Subscribe(u64, EventSender),
    Unsubscribe(u64),
    Join(Vec<EndpointId>),
    Stream(Box<Incoming>),
    OwnAddress(EndpointAddr),
}

/// Where a member receives what it is told.
pub(super) struct Inbox {
    pub(super) controls: mpsc::UnboundedReceiver<Control>,
    pub(super) broadcasts: mpsc::Receiver<Broadcast>,
}

/// The way to a topic's member. Cheap to clone. It does not keep the membership alive.
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

    /// Waits until there is room for another broadcast. Broadcasts pile up while a neighbor takes too little.
    pub(in crate::net) async fn broadcast(&self, content: Bytes, scope: Scope) -> Result<()> {
        self.room(scope).await?.send(content);
        Ok(())
    }

    /// Waits until there is room for another broadcast, and keeps it. So a message can be made when its turn has come.
    pub(in crate::net) async fn room(&self, scope: Scope) -> Result<Room<'_>> {
        let permit = self.broadcasts.reserve().await.map_err(|_| Error::Closed("the topic"))?;
        Ok(Room { permit, scope })
    }

    /// Asks peers to be neighbors.
    pub(in crate::net) fn join(&self, peers: Vec<EndpointId>) {
        self.control(Control::Join(peers));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.control.is_closed()
    }

    /// Sends a control. A topic that is gone no longer needs it.
    pub(super) fn control(&self, control: Control) {
        let _ = self.control.send(control);
    }

    /// Offers a stream to the topic. Returns the stream if the topic is gone.
    pub(super) fn offer(&self, incoming: Incoming) -> Option<Incoming> {
        match self.control.send(Control::Stream(Box::new(incoming))) {
            Err(mpsc::error::SendError(Control::Stream(incoming))) => Some(*incoming),
            _ => None,
        }
    }
}

/// Room for a broadcast.
pub(in crate::net) struct Room<'a> {
    permit: mpsc::Permit<'a, Broadcast>,
    scope: Scope,
}

impl Room<'_> {
    pub(in crate::net) fn send(self, content: Bytes) {
        self.permit.send((content, self.scope));
    }
}

/// The events of a topic. This node is a member as long as the subscription is held.
#[derive(Debug)]
pub(crate) struct Subscription {
    id: u64,
    sender: Sender,
    events: mpsc::Receiver<Event>,
}

impl Subscription {
    /// A number for a subscription, and its channel with room for `capacity` events.
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
