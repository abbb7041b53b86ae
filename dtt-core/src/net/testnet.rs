use std::{net::Ipv4Addr, time::Duration};

use super::{AddressLookups, NodeConfig, NodeConfigBuilder, Relays};
use crate::{
    config::{Config, DhtConfig},
    error::{Error, Result},
};

/// Who has not answered on loopback by then never will: clients that have left stay in routing tables for a while.
const LOOPBACK_PATIENCE: Duration = Duration::from_millis(250);

/// An embedded DHT on loopback: applications are tested, and demos run, without any network.
///
/// Its nodes run until it is dropped. Each takes a thread and a UDP port of 127.0.0.1.
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), dtt_core::Error> {
/// use dtt_core::{JoinOptions, Node, Testnet};
///
/// let testnet = Testnet::new()?;
/// let (a, b) = (Node::spawn(testnet.node_config()).await?, Node::spawn(testnet.node_config()).await?);
/// let one = a.join("topic", "secret", JoinOptions::default()).await?;
/// let two = b.join("topic", "secret", JoinOptions::default()).await?;
/// tokio::try_join!(one.joined(), two.joined())?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Testnet {
    inner: mainline::Testnet,
}

impl Testnet {
    /// How many nodes [`Testnet::new`] starts.
    pub const DEFAULT_NODES: usize = 16;
    /// The most nodes that one testnet may have.
    pub const MAX_NODES: usize = 256;

    /// Starts 16 nodes. Blocks for about a second.
    pub fn new() -> Result<Self> {
        Self::with_nodes(Self::DEFAULT_NODES)
    }

    /// Starts so many nodes: 2 to 256.
    pub fn with_nodes(nodes: usize) -> Result<Self> {
        Self::check(nodes)?;
        Ok(Self { inner: Self::start(nodes)? })
    }

    /// Starts so many nodes, of which the first of the bootstrap list has this UDP port, so that its address is known
    /// beforehand: 1 to 65535. Fails if the port is taken.
    pub fn with_port(nodes: usize, port: u16) -> Result<Self> {
        Self::check(nodes)?;
        if port == 0 {
            return Err(Error::argument("port", "0 is given, 1 to 65535 are possible"));
        }
        let taken =
            |error: std::io::Error| Error::Bind { what: "the testnet's port", reason: format!("{port}: {error}") };
        // mainline 8.0.1 panics, mostly, when a port is taken.
        std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).map_err(taken)?;
        let mut inner = Self::start(nodes - 1)?;
        let first = mainline::Dht::builder()
            .server_mode()
            .bootstrap(&inner.bootstrap)
            .bind_address(Ipv4Addr::LOCALHOST)
            .port(port)
            .build()
            .map_err(taken)?;
        // The others know it once it has asked them.
        #[expect(deprecated, reason = "this call blocks, and there may be no runtime")]
        first.bootstrapped();
        inner.bootstrap.insert(0, format!("{}:{port}", Ipv4Addr::LOCALHOST));
        inner.nodes.insert(0, first);
        Ok(Self { inner })
    }

    fn check(nodes: usize) -> Result<()> {
        if (2..=Self::MAX_NODES).contains(&nodes) {
            return Ok(());
        }
        Err(Error::argument("nodes", format!("{nodes} is given, 2 to {} are possible", Self::MAX_NODES)))
    }

    fn start(nodes: usize) -> Result<mainline::Testnet> {
        mainline::Testnet::builder(nodes)
            .bind_address(Ipv4Addr::LOCALHOST)
            .build()
            .map_err(|error| Error::Bind { what: "the testnet's sockets", reason: error.to_string() })
    }

    /// The nodes to enter it by, as `127.0.0.1:port`.
    pub fn bootstrap(&self) -> &[String] {
        &self.inner.bootstrap
    }

    /// DHT options that use it, and nothing but it.
    pub fn dht_config(&self) -> DhtConfig {
        Self::dht_config_for(self.bootstrap())
    }

    /// The configuration of a node that uses it and never reaches beyond this machine: loopback only, no relay, no
    /// address lookup, no port mapping.
    pub fn node_config(&self) -> NodeConfig {
        Self::node_config_for(self.bootstrap()).build()
    }

    /// DHT options for a testnet that another process runs, by its bootstrap list.
    pub fn dht_config_for(bootstrap: &[String]) -> DhtConfig {
        DhtConfig::builder()
            .bootstrap(Some(bootstrap.to_vec()))
            .bind_address(Some(Ipv4Addr::LOCALHOST))
            .request_timeout(LOOPBACK_PATIENCE)
            .build()
    }

    /// [`Testnet::node_config`] for a testnet that another process runs, to be completed.
    pub fn node_config_for(bootstrap: &[String]) -> NodeConfigBuilder {
        NodeConfig::builder()
            .relays(Relays::Disabled)
            .address_lookups(AddressLookups::None)
            .port_mapping(false)
            .bind_addresses([(Ipv4Addr::LOCALHOST, 0).into()])
            .topics(Config::builder().dht_config(Self::dht_config_for(bootstrap)).build())
    }
}
