//! What the tests share: topics on this machine, and listeners that tell and can be held up.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use dtt_core::{Event, JoinOptions, Node, Testnet, Topic, sync::Unpoisoned};
use tokio::runtime::EnterGuard;

use crate::{listening::Listener, runtime};

/// A test fails after it. It decides nothing else.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Where nodes and topics can be dropped: for the first line of a test.
pub(crate) fn inside() -> EnterGuard<'static> {
    runtime::handle().unwrap().enter()
}

/// A node that no DHT answers, and a topic of it.
pub(crate) fn alone() -> (Node, Topic) {
    let config = Testnet::node_config_for(&["127.0.0.1:1".to_owned()]).build();
    let join = async {
        let node = Node::spawn(config).await.unwrap();
        let topic = node.join("embedded", b"secret", JoinOptions::default()).await.unwrap();
        (node, topic)
    };
    runtime::wait(join).unwrap()
}

/// Two nodes whose topics are joined.
pub(crate) fn pair() -> [(Node, Topic); 2] {
    let pair = [alone(), alone()];
    let meet = async {
        let [(near, topic), (_, other)] = &pair;
        other.join_peers([near.addr()]).await.unwrap();
        other.joined().await.unwrap();
        topic.joined().await.unwrap();
    };
    runtime::wait(meet).unwrap();
    pair
}

pub(crate) fn send(topic: &Topic, text: &str) {
    runtime::wait(topic.broadcast(text.as_bytes().to_vec())).unwrap().unwrap();
}

/// The text of a message; none of other events.
pub(crate) fn text(event: &Event) -> Option<String> {
    match event {
        Event::Received(message) => Some(String::from_utf8_lossy(&message.content).into_owned()),
        _ => None,
    }
}

/// What a listener does.
#[derive(Debug, PartialEq)]
pub(crate) enum Did {
    Call(Event),
    End,
}

/// Tells what it does, and passes a gate in each call.
pub(crate) struct Tells(Sender<Did>, Gate);

/// Closed until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unpoisoned() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let is_open = self.0.0.lock().unpoisoned();
        drop(self.0.1.wait_while(is_open, |is_open| !*is_open).unpoisoned());
    }
}

impl Tells {
    pub(crate) fn new(gate: &Gate) -> (Self, Receiver<Did>) {
        let (tell, told) = channel();
        (Self(tell, gate.clone()), told)
    }
}

impl Listener for Tells {
    fn call(&mut self, event: Event) {
        let _ = self.0.send(Did::Call(event));
        self.1.pass();
    }

    fn end(self) {
        let _ = self.0.send(Did::End);
    }
}
