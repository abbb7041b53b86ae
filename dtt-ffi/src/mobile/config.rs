//! The options of a topic. What is not set keeps the engine's default.

use dtt_core::{
    AddressHints as CoreHints, BootstrapConfig as CoreBootstrap, BubbleMergeConfig, Config, DhtConfig as CoreDht,
    MergeConfig, MessageOverlapMergeConfig, PublisherConfig as CorePublisher, TimeoutConfig as CoreTimeouts,
};

use super::{call::Outcome, error::RawError, millis::Millis};

/// Which of its own addresses a node writes into its sealed records, for others to dial without any other lookup. Only
/// who holds the topic's secret can read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AddressHints {
    /// The relay URL if there is one, else the direct addresses.
    Auto,
    /// The relay URL and the direct addresses.
    All,
    /// The relay URL only: no IP address of the node ever stands in a record.
    RelayOnly,
    /// No addresses. Others then need an address lookup of their own to dial this node.
    Off,
}

impl From<AddressHints> for CoreHints {
    fn from(hints: AddressHints) -> Self {
        match hints {
            AddressHints::Auto => Self::Auto,
            AddressHints::All => Self::All,
            AddressHints::RelayOnly => Self::RelayOnly,
            AddressHints::Off => Self::Off,
        }
    }
}

/// What may be set over something else.
pub(super) trait Layer: Sized {
    /// What is set here, and what is set only below.
    fn over(self, _below: Self) -> Self {
        self
    }
}

impl<T: Layer> Layer for Option<T> {
    fn over(self, below: Self) -> Self {
        match (self, below) {
            (Some(upper), Some(below)) => Some(upper.over(below)),
            (upper, below) => upper.or(below),
        }
    }
}

macro_rules! values {
    ($($type:ty)*) => { $(impl Layer for $type {})* };
}
pub(super) use values;

values! { bool u16 u32 String Vec<u8> Vec<String> Millis AddressHints }

/// Declares a record of options that are all optional.
macro_rules! options {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $fdoc:literal])+ $field:ident : $type:ty,)* }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
        pub struct $name {
            $($(#[doc = $fdoc])+ #[uniffi(default = None)] pub $field: Option<$type>,)*
        }

        impl $crate::mobile::config::Layer for $name {
            fn over(self, below: Self) -> Self {
                Self { $($field: self.$field.over(below.$field),)* }
            }
        }
    };
}
pub(super) use options;

/// Hands the options that are set to the engine's builder; `number` ones are checked to fit.
macro_rules! set {
    ($builder:ident, $from:expr, { $($field:ident,)* } $(numbers { $($number:ident,)* })?) => {
        $(if let Some(value) = $from.$field { $builder = $builder.$field(value.into()); })*
        $($(if let Some(value) = $from.$number { $builder = $builder.$number(value as usize); })*)?
    };
}
pub(super) use set;

options! {
    /// How the DHT is reached, and how patiently. Topics of a process whose bootstrap, port, bind address, mode and
    /// request timeout are equal share one DHT client.
    DhtConfig {
        /// The nodes to enter the DHT by, each as `host:port`. Default: the public bootstrap nodes. An empty list is for the first
        /// node of a DHT of one's own, which needs server mode.
        bootstrap: Vec<String>,
        /// The UDP port of the DHT client. Default: 6881 if it is free, else any.
        port: u16,
        /// The IPv4 address that the DHT client binds. Default: all interfaces.
        bind_address: String,
        /// Whether this process serves the DHT to others from the start. Default false: it starts as a client.
        server_mode: bool,
        /// How often a failed store is tried again. Default 3.
        retries: u32,
        /// The least pause before a store is tried again. Default 5 s.
        base_retry_interval: Millis,
        /// A random time up to this is added to the pause. Default 10 s.
        max_retry_jitter: Millis,
        /// The longest a store may take. Default 10 s.
        put_timeout: Millis,
        /// The longest a lookup may take; what arrived until then is used. Default 10 s.
        get_timeout: Millis,
        /// How long one DHT node may take to answer. Default 1 s.
        request_timeout: Millis,
    }
}

