//! What the C ABI, the Swift and Kotlin bindings and the Python module have in common: the engine embedded in a process that
//! is not Rust. Each of them only turns this into types and errors of its language.
//!
//! - [`fork`] and [`runtime`]: one Tokio runtime for the process, and none in a forked child.
//! - [`Owned`]: an object of the engine that is dropped where it can be.
//! - [`Queue`]: a subscriber's events, for threads that wait, loops that poll a descriptor, futures, and listeners.
//! - [`Listener`]: the application's code, called on threads that may block.
//! - [`closing`]: the one limit for closing.
//! - [`log`]: the process's log, handed to a function.
//!
//! The files know each other in this order only: error, fork, runtime, owned and closing, bell, listening, queue. The log
//! stands alone.

mod bell;
pub mod closing;
mod error;
pub mod fork;
mod listening;
#[cfg(test)]
mod listening_test;
pub mod log;
mod owned;
mod queue;
#[cfg(test)]
mod queue_test;
pub mod runtime;
#[cfg(test)]
mod support_test;

pub use dtt_core::sync::Unpoisoned;
pub use error::{Error, Result};
pub use listening::{Listener, Listeners, Listening};
pub use owned::Owned;
pub use queue::{Next, Queue};
