use std::{net::SocketAddr, time::Duration};

use iroh::{RelayConfig, RelayMap, SecretKey};

use crate::{
    config::Config,
    error::{Error, Result},
    wire::RotationHandle,
};

/// The smallest message size of the gossip layer, in bytes.
const MIN_MESSAGE_SIZE: usize = 512;
/// The largest one. Gossip is for small messages, and each message waits in several queues.
const MAX_MESSAGE_SIZE: usize = 1 << 20;

/// Which relay servers a node uses. Peers reach the node through them where there is no direct path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Relays {
    /// iroh's public relay servers.
    #[default]
    Default,
    /// No relay: only direct paths.
    Disabled,
    /// The given relay servers, by URL; at least one.
    Custom(Vec<String>),
}

/// How a node finds addresses of peers beside those in the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AddressLookups {
    /// iroh's public services (DNS and pkarr). Nodes of other implementations are found through them.
    #[default]
    Default,
    /// None: peers are dialed at the addresses in their records only.
    None,
}

/// How a [`crate::Node`] is built.
///
/// ```
/// use dtt_core::{AddressLookups, NodeConfig, Relays};
///
/// let config = NodeConfig::builder().relays(Relays::Disabled).address_lookups(AddressLookups::None).build();
/// assert!(config.validate().is_ok());
/// assert!(NodeConfig::builder().relays(Relays::Custom(vec![])).build().validate().is_err());
/// ```
#[derive(Debug, Clone)]
pub struct NodeConfig {
    pub(super) secret_key: Option<SecretKey>,
    pub(super) relays: Relays,
    pub(super) address_lookups: AddressLookups,
    pub(super) bind_addresses: Vec<SocketAddr>,
    pub(super) port_mapping: bool,
    pub(super) max_message_size: usize,
    pub(super) shutdown_timeout: Duration,
    pub(super) topics: Config,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            secret_key: None,
            relays: Relays::Default,
            address_lookups: AddressLookups::Default,
            bind_addresses: Vec::new(),
            port_mapping: true,
            max_message_size: 4096,
            shutdown_timeout: Duration::from_secs(2),
            topics: Config::default(),
        }
    }
}

impl NodeConfig {
    /// Starts from the defaults.
    pub fn builder() -> NodeConfigBuilder {
        NodeConfigBuilder::default()
    }

    /// Checks every option against its limits. Building a node does it too.
    pub fn validate(&self) -> Result<()> {
        self.relay_mode()?;
        if !(MIN_MESSAGE_SIZE..=MAX_MESSAGE_SIZE).contains(&self.max_message_size) {
            let problem = format!(
                "{} bytes are given, {MIN_MESSAGE_SIZE} to {MAX_MESSAGE_SIZE} bytes are possible",
                self.max_message_size
            );
            return Err(Error::argument("max_message_size", problem));
        }
        for family in [SocketAddr::is_ipv4, SocketAddr::is_ipv6] {
            let count = self.bind_addresses.iter().filter(|address| family(address)).count();
            if count > 1 {
                return Err(Error::argument(
                    "bind_addresses",
                    format!("{count} of one family are given, 1 is possible"),
                ));
            }
        }
        self.topics.validate()
    }

    pub(super) fn relay_mode(&self) -> Result<iroh::RelayMode> {
        match &self.relays {
            Relays::Default => Ok(iroh::RelayMode::Default),
            Relays::Disabled => Ok(iroh::RelayMode::Disabled),
            Relays::Custom(urls) if urls.is_empty() => {
                Err(Error::argument("relays", "the list of custom relays is empty, at least 1 URL is needed"))
            }
            Relays::Custom(urls) => {
                let relays: Result<Vec<_>> = urls.iter().map(|url| relay(url)).collect();
                Ok(iroh::RelayMode::Custom(RelayMap::from_iter(relays?)))
            }
        }
    }
}

