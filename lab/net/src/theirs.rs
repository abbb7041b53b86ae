//! A peer of the published implementation.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use distributed_topic_tracker::{AutoDiscoveryGossip, Config, RecordPublisher, TopicId};
use dtt_lab_hosts::{key, their_endpoint};
use ed25519_dalek::SigningKey;
use iroh::{EndpointAddr, RelayMode, RelayUrl, TransportAddr, protocol::Router};
use iroh_gossip::{api::Event, net::Gossip};

use crate::{Joined, PEERS, Peer, SECRET, indices, lines, topic};

/// The port on which it listens. It is fixed, so that the other peers know it.
const PORT: u16 = 4433;

pub(crate) async fn run(peer: Peer) -> Result<()> {
    let (indices, mut lines) = (indices(), lines());
    let topic = topic(&mut lines).await?;
    let mut joined = Joined::clock();
    let relay: Option<RelayUrl> = match peer.services.as_str() {
        "none" | "public" => None,
        url => Some(url.parse()?),
    };
    let address = |index| match &relay {
        Some(url) => TransportAddr::Relay(url.clone()),
        None => TransportAddr::Ip(SocketAddr::from((Ipv4Addr::new(10, 77, 2, index), PORT))),
    };
    let known = (1..=PEERS).map(|index| EndpointAddr::from_parts(key(index).public(), [address(index)]));
    let mode = relay.clone().map_or(RelayMode::Disabled, |url| RelayMode::custom([url]));
    let endpoint = their_endpoint(key(peer.index), (Ipv4Addr::UNSPECIFIED, PORT).into(), mode, known).await?;
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let _router = Router::builder(endpoint).accept(iroh_gossip::ALPN, gossip.clone()).spawn();
    let signing_key = SigningKey::from_bytes(&key(peer.index).to_bytes());
    let publisher = RecordPublisher::new(TopicId::new(topic), signing_key, None, SECRET.to_vec(), Config::default());
    let (sender, mut receiver) =
        gossip.subscribe_and_join_with_auto_discovery_no_wait(publisher).await?.split().await?;
    loop {
        tokio::select! {
            event = receiver.next() => match event.ok().context("the topic is closed")? {
                Event::NeighborUp(id) => {
                    joined.now();
                    println!("up {}", indices[&id]);
                }
                Event::NeighborDown(id) => println!("down {}", indices[&id]),
                Event::Received(message) => {
                    joined.now();
                    println!("heard {}", String::from_utf8_lossy(&message.content));
                }
                Event::Lagged => {}
            },
            line = lines.next_line() => match line? {
                Some(line) => sender.broadcast(line.strip_prefix("say ").context("what?")?.into()).await?,
                None => return Ok(()),
            },
        }
    }
}
