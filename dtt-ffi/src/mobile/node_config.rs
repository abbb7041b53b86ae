//! The options of a node, and of joining.

use std::sync::Arc;

use dtt_core::{
    AddressLookups as CoreLookups, JoinOptions as CoreJoin, NodeConfig as CoreNode, Relays as CoreRelays, Testnet,
    parse,
};

use super::{
    call::Outcome,
    config::{DhtConfig, Layer, TopicConfig, options, set, values},
    key::RawSecretKey,
    millis::Millis,
    rotation::{self, SecretRotation},
};

/// Which relay servers a node uses, to be reached where no direct path is found.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Relays {
    /// iroh's public relay servers.
    Public,
    /// No relay: only direct paths.
    Disabled,
    /// Relay servers of one's own; at least one.
    Custom {
        /// Their URLs.
        urls: Vec<String>,
    },
}

/// How a node finds addresses of peers beside those in the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AddressLookups {
    /// iroh's public services (DNS and pkarr).
    Public,
    /// None: peers are dialed at the addresses in their records only.
    Disabled,
}

values! { Relays AddressLookups RawSecretKey }

options! {
    /// How a node is built.
    NodeConfig {
        /// The node's secret key, which makes its id. Default: a new one.
        secret_key: RawSecretKey,
        /// Which relay servers are used. Default: the public ones.
        relays: Relays,
        /// How addresses are found beside those in the records. Default: by the public services.
        address_lookups: AddressLookups,
        /// The UDP addresses that are bound, as `0.0.0.0:0`: at most one for each of IPv4 and IPv6; port 0 takes a free
        /// one. Default: all interfaces.
        bind_addresses: Vec<String>,
        /// Whether the router is asked for a port. Default true, if the library was built with it.
        port_mapping: bool,
        /// The size of a gossip message with its frame, in bytes: 512 to 1,048,576; all nodes of a topic need the same.
        /// Default 4,096.
        max_message_size: u32,
        /// How long a shutdown waits for peers to take notice. Default 2 s.
        shutdown_timeout: Millis,
        /// The options of topics that are joined without options of their own, the DHT's among them.
        topics: TopicConfig,
    }
}

/// How a topic is joined.
#[derive(Clone, Default, uniffi::Record)]
pub struct RawJoinOptions {
    /// Joining waits for a first neighbor, for this long at the most.
    #[uniffi(default = None)]
    pub timeout: Option<Millis>,
    /// Options of this topic; what is not set is as the node has it.
    #[uniffi(default = None)]
    pub config: Option<TopicConfig>,
    /// A secret rotation of one's own.
    #[uniffi(default = None)]
    pub rotation: Option<Arc<dyn SecretRotation>>,
}

impl NodeConfig {
    /// A node that never reaches beyond this machine.
    pub(super) fn of_testnet(bootstrap: Vec<String>) -> Self {
        let dht = Testnet::dht_config_for(&bootstrap);
        let dht = DhtConfig {
            bootstrap: Some(bootstrap),
            bind_address: dht.bind_address().map(|address| address.to_string()),
            request_timeout: Some(dht.request_timeout().into()),
            ..Default::default()
        };
        Self {
            relays: Some(Relays::Disabled),
            address_lookups: Some(AddressLookups::Disabled),
            port_mapping: Some(false),
            bind_addresses: Some(vec!["127.0.0.1:0".to_owned()]),
            topics: Some(TopicConfig { dht: Some(dht), ..Default::default() }),
            ..Default::default()
        }
    }

    pub(super) fn build(&self) -> Outcome<CoreNode> {
        let mut builder = CoreNode::builder();
        set!(builder, self, { port_mapping, shutdown_timeout, } numbers { max_message_size, });
        if let Some(key) = &self.secret_key {
            builder = builder.secret_key(key.parse()?);
        }
        if let Some(addresses) = &self.bind_addresses {
            let parsed: Result<Vec<_>, _> = addresses.iter().map(|address| parse::socket_addr(address)).collect();
            builder = builder.bind_addresses(parsed?);
        }
        builder = builder.relays(match &self.relays {
            None | Some(Relays::Public) => CoreRelays::Default,
            Some(Relays::Disabled) => CoreRelays::Disabled,
            Some(Relays::Custom { urls }) => CoreRelays::Custom(urls.clone()),
        });
        builder = builder.address_lookups(match self.address_lookups {
            None | Some(AddressLookups::Public) => CoreLookups::Default,
            Some(AddressLookups::Disabled) => CoreLookups::None,
        });
        Ok(builder.topics(self.topics.clone().unwrap_or_default().build()?).build())
    }
}

impl RawJoinOptions {
    /// `topics` is what the node has for topics that set nothing.
    pub(super) fn build(self, topic: &dtt_core::TopicId, topics: TopicConfig) -> Outcome<CoreJoin> {
        let mut options = CoreJoin::default();
        if let Some(timeout) = self.timeout {
            options = options.timeout(timeout.into());
        }
        if let Some(config) = self.config {
            options = options.config(config.over(topics).build()?);
        }
        if let Some(rotation) = self.rotation {
            options = options.rotation(rotation::handle(rotation, topic)?);
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_testnets_configuration_is_the_engines() {
        let bootstrap = vec!["127.0.0.1:4444".to_owned()];
        let ours = NodeConfig::of_testnet(bootstrap.clone()).build().unwrap();
        let engines = Testnet::node_config_for(&bootstrap).build();
        assert_eq!(format!("{ours:?}"), format!("{engines:?}"));
    }

    #[test]
    fn what_is_not_set_keeps_the_engines_default() {
        let ours = NodeConfig::default().build().unwrap();
        assert_eq!(format!("{ours:?}"), format!("{:?}", CoreNode::default()));
    }
}
