//! A topic at work: its handle, the task that drives it, its events, and its use of the DHT.
//!
//! From the lowest layer up: keys (of either version) and messages; events and search; the hub that the parts share;
//! store, connector, and what slots show; the driver; the handle.

mod budget;
mod connector;
mod context;
mod driver;
mod events;
mod handle;
mod hub;
mod keys;
mod messages;
mod other_slots;
mod own_address;
mod search;
mod slots;
mod store;
mod why_alone;

pub(in crate::net) use connector::Connector;
pub(crate) use context::Context;
pub use events::{Event, Events};
pub use handle::Topic;
pub(in crate::net) use handle::WeakTopic;
pub(crate) use handle::spawn_topic;
pub(crate) use keys::Keys;
pub use messages::{Message, Origin};
