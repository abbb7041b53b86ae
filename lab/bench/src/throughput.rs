//! Messages of 256 bytes from one node to another: through raw iroh-gossip, and through a topic of this library.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use dtt_core::{Event, Events, Node, NodeConfig, Testnet, Topic};
use futures_util::StreamExt;
use iroh::EndpointId;
use iroh_gossip::api::{self, GossipReceiver, GossipSender};
use tokio::sync::Semaphore;

use crate::{joins::their_node, version::Version};

pub(crate) const BYTES: usize = 256;
const MESSAGES: u64 = 150_000;
/// The most messages under way.
const WINDOW: usize = 128;
const PINGS: u64 = 2000;

/// Messages per second, and the median time of one message in microseconds.
pub(crate) struct Speed {
    pub(crate) per_second: f64,
    pub(crate) latency_us: f64,
}

/// Two nodes that are neighbors on one topic.
struct Pair {
    _nodes: [Node; 2],
    _testnet: Testnet,
    topics: [Topic; 2],
}

impl Pair {
    async fn new(name: &str, version: Version) -> Result<Self> {
        let testnet = Testnet::new()?;
        let config = || -> NodeConfig { testnet.node_config() };
        let nodes = [Node::spawn(config()).await?, Node::spawn(config()).await?];
        let one = version.join(&nodes[0], name, b"secret").await?;
        let two = version.join(&nodes[1], name, b"secret").await?;
        tokio::try_join!(one.joined(), two.joined())?;
        Ok(Self { _nodes: nodes, _testnet: testnet, topics: [one, two] })
    }
}

pub(crate) async fn topic(version: Version, run: u32) -> Result<Speed> {
    let pair = Pair::new(&format!("topic {run}"), version).await?;
    let mut events = pair.topics[1].subscribe();
    measure(Way::Topic(pair.topics[0].clone()), &mut Ear::Topic(&mut events)).await
}

/// Raw iroh-gossip, as its users run it.
pub(crate) async fn raw(run: u32) -> Result<Speed> {
    let id = iroh_gossip::proto::TopicId::from_bytes([run as u8; 32]);
    let (_router, first, key) = their_node(0).await?;
    let (_other, second, _) = their_node(1).await?;
    let mut one = first.subscribe(id, vec![]).await?;
    let two = second.subscribe_and_join(id, vec![EndpointId::from_verifying_key(key.verifying_key())]).await?;
    one.joined().await?;
    let (sender, _own) = one.split();
    let (_sender, mut receiver) = two.split();
    measure(Way::Raw(sender), &mut Ear::Raw(&mut receiver)).await
}

#[derive(Clone)]
enum Way {
    Topic(Topic),
    Raw(GossipSender),
}

impl Way {
    async fn send(&self, content: Vec<u8>) -> Result<()> {
        match self {
            Self::Topic(topic) => Ok(topic.broadcast(content).await?),
            Self::Raw(sender) => Ok(sender.broadcast(content.into()).await?),
        }
    }
}

enum Ear<'a> {
    Topic(&'a mut Events),
    Raw(&'a mut GossipReceiver),
}

impl Ear<'_> {
    /// Waits for the next message.
    async fn hear(&mut self) -> Result<()> {
        loop {
            let received = match self {
                Self::Topic(events) => matches!(events.next().await.context("closed")?, Event::Received(_)),
                Self::Raw(receiver) => matches!(receiver.next().await.context("closed")??, api::Event::Received(_)),
            };
            if received {
                return Ok(());
            }
        }
    }
}

async fn measure(way: Way, ear: &mut Ear<'_>) -> Result<Speed> {
    let window = Arc::new(Semaphore::new(WINDOW));
    let sender = tokio::spawn({
        let (way, window) = (way.clone(), window.clone());
        async move {
            for n in 0..MESSAGES {
                window.acquire().await?.forget();
                way.send(message(n)).await?;
            }
            anyhow::Ok(())
        }
    });
    let start = Instant::now();
    for _ in 0..MESSAGES {
        tokio::time::timeout(Duration::from_secs(10), ear.hear()).await.context("a message is missing")??;
        window.add_permits(1);
    }
    let per_second = MESSAGES as f64 / start.elapsed().as_secs_f64();
    sender.await??;
    let mut times = Vec::new();
    for n in 0..PINGS {
        let sent = Instant::now();
        way.send(message(MESSAGES + n)).await?;
        ear.hear().await?;
        times.push(sent.elapsed());
    }
    times.sort();
    Ok(Speed { per_second, latency_us: times[times.len() / 2].as_secs_f64() * 1e6 })
}

/// Each message differs from the others, since gossip drops duplicates.
fn message(n: u64) -> Vec<u8> {
    let mut content = vec![0x5A; BYTES];
    content[..8].copy_from_slice(&n.to_le_bytes());
    content
}
