//! The records of options. Made from the table of options by `tools/options`: do not edit.

use dtt_core::options::Options;

use super::{
    call::Outcome,
    config::{AddressHints, AddressLookups, ProtocolVersion, Record, Relays, get, get_group, set, set_group},
    key::RawSecretKey,
    millis::Millis,
};

/// How the DHT is reached, and how patiently.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct DhtConfig {
    /// The nodes to enter the DHT by, each as `host:port` with a name or an IPv4 address. By default they are
    /// mainline's public nodes. An empty list (`none` as text) is for the first node of a private DHT, and needs
    /// `server_mode`. Start that node before the others: a node that came earlier may need 15 minutes to find it.
    #[uniffi(default = None)]
    pub bootstrap: Option<Vec<String>>,
    /// How often a failed store is tried again. Default: 3.
    #[uniffi(default = None)]
    pub retries: Option<u32>,
    /// The shortest pause before a store is tried again. Default: 5s.
    #[uniffi(default = None)]
    pub base_retry_interval: Option<Millis>,
    /// A random time up to this is added to the pause before a store is tried again. Default: 10s.
    #[uniffi(default = None)]
    pub max_retry_jitter: Option<Millis>,
    /// The longest time that a store may take. Default: 10s. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub put_timeout: Option<Millis>,
    /// The longest time that a lookup may take. Records that arrive until then are used. Default: 10s. Limits: 1ms to
    /// 365d.
    #[uniffi(default = None)]
    pub get_timeout: Option<Millis>,
    /// How long one DHT node may take to answer. A query ends when its last silent node has timed out, so this
    /// decides how long a store takes on the real network, where some node is always silent. Default: 1s. Limits: 1ms
    /// to 365d.
    #[uniffi(default = None)]
    pub request_timeout: Option<Millis>,
    /// The UDP port of the DHT client; 0 takes any free port. By default it is 6881 if that port is free, and any
    /// other if not.
    #[uniffi(default = None)]
    pub port: Option<u16>,
    /// The IPv4 address that the DHT client binds. By default it binds all interfaces.
    #[uniffi(default = None)]
    pub bind_address: Option<String>,
    /// Whether this process serves the DHT to others from the start. If not, it starts as a client, and serves once
    /// it has found that others can reach it. Default: false.
    #[uniffi(default = None)]
    pub server_mode: Option<bool>,
}

impl Record for DhtConfig {
    fn set_all(&self, options: &mut Options) -> Outcome {
        set(options, "dht.bootstrap", &self.bootstrap)?;
        set(options, "dht.retries", &self.retries)?;
        set(options, "dht.base_retry_interval", &self.base_retry_interval)?;
        set(options, "dht.max_retry_jitter", &self.max_retry_jitter)?;
        set(options, "dht.put_timeout", &self.put_timeout)?;
        set(options, "dht.get_timeout", &self.get_timeout)?;
        set(options, "dht.request_timeout", &self.request_timeout)?;
        set(options, "dht.port", &self.port)?;
        set(options, "dht.bind_address", &self.bind_address)?;
        set(options, "dht.server_mode", &self.server_mode)?;
        Ok(())
    }

    fn of(options: &Options) -> Self {
        Self {
            bootstrap: get(options, "dht.bootstrap"),
            retries: get(options, "dht.retries"),
            base_retry_interval: get(options, "dht.base_retry_interval"),
            max_retry_jitter: get(options, "dht.max_retry_jitter"),
            put_timeout: get(options, "dht.put_timeout"),
            get_timeout: get(options, "dht.get_timeout"),
            request_timeout: get(options, "dht.request_timeout"),
            port: get(options, "dht.port"),
            bind_address: get(options, "dht.bind_address"),
            server_mode: get(options, "dht.server_mode"),
        }
    }
}

