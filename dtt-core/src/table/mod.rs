//! What the table of options is made of: rows, the types of values, and groups. The groups themselves are in `config` and `net`.

mod bootstrap_node;
mod row;
mod setting;
mod text;

pub(crate) use bootstrap_node::bootstrap_node;
pub use row::{Kind, Limits, Row, Scope, Section};
#[cfg(feature = "net")]
pub(crate) use setting::entries;
pub(crate) use setting::{AT_LEAST_ONE, DEFAULT, INTERVAL, Setting, WORDS, choices, joined};
pub use text::{parse_size, parse_time, show_size, show_time};

use crate::error::Result;

/// A group of options, whose keys are those of the table.
pub(crate) trait Group {
    /// Its part of the table.
    fn rows() -> Vec<Row>
    where
        Self: Sized;

    /// Sets an option; none if it is another group's. The error is what follows the key and a colon.
    fn set(&mut self, key: &str, text: &str) -> Option<Result<(), String>>;

    /// An option as text; none if it is another group's, or this group is switched off.
    fn get(&self, key: &str) -> Option<String>;

    /// Checks each option against its limits.
    fn check(&self) -> Result<()>;
}
