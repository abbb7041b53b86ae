//! The outside world: the shared DHT client, the address book, the task that drives a topic, the node.

mod addresses;
mod budget;
mod clock;
mod connector;
mod dht;
mod dht_client;
mod driver;
mod events;
mod gossip;
mod hub;
mod join_options;
mod minutes;
mod node;
mod node_config;
mod other_minutes;
mod search;
mod stats;
mod store;
mod testnet;
mod topic;
mod transport;
mod why_alone;

pub(crate) use addresses::Addresses;
pub use clock::unix_minute;
pub use dht::Dht;
pub use events::{Event, Events};
pub(crate) use gossip::Layer;
pub use node::Node;
pub use join_options::JoinOptions;
pub use node_config::{AddressLookups, NodeConfig, NodeConfigBuilder, Relays};
pub use stats::{DhtHealth, NodeStats, RefusedRecords, TopicStats};
pub(crate) use store::StoreJob;
pub use testnet::Testnet;
pub use topic::Topic;
pub(crate) use topic::{Swarm, spawn_topic};
pub use transport::transport_config;
