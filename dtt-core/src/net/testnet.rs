use std::{
    io::{Error as IoError, ErrorKind},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use futures_util::future::join_all;
use mainline::{Dht, Id, async_dht::AsyncDht};

use super::{AddressLookups, NodeConfig, NodeConfigBuilder, Relays};
use crate::{
    config::{DhtConfig, TopicConfig},
    error::{Error, Result},
    options::Options,
};

/// How long a client waits for an answer. On loopback, a node that has not answered by then never will: clients that
/// have left stay in routing tables for a while.
const LOOPBACK_PATIENCE: Duration = Duration::from_millis(250);
/// Nodes by which others enter the network. A node that knows fewer nodes than these asks all of them in each query.
const ENTRIES: usize = 20;
/// How often starting is tried. Another process may take a port between its choice and its use.
const STARTS: usize = 5;

/// An embedded DHT on loopback, for tests and demos without any network.
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
    bootstrap: Vec<String>,
    _nodes: Vec<AsyncDht>,
}

impl Testnet {
    /// How many nodes [`Testnet::new`] starts.
    pub const DEFAULT_NODES: usize = 16;
    /// The most nodes that one testnet may have.
    pub const MAX_NODES: usize = 256;

    /// Starts 16 nodes. Blocks for a moment.
    pub fn new() -> Result<Self> {
        Self::with_nodes(Self::DEFAULT_NODES)
    }

    /// Starts `nodes` nodes: 2 to 256.
    pub fn with_nodes(nodes: usize) -> Result<Self> {
        let failed = |error: IoError| Error::Bind { what: "the testnet's sockets", reason: error.to_string() };
        Self::start(nodes, 0, failed)
    }

    /// Starts `nodes` nodes. The first node of the bootstrap list has the UDP port `port` (1 to 65535), so that its
    /// address is known beforehand. Fails if the port is taken.
    pub fn with_port(nodes: usize, port: u16) -> Result<Self> {
        if port == 0 {
            return Err(Error::argument("port", "0 is given, 1 to 65535 are possible"));
        }
        let failed = |error: IoError| Error::Bind { what: "the testnet's port", reason: format!("{port}: {error}") };
        Self::start(nodes, port, failed)
    }

    fn start(nodes: usize, port: u16, failed: impl Fn(IoError) -> Error) -> Result<Self> {
        if !(2..=Self::MAX_NODES).contains(&nodes) {
            return Err(Error::argument("nodes", format!("{nodes} is given, 2 to {} are possible", Self::MAX_NODES)));
        }
        let mut started = start(nodes, port);
        for _ in 1..STARTS {
            if started.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
                started = start(nodes, port);
            }
        }
        let (bootstrap, nodes) = started.map_err(&failed)?;
        introduce(&nodes).map_err(&failed)?;
        Ok(Self { bootstrap, _nodes: nodes })
    }

    /// The nodes by which others enter the testnet (20 at most), as `127.0.0.1:port`.
    pub fn bootstrap(&self) -> &[String] {
        &self.bootstrap
    }

    /// DHT options that use this testnet and nothing else.
    pub fn dht_config(&self) -> DhtConfig {
        Self::dht_config_for(self.bootstrap())
    }

    /// The configuration of a node that uses this testnet and never reaches beyond this machine: loopback only, no
    /// relay, no address lookup, no port mapping.
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

    /// [`Testnet::node_config`] as options that can be laid over others, for a testnet that another process runs. Fails if an
    /// entry of the list is not `host:port`.
    pub fn options_for(bootstrap: &[String]) -> Result<Options> {
        Options::of_node(&Self::node_config_for(bootstrap).build())
    }

    /// A builder of [`Testnet::node_config`] for a testnet that another process runs. Further options can be set.
    pub fn node_config_for(bootstrap: &[String]) -> NodeConfigBuilder {
        NodeConfig::builder()
            .relays(Relays::Disabled)
            .address_lookups(AddressLookups::None)
            .port_mapping(false)
            .bind_addresses(vec![(Ipv4Addr::LOCALHOST, 0).into()])
            .topics(TopicConfig::builder().dht_config(Self::dht_config_for(bootstrap)).build())
    }
}

/// Starts the nodes. If `port` is not 0, the first node has it. Returns the addresses of the nodes to enter by, and all
/// nodes.
///
/// A mainline node without bootstrap nodes takes every node that enters by it for a node of the DHT, clients too, and
/// names them to all that ask. Then each query waits for clients, which never answer. So each node enters by others,
/// whose ports are chosen beforehand.
fn start(nodes: usize, port: u16) -> std::io::Result<(Vec<String>, Vec<AsyncDht>)> {
    let ports = std::iter::once(port).chain(std::iter::repeat(0));
    let bound = ports.take(nodes).map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)));
    let chosen = bound.collect::<std::io::Result<Vec<_>>>()?;
    let addresses = chosen.iter().map(UdpSocket::local_addr).collect::<std::io::Result<Vec<SocketAddr>>>()?;
    drop(chosen);
    let started = addresses.iter().map(|address| {
        let others: Vec<_> = addresses.iter().filter(|other| *other != address).take(ENTRIES).collect();
        let mut builder = Dht::builder();
        builder.server_mode().bind_address(Ipv4Addr::LOCALHOST).port(address.port());
        builder.bootstrap(&others.into_iter().copied().collect::<Vec<_>>()).request_timeout(LOOPBACK_PATIENCE);
        Ok(builder.build()?.as_async())
    });
    let started = started.collect::<std::io::Result<Vec<_>>>()?;
    Ok((addresses.iter().take(ENTRIES).map(SocketAddr::to_string).collect(), started))
}

/// Makes every node look for others once all have started: the nodes that started early have met few.
fn introduce(nodes: &[AsyncDht]) -> std::io::Result<()> {
    let look = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(join_all(nodes.iter().map(|node| node.find_node(Id::random()))));
        Ok(())
    };
    // The caller's thread may have a runtime already.
    let looked = std::thread::scope(|scope| scope.spawn(look).join());
    looked.map_err(|_| IoError::other("a node of the testnet panicked"))?
}
