//! How long joining takes: from the word "go", when nothing is open yet, to the first neighbor.

use std::{
    io::BufRead,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use distributed_topic_tracker as theirs;
use dtt_core::{AddressLookups, Node, NodeConfig, Relays};
use dtt_lab_hosts::{Process, key, their_endpoint};
use ed25519_dalek::SigningKey;
use iroh::{EndpointAddr, RelayMode, TransportAddr, protocol::Router};
use iroh_gossip::net::Gossip;
use theirs::AutoDiscoveryGossip;

use crate::{children, version::Version};

const SECRET: &[u8] = b"the bench's secret";
/// How long the first node runs before the second one comes.
const STANDS: Duration = Duration::from_secs(8);

/// A second node joins one that has run for eight seconds.
pub(crate) fn second(kind: &str, run: u32) -> Result<Duration> {
    let mut nodes = start(kind, 2, &format!("second {kind} {run}"))?;
    nodes[0].say("go")?;
    std::thread::sleep(STANDS);
    let start = Instant::now();
    nodes[1].say("go")?;
    nodes[1].next_line()?;
    Ok(start.elapsed())
}

/// Starts `count` nodes at once. Returns the time until the last one has joined.
pub(crate) fn at_once(kind: &str, count: usize, run: u32) -> Result<Duration> {
    let mut nodes = start(kind, count, &format!("at once {count} {kind} {run}"))?;
    let start = Instant::now();
    for node in &mut nodes {
        node.say("go")?;
    }
    for node in &mut nodes {
        node.next_line()?;
    }
    Ok(start.elapsed())
}

/// Processes that run and wait for the word "go".
fn start(kind: &str, count: usize, topic: &str) -> Result<Vec<Process>> {
    let mut nodes = Vec::new();
    for index in 0..count {
        let mut node = children::start(&["join", kind, &index.to_string()])?;
        node.say(topic)?;
        nodes.push(node);
    }
    for node in &mut nodes {
        node.next_line()?;
    }
    Ok(nodes)
}

/// The child process: it reads the topic, says that it is ready, waits for "go", joins, says so, and stays.
pub(crate) async fn child(kind: &str, index: u8) -> Result<()> {
    let mut input = std::io::stdin().lock().lines();
    let topic = input.next().unwrap_or_else(|| Ok(String::new()))?;
    println!("ready");
    if input.next().transpose()?.as_deref() != Some("go") {
        return Ok(());
    }
    if let Some(version) = Version::of(kind) {
        let node = Node::spawn(our_config()).await?;
        let topic = version.join(&node, &topic, SECRET).await?;
        topic.joined().await?;
        println!("joined");
        return std::future::pending().await;
    }
    match kind {
        "theirs" => {
            let (_router, gossip, key) = their_node(index).await?;
            let publisher = theirs::RecordPublisher::new(
                theirs::TopicId::new(topic),
                key,
                None,
                SECRET.to_vec(),
                theirs::Config::default(),
            );
            let _topic = gossip.subscribe_and_join_with_auto_discovery(publisher).await?;
            println!("joined");
            std::future::pending().await
        }
        other => bail!("{other:?} is no kind"),
    }
}

/// A node on loopback that uses nothing but the DHT.
pub(crate) fn our_config() -> NodeConfig {
    NodeConfig::builder()
        .relays(Relays::Disabled)
        .address_lookups(AddressLookups::None)
        .port_mapping(false)
        .bind_addresses(vec![(Ipv4Addr::LOCALHOST, 0).into()])
        .build()
}

/// A node of the peer implementation. Its records carry no addresses, so it is told where all the others listen.
pub(crate) async fn their_node(index: u8) -> Result<(Router, Gossip, SigningKey)> {
    let secret = key(index + 1);
    let known =
        (0..64).map(|peer| EndpointAddr::from_parts(key(peer + 1).public(), [TransportAddr::Ip(address(peer))]));
    let endpoint = their_endpoint(secret.clone(), address(index), RelayMode::Disabled, known).await?;
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let router = Router::builder(endpoint).accept(iroh_gossip::ALPN, gossip.clone()).spawn();
    Ok((router, gossip, SigningKey::from_bytes(&secret.to_bytes())))
}

fn address(index: u8) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 20_000 + u16::from(index)).into()
}
