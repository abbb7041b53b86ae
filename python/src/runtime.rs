//! The engine's threads and objects, and a process that was forked from one that has them: `dtt_embed` with Python's errors.

use dtt_core::ErrorKind;
use dtt_embed::{Error, Owned, fork};
use pyo3::prelude::*;
use tokio::runtime::Handle;

use crate::error::{Fault, FaultKind};

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Forked => Self::new(
                FaultKind::FORKED,
                "this process was forked from one that uses dtt; its threads are not here. Start processes with the \
                 method \"spawn\", or use dtt in the child only",
            ),
            Error::System(problem) => Self::new(FaultKind::of(ErrorKind::Bind), problem),
            // Of queues with listeners, which Python has none of.
            other => Self::new(FaultKind::of(ErrorKind::Internal), other.to_string()),
        }
    }
}

/// The engine's threads, which are started if they do not run.
pub(crate) fn handle() -> Result<&'static Handle, Fault> {
    Ok(dtt_embed::runtime::handle()?)
}

/// Fails in the child of a process that used the engine.
pub(crate) fn not_forked() -> Result<(), Fault> {
    Ok(fork::check()?)
}

/// An object of the engine.
pub(crate) struct Engine<T>(Owned<T>);

impl<T> Engine<T> {
    pub(crate) fn new(object: T) -> Self {
        Self(Owned::new(object))
    }

    /// The object, unless this process is a forked child.
    pub(crate) fn get(&self) -> Result<&T, Fault> {
        Ok(self.0.get()?)
    }
}

/// Raises `ForkedError` in the child of a process that used the engine.
#[pyfunction]
pub(crate) fn check_fork() -> Result<(), Fault> {
    not_forked()
}

/// The present minute, plus an offset.
#[pyfunction]
#[pyo3(signature = (offset = 0))]
pub(crate) fn unix_minute(offset: i64) -> u64 {
    dtt_core::unix_minute(offset)
}
