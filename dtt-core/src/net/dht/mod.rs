//! The DHT client that all topics of a process share, and its lookups and stores.

mod client;
mod lookups;

pub use lookups::Dht;
pub(in crate::net) use lookups::{Found, Place};
