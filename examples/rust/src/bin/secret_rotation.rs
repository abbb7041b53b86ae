//! A secret rotation of the program's own: it decides how the records' keys change from minute to minute.
//!
//! The API is the one that programs of `distributed-topic-tracker` 0.3 use. The program joins, sends the lines of
//! standard input, prints the messages that it receives, and ends with its input. (With `DTT_BOOTSTRAP` set, it uses a
//! testnet.)

use std::process::ExitCode;

use anyhow::Result;
use dtt_core::{AutoDiscoveryGossip, RecordPublisher, RotationHandle, SecretRotation, TopicId};
use dtt_examples::{arguments, config, endpoint, finish, talk};
use ed25519_dalek::SigningKey;
use iroh::{SecretKey, protocol::Router};
use iroh_gossip::net::Gossip;
use sha2::{Digest, Sha512};

/// Mixes a constant of this application into every minute's key.
struct Seasoned;

impl SecretRotation for Seasoned {
    fn derive(&self, topic_hash: [u8; 32], unix_minute: u64, initial_secret_hash: [u8; 32]) -> [u8; 32] {
        let mut sha = Sha512::new();
        sha.update(b"seasoned with the name of the application");
        sha.update(topic_hash);
        sha.update(unix_minute.to_be_bytes());
        sha.update(initial_secret_hash);
        std::array::from_fn({
            let digest = sha.finalize();
            move |i| digest[i]
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    dtt_examples::init_logging();
    finish(run().await)
}

async fn run() -> Result<()> {
    let [] = arguments("secret_rotation")?;
    let secret_key = SecretKey::generate();
    let signing_key = SigningKey::from_bytes(&secret_key.to_bytes());
    let endpoint = endpoint(secret_key).await?;
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let router = Router::builder(endpoint.clone()).accept(iroh_gossip::ALPN, gossip.clone()).spawn();

    let record_publisher = RecordPublisher::builder(
        TopicId::new("rotation-example".to_string()),
        signing_key,
        b"a secret of the members".to_vec(),
    )
    .secret_rotation(RotationHandle::new(Seasoned))
    .config(config())
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
