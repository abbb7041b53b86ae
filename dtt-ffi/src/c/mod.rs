//! The C ABI: a thin adaptor over the engine's `Node` and `Topic`, and over `dtt-embed`. Every file is one idea; pointers become
//! Rust and back in `handle` alone. What every other file stands on is in this order: `status`, `fault`, `handle`, `error`, `entry`.

// The names are those of C, the header says for every function what its caller has to keep to, and what is opaque
// there (and may hold secrets) is opaque here.
#![allow(non_camel_case_types, clippy::missing_safety_doc, missing_debug_implementations)]

mod callback;
mod config;
mod entry;
mod error;
mod event;
mod events;
mod fault;
mod handle;
mod ids;
mod join_options;
mod log;
mod node;
mod rotation;
mod stats;
mod status;
mod testnet;
mod topic;
mod version;

pub use callback::dtt_event_callback_t;
pub use config::*;
pub use error::*;
pub use event::*;
pub use events::*;
pub use handle::dtt_destructor_t;
pub use ids::*;
pub use join_options::*;
pub use log::*;
pub use node::*;
pub use rotation::*;
pub use stats::*;
pub use status::*;
pub use testnet::*;
pub use topic::*;
pub use version::*;
