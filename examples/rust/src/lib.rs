//! Shared parts of the examples: running offline when `DTT_BOOTSTRAP` names a testnet, joining with a gossip layer of the
//! program's own, and a terminal to chat in.

mod terminal;

use std::net::Ipv4Addr;

use dtt_core::{
    AutoDiscoveryGossip, DhtConfig, NodeConfig, RecordPublisher, RecordPublisherBuilder, Testnet, Topic, TopicConfig,
    TopicId, options::Options,
};
use ed25519_dalek::SigningKey;
use iroh::{
    Endpoint, SecretKey,
    endpoint::{PortmapperConfig, presets},
    protocol::Router,
};
use iroh_gossip::{api::Event, net::Gossip};

pub use terminal::{Input, Usage, arguments, finish, init_logging};

/// The testnet that the examples use instead of the public DHT: the value of `DTT_BOOTSTRAP`, as `dtt-testnet` prints
/// it.
pub fn testnet() -> Option<Vec<String>> {
    let list = std::env::var("DTT_BOOTSTRAP").ok()?;
    Some(list.split(',').map(|node| node.trim().to_owned()).collect())
}

/// The options of the examples: the public network, or the testnet and nothing else, with those in `DTT_CONFIG` over them.
pub fn options() -> Options {
    let mut options = match testnet() {
        Some(bootstrap) => Testnet::options_for(&bootstrap).unwrap_or_else(|error| refuse(error)),
        None => Options::new(),
    };
    if let Err(error) = options.set_all(&std::env::var("DTT_CONFIG").unwrap_or_default()) {
        refuse(format_args!("DTT_CONFIG: {error}"));
    }
    options
}

/// Ends the program: the environment asks for something that is not possible.
fn refuse(problem: impl std::fmt::Display) -> ! {
    eprintln!("{problem}");
    std::process::exit(2);
}

/// The configuration of a node on the public network, or on the testnet and nothing else.
pub fn node_config() -> NodeConfig {
    options().to_node_config()
}

/// DHT options for the same network.
pub fn dht_config() -> DhtConfig {
    config().dht_config().clone()
}

/// Topic options for the same network.
pub fn config() -> TopicConfig {
    options().to_config()
}

/// An endpoint that the program brings: with iroh's public services, or on loopback only.
pub async fn endpoint(secret_key: SecretKey) -> anyhow::Result<Endpoint> {
    let builder = match testnet() {
        None => Endpoint::builder(presets::N0),
        Some(_) => Endpoint::builder(presets::Minimal)
            .portmapper_config(PortmapperConfig::Disabled)
            .clear_ip_transports()
            .bind_addr((Ipv4Addr::LOCALHOST, 0))?,
    };
    // With QUIC's default, two nodes could share no more than 100 topics.
    Ok(builder.transport_config(dtt_core::transport_config()).secret_key(secret_key).bind().await?)
}

/// Does what `own_gossip` does step by step, for programs that differ only in the topic's name and in what they set on the
/// record publisher.
pub async fn join_and_talk(
    name: &str,
    set: impl FnOnce(RecordPublisherBuilder) -> RecordPublisherBuilder,
) -> anyhow::Result<()> {
    let secret_key = SecretKey::generate();
    let signing_key = SigningKey::from_bytes(&secret_key.to_bytes());
    let endpoint = endpoint(secret_key).await?;
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let router = Router::builder(endpoint.clone()).accept(iroh_gossip::ALPN, gossip.clone()).spawn();

    let record_publisher = RecordPublisher::builder(TopicId::new(name), signing_key, b"a secret of the members")
        .config(config())
        .endpoint(endpoint);
    talk(gossip.subscribe_and_join_with_auto_discovery(set(record_publisher).build()).await?).await?;
    router.shutdown().await?;
    Ok(())
}

/// Sends the lines of standard input and prints the messages that it receives, until the input or the topic ends.
pub async fn talk(topic: Topic) -> anyhow::Result<()> {
    println!("joined");
    let (sender, mut receiver) = topic.split().await?;
    drop(topic);
    let mut input = Input::read();
    loop {
        tokio::select! {
            event = receiver.next() => match event {
                Ok(Event::Received(message)) => println!("heard {}", String::from_utf8_lossy(&message.content)),
                Ok(Event::NeighborUp(peer)) => println!("met {}", peer.fmt_short()),
                Ok(_) => {}
                Err(_) => return Ok(()),
            },
            line = input.line() => {
                let Some(line) = line else { return Ok(()) };
                if let Err(error) = sender.broadcast(line.into_bytes()).await {
                    eprintln!("not sent: {error}");
                }
            }
        }
    }
}