/// A relay server that speaks plain HTTP has no certificate, so it has no address discovery over QUIC. Waiting for that
/// would keep the node from using the relay for three seconds.
fn relay(url: &str) -> Result<RelayConfig> {
    let url = crate::parse::relay_url(url)?;
    let quic = (url.scheme() == "https").then(Default::default);
    Ok(RelayConfig::new(url, quic))
}

/// Builds a [`NodeConfig`]. An option that is not set keeps its default.
#[derive(Debug, Clone, Default)]
pub struct NodeConfigBuilder {
    config: NodeConfig,
}

impl NodeConfigBuilder {
    /// The node's secret key, which determines its id. Default: a new one. [`crate::parse::secret_key`] makes one from
    /// bytes.
    pub fn secret_key(mut self, key: SecretKey) -> Self {
        self.config.secret_key = Some(key);
        self
    }

    /// Which relay servers are used. Default: iroh's public ones.
    pub fn relays(mut self, relays: Relays) -> Self {
        self.config.relays = relays;
        self
    }

    /// How addresses are found beside those in the records. Default: iroh's public services.
    pub fn address_lookups(mut self, lookups: AddressLookups) -> Self {
        self.config.address_lookups = lookups;
        self
    }

    /// The UDP addresses that are bound, at most one for each of IPv4 and IPv6; port 0 takes a free one.
    /// Default: all interfaces.
    pub fn bind_addresses(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.config.bind_addresses = addresses.into_iter().collect();
        self
    }

    /// Whether the router is asked for a port (UPnP, PCP, NAT-PMP). Default true; it needs the feature `port-mapping`.
    pub fn port_mapping(mut self, port_mapping: bool) -> Self {
        self.config.port_mapping = port_mapping;
        self
    }

    /// The size limit of a gossip message with its frame, in bytes: 512 to 1,048,576. All nodes of a topic need the
    /// same limit. Default 4,096.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.config.max_message_size = bytes;
        self
    }

    /// How long [`crate::Node::shutdown`] waits for peers to take notice. Default 2 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.config.shutdown_timeout = timeout;
        self
    }

    /// The options of topics that are joined without options of their own. They include the DHT's.
    pub fn topics(mut self, config: Config) -> Self {
        self.config.topics = config;
        self
    }

    /// The finished configuration. It is checked when a node is built with it.
    pub fn build(self) -> NodeConfig {
        self.config
    }
}

/// How a topic is joined.
#[derive(Debug, Clone, Default)]
pub struct JoinOptions {
    pub(super) timeout: Option<Duration>,
    pub(super) config: Option<Config>,
    pub(super) rotation: Option<RotationHandle>,
}

impl JoinOptions {
    /// Joining waits for a first neighbor, for at most this long. Without a time-out, joining returns at once and goes
    /// on in the background.
    ///
    /// When the time is over, joining fails with `TIMEOUT` and the topic is given up (unless another handle keeps it):
    /// it stops looking, and other nodes can no longer find it. So the first member of a topic always times out, since
    /// nobody else is there yet. Where any member may be the first, join without a time-out and wait with
    /// [`crate::Topic::joined_within`], which leaves the topic open.
    ///
    /// With a wrong secret, it looks as if nobody else were there. The error says whether values were found that do not
    /// open, and [`crate::TopicStats`] counts them in `records_refused.sealed`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Options of this topic instead of the node's.
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// A secret rotation that the application provides. All members of the topic must use the same one.
    pub fn rotation(mut self, rotation: RotationHandle) -> Self {
        self.rotation = Some(rotation);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_relays_are_not_asked_for_quic() {
        let urls = ["http://relay.example:3340", "https://relay.example"];
        let config = NodeConfig::builder().relays(Relays::Custom(urls.map(String::from).into())).build();
        let iroh::RelayMode::Custom(map) = config.relay_mode().unwrap() else { panic!("custom relays are custom") };
        let asked = urls.map(|url| map.get(&url.parse().unwrap()).unwrap().quic.is_some());
        assert_eq!(asked, [false, true]);
    }
}
