//! Shared parts of the examples: running offline when `DTT_BOOTSTRAP` names a testnet, and a terminal to chat in.

mod terminal;

use std::net::Ipv4Addr;

use dtt_core::{Config, DhtConfig, GossipReceiver, GossipSender, NodeConfig, Testnet, options::Options};
use iroh::{
    Endpoint, SecretKey,
    endpoint::{PortmapperConfig, presets},
};
use iroh_gossip::api::Event;

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
pub fn config() -> Config {
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

/// Sends the lines of standard input and prints the messages that it receives, until the input or the topic ends.
pub async fn talk(sender: GossipSender, mut receiver: GossipReceiver) {
    let mut input = Input::read();
    loop {
        tokio::select! {
            event = receiver.next() => match event {
                Ok(Event::Received(message)) => println!("heard {}", String::from_utf8_lossy(&message.content)),
                Ok(Event::NeighborUp(peer)) => println!("met {}", peer.fmt_short()),
                Ok(_) => {}
                Err(_) => return,
            },
            line = input.line() => {
                let Some(line) = line else { return };
                if let Err(error) = sender.broadcast(line.into_bytes()).await {
                    eprintln!("not sent: {error}");
                }
            }
        }
    }
}
