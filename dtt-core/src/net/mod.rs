//! The outside world. In the order of who uses whom: addresses and counters, the DHT, the gossip layer, a topic, the node.

mod addresses;
mod clock;
mod dht;
mod gossip;
mod node;
mod stats;
mod testnet;
mod topic;

pub(crate) use addresses::Addresses;
pub use clock::unix_minute;
pub use dht::Dht;
pub(crate) use gossip::Layer;
pub use node::{AddressLookups, JoinOptions, Node, NodeConfig, NodeConfigBuilder, Relays, transport_config};
pub use stats::{DhtHealth, NodeStats, RefusedRecords, TopicStats};
pub use testnet::Testnet;
pub use topic::{Event, Events, Topic};
pub(crate) use topic::{Swarm, spawn_topic};
