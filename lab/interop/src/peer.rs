// This file is compiled twice: against the published crate and against dtt-core. Both are called `tracker` here.

use std::collections::HashSet;

use anyhow::{Context, Result};
use dtt_lab_hosts::their_endpoint;
use ed25519_dalek::SigningKey;
use iroh::{RelayMode, protocol::Router};
use iroh_gossip::{api::Event, net::Gossip};
use tokio::io::{AsyncBufReadExt, BufReader};
use tracker::{AutoDiscoveryGossip, Config, RecordPublisher, RotationHandle, SecretRotation, TopicId};

use super::{Peer, own_rotation, tell};

pub(crate) struct OwnRotation;

impl SecretRotation for OwnRotation {
    fn derive(&self, topic_hash: [u8; 32], unix_minute: u64, initial_secret_hash: [u8; 32]) -> [u8; 32] {
        own_rotation(topic_hash, unix_minute, initial_secret_hash)
    }
}

pub(crate) async fn run(peer: Peer) -> Result<()> {
    let endpoint = their_endpoint(peer.key.clone(), peer.address, RelayMode::Disabled, peer.known).await?;
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let _router = Router::builder(endpoint.clone()).accept(iroh_gossip::ALPN, gossip.clone()).spawn();
    let rotation = peer.own_rotation.then(|| RotationHandle::new(OwnRotation));
    let publisher = RecordPublisher::new(
        TopicId::new(peer.topic),
        SigningKey::from_bytes(&peer.key.to_bytes()),
        rotation,
        peer.secret.into_bytes(),
        Config::default(),
    );
    let topic = gossip.subscribe_and_join_with_auto_discovery_no_wait(publisher).await?;
    let (sender, mut receiver) = topic.split().await?;
    let mut heard = HashSet::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            event = receiver.next() => match event.ok().context("the topic is closed")? {
                Event::NeighborUp(_) => println!("joined"),
                Event::Received(message) => tell(&message.content, &mut heard),
                _ => {}
            },
            line = lines.next_line() => match line? {
                Some(line) => sender.broadcast(line.into_bytes()).await?,
                None => return Ok(()),
            },
        }
    }
}
