//! A topic without merges: once it has joined, only the gossip layer keeps the swarm whole.
//!
//! The API is the one that programs of `distributed-topic-tracker` 0.3 use. The program joins, sends the lines of
//! standard input, prints the messages that it receives, and ends with its input. (With `DTT_BOOTSTRAP` set, it uses a
//! testnet.)

use std::process::ExitCode;

use anyhow::Result;
use dtt_core::{
    AutoDiscoveryGossip, BubbleMergeConfig, MergeConfig, MessageOverlapMergeConfig, RecordPublisher, TopicId,
};
use dtt_examples::{arguments, config, endpoint, finish, talk};
use ed25519_dalek::SigningKey;
use iroh::{SecretKey, protocol::Router};
use iroh_gossip::net::Gossip;

#[tokio::main]
async fn main() -> ExitCode {
    dtt_examples::init_logging();
    finish(run().await)
}

async fn run() -> Result<()> {
    let [] = arguments("without_mergers")?;
    let secret_key = SecretKey::generate();
    let signing_key = SigningKey::from_bytes(&secret_key.to_bytes());
    let endpoint = endpoint(secret_key).await?;
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let router = Router::builder(endpoint.clone()).accept(iroh_gossip::ALPN, gossip.clone()).spawn();

    let merge_config = MergeConfig::builder()
        .bubble_merge(BubbleMergeConfig::Disabled)
        .message_overlap_merge(MessageOverlapMergeConfig::Disabled)
        .build();
    let record_publisher = RecordPublisher::builder(
        TopicId::new("no-merge-example".to_string()),
        signing_key,
        b"a secret of the members".to_vec(),
    )
    .config(config().to_builder().merge_config(merge_config).build())
    .endpoint(endpoint.clone())
    .build();

    let topic = gossip.subscribe_and_join_with_auto_discovery(record_publisher).await?;
    println!("joined");
    let (sender, receiver) = topic.split().await?;
    drop(topic);
    talk(sender, receiver).await;
    router.shutdown().await?;
    Ok(())
}
