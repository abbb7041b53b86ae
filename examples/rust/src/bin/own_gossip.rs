//! Discovery for a gossip layer that the program brings: the quick start.
//!
//! The API is the one that programs of `distributed-topic-tracker` 0.3 use. The program joins, sends the lines of
//! standard input, prints the messages that it receives, and ends with its input. (With `DTT_BOOTSTRAP` set, it uses a
//! testnet.)

use std::process::ExitCode;

use anyhow::Result;
use dtt_core::{AutoDiscoveryGossip, RecordPublisher, TopicId};
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
    let [] = arguments("own_gossip")?;
    let secret_key = SecretKey::generate();
    let signing_key = SigningKey::from_bytes(&secret_key.to_bytes());
    let endpoint = endpoint(secret_key).await?;
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let router = Router::builder(endpoint.clone()).accept(iroh_gossip::ALPN, gossip.clone()).spawn();

    let topic_id = TopicId::new("own-gossip-example".to_string());
    let secret = b"a secret of the members".to_vec();
    // With the endpoint, the records carry addresses, so no other address lookup is needed.
    let record_publisher =
        RecordPublisher::builder(topic_id, signing_key, secret).config(config()).endpoint(endpoint.clone()).build();

    let topic = gossip.subscribe_and_join_with_auto_discovery(record_publisher).await?;
    talk(topic).await?;
    router.shutdown().await?;
    Ok(())
}
