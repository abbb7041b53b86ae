//! Every option of a topic, in groups. Nothing here has an effect of its own.

mod bootstrap;
mod bootstrap_node;
mod dht;
mod merge;
mod publisher;
mod settings;

use std::time::Duration;

pub use bootstrap::{BootstrapConfig, BootstrapConfigBuilder};
pub(crate) use bootstrap_node::bootstrap_node;
pub use dht::{DhtConfig, DhtConfigBuilder};
pub use merge::{
    BubbleMergeConfig, BubbleMergeConfigBuilder, BubbleMergeSettings, MergeConfig, MergeConfigBuilder,
    MessageOverlapMergeConfig, MessageOverlapMergeConfigBuilder, MessageOverlapMergeSettings,
};
pub use publisher::{PublisherConfig, PublisherConfigBuilder, PublisherSettings};

use crate::error::{Error, Result};
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

settings! {
    /// How long calls on a topic may take.
    TimeoutConfig, TimeoutConfigBuilder builds TimeoutConfig = std::convert::identity;
    copy {
        /// Handing peers to the gossip layer. Default 5 s.
        join_peer_timeout: Duration = Duration::from_secs(5);
        /// Handing a broadcast to the gossip layer. Default 5 s.
        broadcast_timeout: Duration = Duration::from_secs(5);
        /// Handing a broadcast to neighbors to the gossip layer. Default 5 s.
        broadcast_neighbors_timeout: Duration = Duration::from_secs(5);
    }
    lend {}
}

impl TimeoutConfig {
    /// Starts from the defaults.
    pub fn builder() -> TimeoutConfigBuilder {
        TimeoutConfigBuilder::default()
    }

    fn validate(&self) -> Result<()> {
        at_least_1ms("join_peer_timeout", self.join_peer_timeout())?;
        at_least_1ms("broadcast_timeout", self.broadcast_timeout())?;
        at_least_1ms("broadcast_neighbors_timeout", self.broadcast_neighbors_timeout())
    }
}

settings! {
    /// All options of a topic.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dtt_core::{BootstrapConfig, Config, DhtConfig};
    ///
    /// let config = Config::builder()
    ///     .dht_config(DhtConfig::builder().get_timeout(Duration::from_secs(5)).build())
    ///     .bootstrap_config(BootstrapConfig::builder().max_bootstrap_records(10).build())
    ///     .build();
    /// assert_eq!(config.dht_config().retries(), 3);
    /// ```
    Config, ConfigBuilder builds Config = std::convert::identity;
    copy {
        /// How many peers are dialed one after another, a settle time apart, before a pause for confirmation. Default 4.
        max_join_peer_count: usize = 4;
        /// Which addresses of its own a node writes into its records.
        address_hints: AddressHints = AddressHints::Auto;
        /// How many events wait for a subscriber at the most (up to about 4 KiB each with default messages). When
        /// one more comes, the oldest goes and the subscriber is told exactly how many it missed. Default 1024.
        event_capacity: usize = 1024;
    }
    lend {
        /// How the DHT is reached.
        dht_config: DhtConfig = DhtConfig::default();
        /// How a newcomer reaches its first neighbor.
        bootstrap_config: BootstrapConfig = BootstrapConfig::default();
        /// Whether and how often a joined topic publishes its record.
        publisher_config: PublisherConfig = PublisherConfig::default();
        /// How a split swarm finds itself again.
        merge_config: MergeConfig = MergeConfig::default();
        /// How long calls may take.
        timeouts: TimeoutConfig = TimeoutConfig::default();
    }
}

impl Config {
    /// Starts from the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// A builder that starts from these options.
    pub fn to_builder(&self) -> ConfigBuilder {
        ConfigBuilder { inner: self.clone() }
    }

    /// Checks every option against its limits. Joining a topic does it too.
    pub fn validate(&self) -> Result<()> {
        if self.max_join_peer_count() == 0 {
            return Err(Error::argument("max_join_peer_count", "0 is given, at least 1 is needed"));
        }
        if self.event_capacity() == 0 {
            return Err(Error::argument("event_capacity", "0 is given, at least 1 is needed"));
        }
        self.dht_config().validate()?;
        self.bootstrap_config().validate()?;
        self.publisher_config().validate()?;
        self.merge_config().validate()?;
        self.timeouts().validate()
    }
}

/// Longer times are not waited for by anyone, and would overflow the sums that deadlines are.
const MOST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Refuses times of more than a year.
fn at_most_a_year(times: &[(&'static str, Duration)]) -> Result<()> {
    match times.iter().find(|(_, value)| *value > MOST) {
        Some((argument, value)) => {
            let problem =
                format!("{} s are given, at most {} s (a year) are possible", value.as_secs(), MOST.as_secs());
            Err(Error::argument(argument, problem))
        }
        None => Ok(()),
    }
}

/// Refuses a time that would make a timer spin or a call fail before it starts.
fn at_least_1ms(argument: &'static str, value: Duration) -> Result<()> {
    at_most_a_year(&[(argument, value)])?;
    if value < Duration::from_millis(1) {
        return Err(Error::argument(argument, format!("{} ns are given, at least 1 ms is needed", value.as_nanos())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_those_of_the_protocol() {
        let config = Config::default();
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
        let error = Config::builder().publisher_config(spinning).build().validate().unwrap_err();
        assert_eq!(error.to_string(), "publisher.base_interval: 0 ns are given, at least 1 ms is needed");
        assert!(Config::builder().event_capacity(0).build().validate().is_err());
        let endless = BootstrapConfig::builder().address_wait(Duration::MAX).build();
        let error = Config::builder().bootstrap_config(endless).build().validate().unwrap_err();
        assert!(error.to_string().ends_with("at most 31536000 s (a year) are possible"), "{error}");
    }

    #[test]
    fn the_bootstrap_list_is_checked_and_empty_only_for_the_first_node_of_a_dht() {
        let validate = |bootstrap: &[&str], server_mode| {
            let bootstrap = bootstrap.iter().map(|node| node.to_string()).collect();
            let dht = DhtConfig::builder().bootstrap(Some(bootstrap)).server_mode(server_mode).build();
            Config::builder().dht_config(dht).build().validate().map_err(|error| error.to_string())
        };
        assert_eq!(validate(&["router.example:6881", "192.0.2.1:6881"], false), Ok(()));
        let error = validate(&["192.0.2.1:6881", "router"], false).unwrap_err();
        assert!(error.starts_with("bootstrap: \"router\" is not host:port: it has no port"), "{error}");
        let error = validate(&[], false).unwrap_err();
        assert!(error.starts_with("bootstrap: the list is empty, at least 1 entry of host:port"), "{error}");
        assert_eq!(validate(&[], true), Ok(()));
    }
}
