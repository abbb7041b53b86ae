//! The programs of the interop lab: a DHT, and a peer of either implementation.
//!
//! usage: dtt-lab-interop dht ADDRESS NODES
//!        dtt-lab-interop peer KIND INDEX ADDRESS TOPIC SECRET ROTATION KNOWN
//!
//! KIND is `theirs` (the published crate), `compat` (the same source against dtt-core) or `node` (dtt-core's own API).
//! A peer's key follows from its INDEX. KNOWN lists the peers that publish no addresses of their own, as
//! `index@address,...`: the address lookups that they use do not work without the internet. ROTATION is `default` or
//! `own`.

use std::{collections::HashSet, net::SocketAddr};

use anyhow::{Context, Result, bail};
use dtt_core::{Event, JoinOptions, Node, NodeConfig, Relays, RotationHandle};
use dtt_lab_hosts::key;
use iroh::{EndpointAddr, SecretKey, TransportAddr, address_lookup::memory::MemoryLookup};
use sha2::{Digest, Sha512};
use tokio::io::{AsyncBufReadExt, BufReader};

/// The published implementation.
mod theirs {
    use distributed_topic_tracker as tracker;
    include!("peer.rs");
}

/// The same source, with only the crate's name changed.
mod compat {
    use dtt_core as tracker;
    include!("peer.rs");
}

/// The options of a peer.
struct Peer {
    key: SecretKey,
    address: SocketAddr,
    topic: String,
    secret: String,
    own_rotation: bool,
    known: Vec<EndpointAddr>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["dht", address, nodes] => {
            let nodes = nodes.parse()?;
            dtt_lab_hosts::run_dht(address.parse()?, nodes, None, nodes * 3 / 4).await
        }
        ["peer", kind, index, address, topic, secret, rotation, known] => {
            let known = known.split(',').filter(|entry| !entry.is_empty()).map(known_peer).collect::<Result<_>>()?;
            let peer = Peer {
                key: key(index.parse()?),
                address: address.parse()?,
                topic: topic.into(),
                secret: secret.into(),
                own_rotation: rotation == "own",
                known,
            };
            match kind {
                "theirs" => theirs::run(peer).await,
                "compat" => compat::run(peer).await,
                "node" => run_node(peer).await,
                other => bail!("{other:?} is no kind of peer"),
            }
        }
        _ => bail!("usage: dtt-lab-interop dht ADDRESS NODES | peer KIND INDEX ADDRESS TOPIC SECRET ROTATION KNOWN"),
    }
}

/// A peer with dtt-core's own API, on the default DHT configuration.
async fn run_node(peer: Peer) -> Result<()> {
    let config = NodeConfig::builder()
        .secret_key(peer.key)
        .relays(Relays::Disabled)
        .address_lookups(dtt_core::AddressLookups::None)
        .port_mapping(false)
        .bind_addresses(vec![peer.address])
        .build();
    let node = Node::spawn(config).await?;
    node.endpoint().address_lookup()?.add(MemoryLookup::from_endpoint_info(peer.known));
    let mut options = JoinOptions::default();
    if peer.own_rotation {
        options = options.rotation(RotationHandle::new(compat::OwnRotation));
    }
    let topic = node.join(peer.topic, peer.secret, options).await?;
    let mut events = topic.subscribe();
    let mut heard = HashSet::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            event = events.next() => match event.context("the topic is closed")? {
                Event::NeighborUp(_) => println!("joined"),
                Event::Received(message) => tell(&message.content, &mut heard),
                _ => {}
            },
            line = lines.next_line() => match line? {
                Some(line) => topic.broadcast(line).await?,
                None => break,
            },
        }
    }
    node.close().await;
    Ok(())
}

fn tell(content: &[u8], heard: &mut HashSet<Vec<u8>>) {
    if heard.insert(content.to_vec()) {
        println!("heard {}", String::from_utf8_lossy(content));
    }
}

fn known_peer(entry: &str) -> Result<EndpointAddr> {
    let (index, address) = entry.split_once('@').context("a known peer is index@address")?;
    Ok(EndpointAddr::from_parts(key(index.parse()?).public(), [TransportAddr::Ip(address.parse()?)]))
}

/// A rotation that differs from the default in one constant.
fn own_rotation(topic_hash: [u8; 32], unix_minute: u64, secret_hash: [u8; 32]) -> [u8; 32] {
    let mut sha = Sha512::new();
    sha.update(b"the lab's own");
    sha.update(topic_hash);
    sha.update(unix_minute.to_le_bytes());
    sha.update(secret_hash);
    let digest = sha.finalize();
    std::array::from_fn(|i| digest[i])
}
