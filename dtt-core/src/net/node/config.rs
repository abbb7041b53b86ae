use std::{net::SocketAddr, time::Duration};

use iroh::{RelayConfig, RelayMap, SecretKey};

use crate::{
    config::{TopicConfig, settings::settings},
    error::Result,
    table::{DEFAULT, Group, Kind, Limits, Setting, choices, entries, joined},
};

/// In bytes: from what the gossip layer needs up to what still is a small message, since each waits in several queues.
const MESSAGE_SIZE: Limits = Limits::Size(512, 1 << 20);

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

impl Setting for Relays {
    const LIMITS: Limits = Limits::None;

    fn kind(_: &Limits) -> Kind {
        Kind::Relays
    }

    fn read(text: &str, _: &Limits) -> Result<Self, String> {
        Ok(match text {
            DEFAULT => Self::Default,
            "disabled" => Self::Disabled,
            _ => Self::Custom(entries(text)),
        })
    }

    fn show(&self, _: &Limits) -> String {
        match self {
            Self::Default => DEFAULT.to_owned(),
            Self::Disabled => "disabled".to_owned(),
            Self::Custom(urls) => joined(urls),
        }
    }

    fn check(&self, _: &Limits) -> Result<(), String> {
        let Self::Custom(urls) = self else { return Ok(()) };
        if urls.is_empty() {
            return Err("the list is empty, at least 1 URL is needed; disabled stands for no relay".to_owned());
        }
        urls.iter().try_for_each(|url| crate::parse::relay(url).map(drop))
    }
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

choices! { AddressLookups: "default" = Self::Default, "none" = Self::None }

settings! {
    /// How a node is built.
    ///
    /// ```
    /// use dtt_core::{AddressLookups, NodeConfig, Relays};
    ///
    /// let config = NodeConfig::builder().relays(Relays::Disabled).address_lookups(AddressLookups::None).build();
    /// assert!(config.validate().is_ok());
    /// assert!(NodeConfig::builder().relays(Relays::Custom(vec![])).build().validate().is_err());
    /// ```
    NodeConfig, NodeConfigBuilder builds NodeConfig = std::convert::identity;
    Node ""
    copy {
        /// How addresses of peers are found beside those in the records: by iroh's public services (`default`), or not at all
        /// (`none`). The public services also tell others this node's addresses.
        address_lookups: AddressLookups = "default";
        /// Whether the node asks the router for a port (UPnP, PCP, NAT-PMP), if the library was built with that.
        port_mapping: bool = "true";
        /// The size of a gossip message with its frame, in bytes. All nodes of a topic need the same.
        max_message_size: usize = "4KiB" within MESSAGE_SIZE;
        /// How long closing a node may take, for peers to take notice.
        close_timeout: Duration = "2s";
    }
    lend {
        /// Which relay servers the node uses where it finds no direct path: iroh's public ones (`default`), none (`disabled`), or a
        /// list of URLs.
        relays: Relays = "default";
        /// The UDP addresses that the node binds, as `0.0.0.0:4433` or `[::]:0`: at most one of IPv4 and one of IPv6. Port 0 takes
        /// a free port. By default it binds all interfaces.
        bind_addresses: Vec<SocketAddr> = "default";
    }
    parts {
        /// The options of topics that are joined without options of their own, the DHT's among them.
        topics: TopicConfig;
    }
    hidden {
        secret_key: Option<SecretKey>;
    }
}

impl NodeConfig {
    /// Checks every option against its limits. Building a node does it too.
    pub fn validate(&self) -> Result<()> {
        self.check()?;
        self.topics().validate()
    }

    pub(crate) fn into_builder(self) -> NodeConfigBuilder {
        NodeConfigBuilder { inner: self }
    }

    pub(super) fn relay_mode(&self) -> Result<iroh::RelayMode> {
        match self.relays() {
            Relays::Default => Ok(iroh::RelayMode::Default),
            Relays::Disabled => Ok(iroh::RelayMode::Disabled),
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

impl NodeConfigBuilder {
    /// The node's secret key, which determines its id. Default: a new one. [`crate::parse::secret_key`] makes one from
    /// bytes.
    pub fn secret_key(mut self, key: SecretKey) -> Self {
        self.inner.secret_key = Some(key);
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