/// How a newcomer reaches its first neighbor.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct BootstrapConfig {
    /// A node that joins publishes no record of its own in a slot that shows this many records of others, unless it
    /// dialed the nodes that those records name in vain. Default: 5.
    #[uniffi(default = None)]
    pub max_bootstrap_records: Option<u32>,
    /// Sets the pauses between lookups that find no record. The first pause is an eighth of this time, so that two
    /// nodes that start together meet soon. Each later pause is four times as long, up to `max_retry_interval`.
    /// Default: 1500ms. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub no_peers_retry_interval: Option<Millis>,
    /// How long a dialed peer has before the next peer is dialed too. Default: 100ms.
    #[uniffi(default = None)]
    pub per_peer_join_settle_time: Option<Millis>,
    /// How long the dials of one lookup have, after the last of them, to give a neighbor. Default: 500ms.
    #[uniffi(default = None)]
    pub join_confirmation_wait_time: Option<Millis>,
    /// The pause after a lookup that found records but no peer that answered. It doubles up to `max_retry_interval`.
    /// Default: 2s. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub discovery_poll_interval: Option<Millis>,
    /// The longest pause between two lookups of a topic without neighbors. Newcomers can still find the topic by its
    /// record. Default: 1min. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub max_retry_interval: Option<Millis>,
    /// How long the first record may wait for the node's first address, or for its relay. Most DHT nodes do not
    /// replace a record within its minute, so a record without an address lasts. Default: 1s.
    #[uniffi(default = None)]
    pub address_wait: Option<Millis>,
    /// Whether a node publishes a record as soon as it joins. Default: true.
    #[uniffi(default = None)]
    pub publish_record_on_startup: Option<bool>,
    /// Whether the first lookup starts with the slots of one minute further back. Default: false.
    #[uniffi(default = None)]
    pub check_older_records_first_on_startup: Option<bool>,
}

impl Record for BootstrapConfig {
    fn set_all(&self, options: &mut Options) -> Outcome {
        set(options, "bootstrap.max_bootstrap_records", &self.max_bootstrap_records)?;
        set(options, "bootstrap.no_peers_retry_interval", &self.no_peers_retry_interval)?;
        set(options, "bootstrap.per_peer_join_settle_time", &self.per_peer_join_settle_time)?;
        set(options, "bootstrap.join_confirmation_wait_time", &self.join_confirmation_wait_time)?;
        set(options, "bootstrap.discovery_poll_interval", &self.discovery_poll_interval)?;
        set(options, "bootstrap.max_retry_interval", &self.max_retry_interval)?;
        set(options, "bootstrap.address_wait", &self.address_wait)?;
        set(options, "bootstrap.publish_record_on_startup", &self.publish_record_on_startup)?;
        set(options, "bootstrap.check_older_records_first_on_startup", &self.check_older_records_first_on_startup)?;
        Ok(())
    }

    fn of(options: &Options) -> Self {
        Self {
            max_bootstrap_records: get(options, "bootstrap.max_bootstrap_records"),
            no_peers_retry_interval: get(options, "bootstrap.no_peers_retry_interval"),
            per_peer_join_settle_time: get(options, "bootstrap.per_peer_join_settle_time"),
            join_confirmation_wait_time: get(options, "bootstrap.join_confirmation_wait_time"),
            discovery_poll_interval: get(options, "bootstrap.discovery_poll_interval"),
            max_retry_interval: get(options, "bootstrap.max_retry_interval"),
            address_wait: get(options, "bootstrap.address_wait"),
            publish_record_on_startup: get(options, "bootstrap.publish_record_on_startup"),
            check_older_records_first_on_startup: get(options, "bootstrap.check_older_records_first_on_startup"),
        }
    }
}

/// How often a joined topic publishes its record.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct PublisherConfig {
    /// Whether a joined topic publishes its record. If not, newcomers depend on the records of others. Default: true.
    #[uniffi(default = None)]
    pub enabled: Option<bool>,
    /// The time from joining to the first turn. A record that newcomers need at once does not wait for it. Default:
    /// 10s.
    #[uniffi(default = None)]
    pub initial_delay: Option<Millis>,
    /// Up to 60 s there is one turn for each minute, and this node and its neighbors take turns. Above 60 s this node
    /// publishes that often, whatever others do. Default: 10s. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub base_interval: Option<Millis>,
    /// A random time up to this is added to a `base_interval` above 60 s. Default: 50s.
    #[uniffi(default = None)]
    pub max_jitter: Option<Millis>,
}

