//! What topics run on: an endpoint, the gossip layer on it, and the DHT.

mod config;
mod handle;
mod join_options;
mod stretch;
mod transport;

pub use config::{AddressLookups, NodeConfig, NodeConfigBuilder, Relays};
pub use handle::Node;
pub use join_options::JoinOptions;
pub use transport::transport_config;
