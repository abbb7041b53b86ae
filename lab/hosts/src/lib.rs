//! Shared parts of the lab's programs: hosts in network namespaces, child processes, a DHT, and an endpoint for
//! programs of the peer implementation.

mod dht;
mod endpoint;
mod namespace;
mod process;

pub use dht::{DHT_NODES, DHT_PORT, run_dht};
pub use endpoint::{key, their_endpoint};
pub use namespace::{Namespace, ip};
pub use process::{Line, Process};
