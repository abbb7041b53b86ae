//! What topics run on: an endpoint, the gossip layer on it, and the DHT.

mod config;
mod handle;
mod transport;

pub use config::{AddressLookups, JoinOptions, NodeConfig, NodeConfigBuilder, Relays};
pub use handle::Node;
pub use transport::transport_config;
