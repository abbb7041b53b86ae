//! A peer that is a dtt node.

use anyhow::{Context, Result};
use dtt_core::{AddressLookups, Event, JoinOptions, Node, NodeConfig, Relays};
use dtt_lab_hosts::key;

use crate::{Joined, Peer, SECRET, indices, lines, topic};

pub(crate) async fn run(peer: Peer) -> Result<()> {
    let (indices, mut lines) = (indices(), lines());
    let topic = topic(&mut lines).await?;
    let mut joined = Joined::clock();
    let config = NodeConfig::builder().secret_key(key(peer.index));
    // All other options have their defaults.
    let config = match peer.services.as_str() {
        "public" => config,
        "none" => config.relays(Relays::Disabled).address_lookups(AddressLookups::None),
        relay => config.relays(Relays::Custom(vec![relay.to_owned()])).address_lookups(AddressLookups::None),
    };
    let node = Node::spawn(config.build()).await?;
    let topic = node.join(topic, SECRET, JoinOptions::default()).await?;
    let mut events = topic.subscribe();
    loop {
        tokio::select! {
            event = events.next() => match event.context("the topic is closed")? {
                Event::NeighborUp(id) => {
                    joined.now();
                    println!("up {}", indices[&id]);
                }
                Event::NeighborDown(id) => println!("down {}", indices[&id]),
                Event::Received(message) => {
                    joined.now();
                    println!("heard {}", String::from_utf8_lossy(&message.content));
                }
                _ => {}
            },
            line = lines.next_line() => match line? {
                Some(line) => topic.broadcast(line.strip_prefix("say ").context("what?")?.to_owned()).await?,
                None => break,
            },
        }
    }
    node.close().await;
    Ok(())
}