options! {
    /// How a newcomer reaches its first neighbor.
    BootstrapConfig {
        /// A slot that shows this many records of others needs none of ours, unless the nodes that records name were dialed in
        /// vain. Default 5.
        max_bootstrap_records: u32,
        /// What the pauses before the next lookup go by when no record was found. Default 1.5 s.
        no_peers_retry_interval: Millis,
        /// How long a dialed peer has before the next one is dialed too. Default 100 ms.
        per_peer_join_settle_time: Millis,
        /// How long the dials of one lookup have, after the last of them, to give a neighbor. Default 500 ms.
        join_confirmation_wait_time: Millis,
        /// The pause before the next lookup when records were found and nobody answered. Default 2 s.
        discovery_poll_interval: Millis,
        /// The longest pause between two lookups of a topic without neighbors. Default 60 s.
        max_retry_interval: Millis,
        /// How long the first record may wait for the node's first address. Default 1 s.
        address_wait: Millis,
        /// Whether to publish a record at once when joining. Default true.
        publish_record_on_startup: bool,
        /// Whether the first lookup reads the slots one minute further back. Default false.
        check_older_records_first_on_startup: bool,
    }
}

options! {
    /// Whether and how often a joined topic publishes its record.
    PublisherConfig {
        /// Whether it does. Default true. Without it, newcomers depend on the records of others.
        enabled: bool,
        /// From joining to the first turn of publishing. Default 10 s.
        initial_delay: Millis,
        /// Up to 60 s there is one turn for each minute, shared with the neighbors; above, this node publishes that often by itself. Default 10 s.
        base_interval: Millis,
        /// A random time up to this is added to a base interval above 60 s. Default 50 s.
        max_jitter: Millis,
    }
}

options! {
    /// One of the two ways in which a split swarm finds itself again.
    MergeOptions {
        /// Whether it is done. Default true.
        enabled: bool,
        /// From joining to the first look. Default 30 s.
        initial_interval: Millis,
        /// The least time from one look to the next. Default 60 s.
        base_interval: Millis,
        /// A random time up to this is added when there is no publisher. Default 120 s.
        max_jitter: Millis,
        /// How many peers are joined at once. Default 2.
        max_join_peers: u32,
    }
}

options! {
    /// How long calls on a topic may take.
    TimeoutConfig {
        /// Handing peers to the gossip layer. Default 5 s.
        join_peer_timeout: Millis,
        /// Handing a broadcast to the gossip layer. Default 5 s.
        broadcast_timeout: Millis,
        /// Handing a broadcast to neighbors to the gossip layer. Default 5 s.
        broadcast_neighbors_timeout: Millis,
    }
}

options! {
    /// All options of a topic.
    TopicConfig {
        /// How many peers are dialed one after another, a settle time apart, before a pause for confirmation. Default 4.
        max_join_peer_count: u32,
        /// Which addresses of its own a node writes into its records. Default: automatic.
        address_hints: AddressHints,
        /// How many events wait for a subscriber at the most. Default 1024.
        event_capacity: u32,
        /// How the DHT is reached.
        dht: DhtConfig,
        /// How a newcomer reaches its first neighbor.
        bootstrap: BootstrapConfig,
        /// Whether and how often a joined topic publishes its record.
        publisher: PublisherConfig,
        /// Looking for more neighbors when there are few.
        bubble_merge: MergeOptions,
        /// With this many neighbors the bubble merge need not look. Default 4.
        bubble_min_neighbors: u32,
        /// Comparing messages with those that the records name.
        message_overlap_merge: MergeOptions,
        /// How long calls may take.
        timeouts: TimeoutConfig,
    }
}

impl DhtConfig {
    fn build(&self) -> Outcome<CoreDht> {
        let mut builder = CoreDht::builder();
        let this = self.clone();
        set!(builder, this, { base_retry_interval, max_retry_jitter, put_timeout, get_timeout, request_timeout,
            server_mode, } numbers { retries, });
        if let Some(address) = this.bind_address {
            let parsed = address.parse().map_err(|_| {
                RawError::argument("bind_address", format!("{address:?} is given, an IPv4 address is needed"))
            })?;
            builder = builder.bind_address(Some(parsed));
        }
        Ok(builder.port(this.port).bootstrap(this.bootstrap).build())
    }
}

impl BootstrapConfig {
    fn build(&self) -> CoreBootstrap {
        let mut builder = CoreBootstrap::builder();
        set!(builder, self, { no_peers_retry_interval, per_peer_join_settle_time, join_confirmation_wait_time,
            discovery_poll_interval, max_retry_interval, address_wait, publish_record_on_startup,
            check_older_records_first_on_startup, } numbers { max_bootstrap_records, });
        builder.build()
    }
}