impl Record for PublisherConfig {
    fn set_all(&self, options: &mut Options) -> Outcome {
        set(options, "publisher.enabled", &self.enabled)?;
        set(options, "publisher.initial_delay", &self.initial_delay)?;
        set(options, "publisher.base_interval", &self.base_interval)?;
        set(options, "publisher.max_jitter", &self.max_jitter)?;
        Ok(())
    }

    fn of(options: &Options) -> Self {
        Self {
            enabled: get(options, "publisher.enabled"),
            initial_delay: get(options, "publisher.initial_delay"),
            base_interval: get(options, "publisher.base_interval"),
            max_jitter: get(options, "publisher.max_jitter"),
        }
    }
}

/// How a topic with few neighbors looks for more: a small group may be a part that split off.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct BubbleMergeConfig {
    /// Whether a topic with few neighbors looks for more. Default: true.
    #[uniffi(default = None)]
    pub enabled: Option<bool>,
    /// The time from joining to the first look. Default: 30s.
    #[uniffi(default = None)]
    pub initial_interval: Option<Millis>,
    /// The shortest time from one look to the next. Later looks use the slots that the publisher looks up. Default:
    /// 1min. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub base_interval: Option<Millis>,
    /// A random time up to this is added if the topic has no publisher, so that the nodes do not look all at once.
    /// Default: 2min.
    #[uniffi(default = None)]
    pub max_jitter: Option<Millis>,
    /// A topic with this many neighbors does not look for more. Default: 4.
    #[uniffi(default = None)]
    pub min_neighbors: Option<u32>,
    /// How many peers are joined at once. Default: 2. Limits: 1 to 4294967295.
    #[uniffi(default = None)]
    pub max_join_peers: Option<u32>,
}

impl Record for BubbleMergeConfig {
    fn set_all(&self, options: &mut Options) -> Outcome {
        set(options, "bubble_merge.enabled", &self.enabled)?;
        set(options, "bubble_merge.initial_interval", &self.initial_interval)?;
        set(options, "bubble_merge.base_interval", &self.base_interval)?;
        set(options, "bubble_merge.max_jitter", &self.max_jitter)?;
        set(options, "bubble_merge.min_neighbors", &self.min_neighbors)?;
        set(options, "bubble_merge.max_join_peers", &self.max_join_peers)?;
        Ok(())
    }

    fn of(options: &Options) -> Self {
        Self {
            enabled: get(options, "bubble_merge.enabled"),
            initial_interval: get(options, "bubble_merge.initial_interval"),
            base_interval: get(options, "bubble_merge.base_interval"),
            max_jitter: get(options, "bubble_merge.max_jitter"),
            min_neighbors: get(options, "bubble_merge.min_neighbors"),
            max_join_peers: get(options, "bubble_merge.max_join_peers"),
        }
    }
}

/// How a split is noticed: a record whose messages are all unknown here comes from another part of the swarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct MessageOverlapMergeConfig {
    /// Whether a topic compares its messages with those that the records name, to notice a split. Default: true.
    #[uniffi(default = None)]
    pub enabled: Option<bool>,
    /// The time from joining to the first comparison. Default: 30s.
    #[uniffi(default = None)]
    pub initial_interval: Option<Millis>,
    /// The shortest time from one comparison to the next. Later ones use the slots that the publisher looks up.
    /// Default: 1min. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub base_interval: Option<Millis>,
    /// A random time up to this is added if the topic has no publisher, so that the nodes do not look all at once.
    /// Default: 2min.
    #[uniffi(default = None)]
    pub max_jitter: Option<Millis>,
    /// How many peers are joined at once. Default: 2. Limits: 1 to 4294967295.
    #[uniffi(default = None)]
    pub max_join_peers: Option<u32>,
}

