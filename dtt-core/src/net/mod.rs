//! Everything that reaches the network, from the lowest layer up: addresses and counters, the DHT, the gossip layer, a
//! topic, the node.

mod addresses;
mod clock;
mod dht;
mod gossip;
mod node;
mod same_key;
mod stats;
mod testnet;
mod topic;

pub(crate) use addresses::Addresses;
pub use clock::unix_minute;
pub use dht::Dht;
pub(crate) use gossip::Layer;
pub use node::{AddressLookups, JoinOptions, Node, NodeConfig, NodeConfigBuilder, Relays, transport_config};
pub use stats::{DhtHealth, NodeStats, RefusedMessages, RefusedRecords, TopicStats};
pub use testnet::Testnet;
pub(crate) use topic::{Context, Keys, spawn_topic};
pub use topic::{Event, Events, Message, Origin, Topic};
