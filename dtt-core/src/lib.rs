#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![doc = "x"]
mod config;
mod error;
pub mod tracker;
pub mod wire;
pub use config::*;
pub use error::{Error, ErrorKind, RecordError, Result};
pub use wire::*;
/// x
pub struct TopicStats;
