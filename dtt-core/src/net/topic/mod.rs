//! A topic at work: its handle, the task that drives it, its events, and what it asks of the DHT.
//!
//! In the order of who uses whom: events and search, the hub that the parts share, store, connector and the reading of
//! minutes, the driver, the handle.

mod budget;
mod connector;
mod driver;
mod events;
mod handle;
mod hub;
mod minutes;
mod other_minutes;
mod search;
mod store;
mod why_alone;

pub(in crate::net) use connector::Connector;
pub use events::{Event, Events};
pub use handle::Topic;
pub(in crate::net) use handle::WeakTopic;
pub(crate) use handle::{Swarm, spawn_topic};
