//! What Python's half needs to know of the engine's threads, and of a process that was forked from one with such threads.

use dtt_core::ErrorKind;
use dtt_embed::{Error, fork};
use pyo3::prelude::*;

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

/// Raises `ForkedError` in the child of a process that used the engine.
#[pyfunction]
pub(crate) fn check_fork() -> Result<(), Fault> {
    Ok(fork::check()?)
}

/// The present minute, plus an offset.
#[pyfunction]
#[pyo3(signature = (offset = 0))]
pub(crate) fn unix_minute(offset: i64) -> u64 {
    dtt_core::unix_minute(offset)
}