impl PublisherConfig {
    fn build(&self) -> CorePublisher {
        if self.enabled == Some(false) {
            return CorePublisher::Disabled;
        }
        let mut builder = CorePublisher::builder();
        set!(builder, self, { initial_delay, base_interval, max_jitter, });
        builder.build()
    }
}

impl MergeOptions {
    fn bubble(&self, min_neighbors: Option<u32>) -> BubbleMergeConfig {
        if self.enabled == Some(false) {
            return BubbleMergeConfig::Disabled;
        }
        let mut builder = BubbleMergeConfig::builder();
        set!(builder, self, { initial_interval, base_interval, max_jitter, } numbers { max_join_peers, });
        if let Some(neighbors) = min_neighbors {
            builder = builder.min_neighbors(neighbors as usize);
        }
        builder.build()
    }

    fn overlap(&self) -> MessageOverlapMergeConfig {
        if self.enabled == Some(false) {
            return MessageOverlapMergeConfig::Disabled;
        }
        let mut builder = MessageOverlapMergeConfig::builder();
        set!(builder, self, { initial_interval, base_interval, max_jitter, } numbers { max_join_peers, });
        builder.build()
    }
}

impl TimeoutConfig {
    fn build(&self) -> CoreTimeouts {
        let mut builder = CoreTimeouts::builder();
        set!(builder, self, { join_peer_timeout, broadcast_timeout, broadcast_neighbors_timeout, });
        builder.build()
    }
}

impl TopicConfig {
    pub(super) fn build(&self) -> Outcome<Config> {
        let mut builder = Config::builder();
        set!(builder, self, { address_hints, } numbers { max_join_peer_count, event_capacity, });
        let bubble = self.bubble_merge.clone().unwrap_or_default().bubble(self.bubble_min_neighbors);
        let overlap = self.message_overlap_merge.clone().unwrap_or_default().overlap();
        Ok(builder
            .dht_config(self.dht.clone().unwrap_or_default().build()?)
            .bootstrap_config(self.bootstrap.clone().unwrap_or_default().build())
            .publisher_config(self.publisher.clone().unwrap_or_default().build())
            .merge_config(MergeConfig::builder().bubble_merge(bubble).message_overlap_merge(overlap).build())
            .timeouts(self.timeouts.clone().unwrap_or_default().build())
            .build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_keeps_the_engines_default() {
        assert_eq!(TopicConfig::default().build().unwrap(), Config::default());
    }

    #[test]
    fn what_is_set_arrives() {
        let seconds = |n| Some(Millis(std::time::Duration::from_secs(n)));
        let merge = MergeOptions { base_interval: seconds(7), max_join_peers: Some(9), ..Default::default() };
        let config = TopicConfig {
            event_capacity: Some(5),
            address_hints: Some(AddressHints::RelayOnly),
            dht: Some(DhtConfig {
                bind_address: Some("127.0.0.1".into()),
                port: Some(7777),
                retries: Some(1),
                request_timeout: seconds(3),
                ..Default::default()
            }),
            publisher: Some(PublisherConfig { enabled: Some(false), ..Default::default() }),
            bubble_merge: Some(merge),
            bubble_min_neighbors: Some(11),
            ..Default::default()
        };
        let built = config.build().unwrap();
        assert_eq!((built.event_capacity(), built.address_hints()), (5, CoreHints::RelayOnly));
        let dht = built.dht_config();
        assert_eq!((dht.port(), dht.retries(), dht.request_timeout().as_secs()), (Some(7777), 1, 3));
        assert_eq!(built.publisher_config(), &CorePublisher::Disabled);
        let bubble = built.merge_config().bubble_merge().enabled().unwrap();
        assert_eq!((bubble.base_interval().as_secs(), bubble.max_join_peers(), bubble.min_neighbors()), (7, 9, 11));
        let upper =
            TopicConfig { dht: Some(DhtConfig { retries: Some(9), ..Default::default() }), ..Default::default() };
        let both = upper.over(config).build().unwrap();
        assert_eq!((both.dht_config().retries(), both.dht_config().port(), both.event_capacity()), (9, Some(7777), 5));
        let bad = DhtConfig { bind_address: Some("::1".into()), ..Default::default() };
        let error = TopicConfig { dht: Some(bad), ..Default::default() }.build().unwrap_err();
        assert_eq!(error.to_string(), "bindAddress: \"::1\" is given, an IPv4 address is needed");
    }
}