impl Record for MessageOverlapMergeConfig {
    fn set_all(&self, options: &mut Options) -> Outcome {
        set(options, "message_overlap_merge.enabled", &self.enabled)?;
        set(options, "message_overlap_merge.initial_interval", &self.initial_interval)?;
        set(options, "message_overlap_merge.base_interval", &self.base_interval)?;
        set(options, "message_overlap_merge.max_jitter", &self.max_jitter)?;
        set(options, "message_overlap_merge.max_join_peers", &self.max_join_peers)?;
        Ok(())
    }

    fn of(options: &Options) -> Self {
        Self {
            enabled: get(options, "message_overlap_merge.enabled"),
            initial_interval: get(options, "message_overlap_merge.initial_interval"),
            base_interval: get(options, "message_overlap_merge.base_interval"),
            max_jitter: get(options, "message_overlap_merge.max_jitter"),
            max_join_peers: get(options, "message_overlap_merge.max_join_peers"),
        }
    }
}

/// How long calls on a topic may take.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct TimeoutConfig {
    /// How long a call that adds peers may take. Default: 5s. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub join_peer_timeout: Option<Millis>,
    /// How long a broadcast to all may take. Default: 5s. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub broadcast_timeout: Option<Millis>,
    /// How long a broadcast to the neighbors may take. Default: 5s. Limits: 1ms to 365d.
    #[uniffi(default = None)]
    pub broadcast_neighbors_timeout: Option<Millis>,
}

impl Record for TimeoutConfig {
    fn set_all(&self, options: &mut Options) -> Outcome {
        set(options, "timeouts.join_peer_timeout", &self.join_peer_timeout)?;
        set(options, "timeouts.broadcast_timeout", &self.broadcast_timeout)?;
        set(options, "timeouts.broadcast_neighbors_timeout", &self.broadcast_neighbors_timeout)?;
        Ok(())
    }

    fn of(options: &Options) -> Self {
        Self {
            join_peer_timeout: get(options, "timeouts.join_peer_timeout"),
            broadcast_timeout: get(options, "timeouts.broadcast_timeout"),
            broadcast_neighbors_timeout: get(options, "timeouts.broadcast_neighbors_timeout"),
        }
    }
}

/// All options of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct TopicConfig {
    /// The version of the protocol. All members of a topic must use the same one. Default: v1. One of v1, v2. Since
    /// 0.2.0.
    #[uniffi(default = None)]
    pub protocol: Option<ProtocolVersion>,
    /// Whether messages go without signatures, and messages of others without signatures are accepted. This is for
    /// topics with very many messages and members who trust each other: any member can then speak in the name of any
    /// other. All members of the topic should use the same value. Version 1 has no signatures, and this changes
    /// nothing there. Default: false. Since 0.2.0.
    #[uniffi(default = None)]
    pub unsigned_messages: Option<bool>,
    /// How many peers are dialed one after another, `bootstrap.per_peer_join_settle_time` apart, before a pause for
    /// confirmation. Default: 4. Limits: 1 to 4294967295.
    #[uniffi(default = None)]
    pub max_join_peer_count: Option<u32>,
    /// Which of its own addresses a node writes into its sealed records. Default: auto. One of auto, all, relay_only,
    /// off.
    #[uniffi(default = None)]
    pub address_hints: Option<AddressHints>,
    /// How many events wait for a subscriber at most (up to about 4 KiB each with default messages). If one more
    /// comes, the oldest goes, and the subscriber is told how many it missed. Default: 1024. Limits: 1 to 4294967295.
    #[uniffi(default = None)]
    pub event_capacity: Option<u32>,
    /// How the DHT is reached, and how patiently.
    #[uniffi(default = None)]
    pub dht: Option<DhtConfig>,
    /// How a newcomer reaches its first neighbor.
    #[uniffi(default = None)]
    pub bootstrap: Option<BootstrapConfig>,
    /// How often a joined topic publishes its record.
    #[uniffi(default = None)]
    pub publisher: Option<PublisherConfig>,
    /// How a topic with few neighbors looks for more: a small group may be a part that split off.
    #[uniffi(default = None)]
    pub bubble_merge: Option<BubbleMergeConfig>,
    /// How a split is noticed: a record whose messages are all unknown here comes from another part of the swarm.
    #[uniffi(default = None)]
    pub message_overlap_merge: Option<MessageOverlapMergeConfig>,
    /// How long calls on a topic may take.
    #[uniffi(default = None)]
    pub timeouts: Option<TimeoutConfig>,
}

