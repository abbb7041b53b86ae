//! What Swift and Kotlin get, by UniFFI: a thin adaptor over the engine's `Node` and `Topic`.
//!
//! Names that begin with `Raw` are for the hand-written layers in `bindings/`, which give them the shape that each
//! language expects; all others are the applications' own. Two rules hold for every call that waits:
//!
//! - It takes a [`RawCancel`], since Swift's cancellation does not reach a Rust future by itself.
//! - What is consumed is consumed by a call that does not wait ([`RawEvents::take`]), so that giving up never loses anything.

// What the records and objects hold may be secret, and the generated code prints them its own way.
#![allow(missing_debug_implementations)]

mod call;
mod config;
mod error;
mod event;
mod events;
mod ids;
mod key;
mod listener;
mod log;
mod millis;
mod node;
mod node_config;
mod options;
mod rotation;
mod stats;
mod testnet;
mod topic;

pub use call::RawCancel;
pub use config::*;
pub use error::{ErrorKind, ListenerError, RawError, RotationError, raw_alive_tasks, raw_fail_on_purpose};
pub use event::{Event, Message, MessageScope, TopicState};
pub use events::RawEvents;
pub use ids::*;
pub use key::*;
pub use listener::{EventListener, RawListening};
pub use log::{LogLevel, LogListener, set_log_listener};
pub use millis::Millis;
pub use node::RawNode;
pub use node_config::*;
pub use options::*;
pub use rotation::{SecretRotation, default_rotation};
pub use stats::{DhtHealth, NodeStats, TopicStats};
pub use testnet::{RawTestnet, testnet_node_config};
pub use topic::RawTopic;
