//! Every option of a topic, in groups. Nothing here has an effect of its own.

mod bootstrap;
mod dht;
mod merge;
mod publisher;
pub(crate) mod settings;

use std::time::Duration;

pub use bootstrap::{BootstrapConfig, BootstrapConfigBuilder};
pub use dht::{DhtConfig, DhtConfigBuilder};
pub use merge::{
    BubbleMergeConfig, BubbleMergeConfigBuilder, BubbleMergeSettings, MergeConfig, MergeConfigBuilder,
    MessageOverlapMergeConfig, MessageOverlapMergeConfigBuilder, MessageOverlapMergeSettings,
};
pub use publisher::{PublisherConfig, PublisherConfigBuilder, PublisherSettings};

use crate::{
    error::Result,
    table::{AT_LEAST_ONE, Group, INTERVAL, choices},
};
use settings::settings;

/// Which of its own addresses a node writes into its sealed records, for others to dial without any other lookup.
///
/// Only who holds the topic's secret can read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AddressHints {
    /// The relay URL if there is one, else the direct addresses.
    #[default]
    Auto,
    /// The relay URL and the direct addresses.
    All,
    /// The relay URL only: no IP address of the node ever stands in a record.
    RelayOnly,
    /// No addresses. Others then need an address lookup of their own to dial this node.
    Off,
}

/// The version of the protocol that a topic speaks. A topic of one version and a topic of the other are two topics, even
/// with the same name and secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// The protocol of the crate distributed-topic-tracker 0.3. Whoever knows a topic's name can see that it is in use, and
    /// read along with the address of one member. A message has no author.
    #[default]
    V1,
    /// Private topics: without the secret, nobody can find the topic or take part in it, and each message has an author.
    V2,
}

choices! { Protocol: "v1" = Self::V1, "v2" = Self::V2 }

choices! { AddressHints: "auto" = Self::Auto, "all" = Self::All, "relay_only" = Self::RelayOnly, "off" = Self::Off }

settings! {
    /// How long calls on a topic may take.
    [PartialEq] TimeoutConfig, TimeoutConfigBuilder builds TimeoutConfig = std::convert::identity;
    Topic "timeouts."
    copy {
        /// How long a call that adds peers may take.
        join_peer_timeout: Duration = "5s" within INTERVAL;
        /// How long a broadcast to all may take.
        broadcast_timeout: Duration = "5s" within INTERVAL;
        /// How long a broadcast to the neighbors may take.
        broadcast_neighbors_timeout: Duration = "5s" within INTERVAL;
    }
    lend {}
}

settings! {
    /// All options of a topic.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dtt_core::{BootstrapConfig, TopicConfig, DhtConfig};
    ///
    /// let config = TopicConfig::builder()
    ///     .dht_config(DhtConfig::builder().get_timeout(Duration::from_secs(5)).build())
    ///     .bootstrap_config(BootstrapConfig::builder().max_bootstrap_records(10).build())
    ///     .build();
    /// assert_eq!(config.dht_config().retries(), 3);
    /// ```
    [PartialEq] TopicConfig, TopicConfigBuilder builds TopicConfig = std::convert::identity;
    Topic ""
    copy {
        /// The version of the protocol. All members of a topic must use the same one.
        protocol: Protocol = "v1", since "0.2.0";
        /// Whether messages go without signatures, and messages of others without signatures are accepted. This is for topics
        /// with very many messages and members who trust each other: any member can then speak in the name of any other. All
        /// members of the topic should use the same value. Version 1 has no signatures, and this changes nothing there.
        unsigned_messages: bool = "false", since "0.2.0";
        /// How many peers are dialed one after another, `bootstrap.per_peer_join_settle_time` apart, before a pause for
        /// confirmation.
        max_join_peer_count: usize = "4" within AT_LEAST_ONE;
        /// Which of its own addresses a node writes into its sealed records.
        address_hints: AddressHints = "auto";
        /// How many events wait for a subscriber at most (up to about 4 KiB each with default messages). If one more comes, the
        /// oldest goes, and the subscriber is told how many it missed.
        event_capacity: usize = "1024" within AT_LEAST_ONE;
    }
    lend {}
    parts {
        /// How the DHT is reached.
        dht_config: DhtConfig;
        /// How a newcomer reaches its first neighbor.
        bootstrap_config: BootstrapConfig;
        /// Whether and how often a joined topic publishes its record.
        publisher_config: PublisherConfig;
        /// How a split swarm finds itself again.
        merge_config: MergeConfig;
        /// How long calls may take.
        timeouts: TimeoutConfig;
    }
}

impl TopicConfig {
    /// A builder that starts from these options.
    pub fn to_builder(&self) -> TopicConfigBuilder {
        TopicConfigBuilder { inner: self.clone() }
    }

    /// Checks every option against its limits. Joining a topic does it too.
    pub fn validate(&self) -> Result<()> {
        self.check()?;
        self.dht_config().validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_those_of_the_protocol() {
        let config = TopicConfig::default();
        config.validate().unwrap();
        assert_eq!(config.dht_config().get_timeout(), Duration::from_secs(10));
        assert_eq!(config.bootstrap_config().no_peers_retry_interval(), Duration::from_millis(1500));
        let publisher = config.publisher_config().enabled().unwrap();
        assert_eq!(
            (publisher.initial_delay(), publisher.max_jitter()),
            (Duration::from_secs(10), Duration::from_secs(50))
        );
        assert_eq!(config.merge_config().bubble_merge().enabled().unwrap().min_neighbors(), 4);
        assert_eq!(config.max_join_peer_count(), 4);
    }

    #[test]
    fn a_bad_option_is_named_with_its_limit() {
        let spinning = PublisherConfig::builder().base_interval(Duration::ZERO).build();
        let error = TopicConfig::builder().publisher_config(spinning).build().validate().unwrap_err();
        assert_eq!(error.to_string(), "publisher.base_interval: 0s is given, 1ms to 365d are possible");
        assert!(TopicConfig::builder().event_capacity(0).build().validate().is_err());
        let endless = BootstrapConfig::builder().address_wait(Duration::MAX).build();
        let error = TopicConfig::builder().bootstrap_config(endless).build().validate().unwrap_err();
        assert!(error.to_string().ends_with(" is given, 0s to 365d are possible"), "{error}");
    }

    #[test]
    fn the_bootstrap_list_is_checked_and_empty_only_for_the_first_node_of_a_dht() {
        let validate = |bootstrap: &[&str], server_mode| {
            let bootstrap = bootstrap.iter().map(|node| node.to_string()).collect();
            let dht = DhtConfig::builder().bootstrap(Some(bootstrap)).server_mode(server_mode).build();
            TopicConfig::builder().dht_config(dht).build().validate().map_err(|error| error.to_string())
        };
        assert_eq!(validate(&["router.example:6881", "192.0.2.1:6881"], false), Ok(()));
        let error = validate(&["192.0.2.1:6881", "router"], false).unwrap_err();
        assert!(error.starts_with("dht.bootstrap: \"router\" is not host:port: it has no port"), "{error}");
        let error = validate(&[], false).unwrap_err();
        assert!(error.starts_with("dht.bootstrap: the list is empty, at least 1 entry of host:port"), "{error}");
        assert_eq!(validate(&[], true), Ok(()));
    }
}