impl Record for TopicConfig {
    fn set_all(&self, options: &mut Options) -> Outcome {
        set(options, "protocol", &self.protocol)?;
        set(options, "unsigned_messages", &self.unsigned_messages)?;
        set(options, "max_join_peer_count", &self.max_join_peer_count)?;
        set(options, "address_hints", &self.address_hints)?;
        set(options, "event_capacity", &self.event_capacity)?;
        set_group(options, &self.dht)?;
        set_group(options, &self.bootstrap)?;
        set_group(options, &self.publisher)?;
        set_group(options, &self.bubble_merge)?;
        set_group(options, &self.message_overlap_merge)?;
        set_group(options, &self.timeouts)?;
        Ok(())
    }

    fn of(options: &Options) -> Self {
        Self {
            protocol: get(options, "protocol"),
            unsigned_messages: get(options, "unsigned_messages"),
            max_join_peer_count: get(options, "max_join_peer_count"),
            address_hints: get(options, "address_hints"),
            event_capacity: get(options, "event_capacity"),
            dht: get_group(options),
            bootstrap: get_group(options),
            publisher: get_group(options),
            bubble_merge: get_group(options),
            message_overlap_merge: get_group(options),
            timeouts: get_group(options),
        }
    }
}

/// How a node is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct NodeConfig {
    /// The node's secret key, which makes its id. Default: a new one.
    #[uniffi(default = None)]
    pub secret_key: Option<RawSecretKey>,
    /// Which relay servers the node uses where it finds no direct path: iroh's public ones (`default`), none
    /// (`disabled`), or a list of URLs.
    #[uniffi(default = None)]
    pub relays: Option<Relays>,
    /// The UDP addresses that the node binds, as `0.0.0.0:4433` or `[::]:0`: at most one of IPv4 and one of IPv6.
    /// Port 0 takes a free port. By default it binds all interfaces.
    #[uniffi(default = None)]
    pub bind_addresses: Option<Vec<String>>,
    /// How addresses of peers are found beside those in the records: by iroh's public services (`default`), or not at
    /// all (`none`). The public services also tell others this node's addresses. One of default, none.
    #[uniffi(default = None)]
    pub address_lookups: Option<AddressLookups>,
    /// Whether the node asks the router for a port (UPnP, PCP, NAT-PMP), if the library was built with that. Default:
    /// true.
    #[uniffi(default = None)]
    pub port_mapping: Option<bool>,
    /// The size of a gossip message with its frame, in bytes. All nodes of a topic need the same. Default: 4KiB.
    /// Limits: 512 to 1MiB.
    #[uniffi(default = None)]
    pub max_message_size: Option<u32>,
    /// How long closing a node may take, for peers to take notice. Default: 2s.
    #[uniffi(default = None)]
    pub close_timeout: Option<Millis>,
    /// The options of topics that are joined without options of their own, the DHT's among them.
    #[uniffi(default = None)]
    pub topics: Option<TopicConfig>,
}

impl Record for NodeConfig {
    fn set_all(&self, options: &mut Options) -> Outcome {
        set(options, "relays", &self.relays)?;
        set(options, "bind_addresses", &self.bind_addresses)?;
        set(options, "address_lookups", &self.address_lookups)?;
        set(options, "port_mapping", &self.port_mapping)?;
        set(options, "max_message_size", &self.max_message_size)?;
        set(options, "close_timeout", &self.close_timeout)?;
        set_group(options, &self.topics)?;
        Ok(())
    }

    fn of(options: &Options) -> Self {
        Self {
            secret_key: None,
            relays: get(options, "relays"),
            bind_addresses: get(options, "bind_addresses"),
            address_lookups: get(options, "address_lookups"),
            port_mapping: get(options, "port_mapping"),
            max_message_size: get(options, "max_message_size"),
            close_timeout: get(options, "close_timeout"),
            topics: get_group(options),
        }
    }
}
