//! What the live tests share. Every wait has a bound, and no bound is a measurement.
#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

use dtt_core::{Event, Events, JoinOptions, Node, Testnet, Topic};

pub const SECRET: &[u8] = b"the members' secret";

pub async fn node(testnet: &Testnet) -> Node {
    Node::spawn(testnet.node_config()).await.expect("a node starts on loopback")
}

pub async fn join(node: &Node, name: &str) -> Topic {
    node.join(name, SECRET, JoinOptions::default()).await.expect("joining does not wait for anyone")
}

/// Waits for something that must come, with a bound that only a defect reaches.
pub async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(seconds);
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("it did not happen within {seconds} s"))
}

/// Reads events until one fits.
pub async fn wait_for<T>(events: &mut Events, mut fits: impl FnMut(Event) -> Option<T>) -> T {
    within(60, async {
        loop {
            let event = events.next().await.expect("the topic is open");
            if let Some(found) = fits(event) {
                return found;
            }
        }
    })
    .await
}

/// Reads events until this message comes.
pub async fn hear(events: &mut Events, content: &[u8]) {
    wait_for(events, |event| matches!(event, Event::Received(message) if message.content == content).then_some(()))
        .await
}

/// Asks again and again until the answer is yes; for what gives no event.
pub async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 60 s: {what}");
}
