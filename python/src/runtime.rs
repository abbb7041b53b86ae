//! The threads behind every call, and the two moments at which they are gone: after a fork, and when the process ends.

use std::{
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::{
    error::{Fault, FaultKind},
    mailbox,
};

/// Never dropped: a runtime cannot end from within, and at the end of the process the system is quicker.
static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
/// Set in the child of a process that has the runtime, or a thread of Python's that reads a mailbox.
static FORKED: AtomicBool = AtomicBool::new(false);

/// The runtime; it is started if it does not run.
pub(crate) fn runtime() -> Result<&'static Runtime, Fault> {
    not_forked()?;
    let start = || Builder::new_multi_thread().enable_all().thread_name("dtt").build();
    let runtime = RUNTIME.get_or_init(|| start().map_err(|error| error.to_string()));
    runtime.as_ref().map_err(|error| {
        Fault::new(FaultKind::of(dtt_core::ErrorKind::Bind), format!("the engine's threads cannot start: {error}"))
    })
}

/// Threads do not survive a fork: whoever waited for them in the child would wait for ever.
pub(crate) fn not_forked() -> Result<(), Fault> {
    match FORKED.load(Ordering::Relaxed) {
        false => Ok(()),
        true => Err(Fault::new(
            FaultKind::FORKED,
            "this process was forked from one that uses dtt; its threads are not here. Start processes with the \
             method \"spawn\", or use dtt in the child only",
        )),
    }
}

/// To be called in the child after a fork.
#[pyfunction]
pub(crate) fn has_forked() {
    if RUNTIME.get().is_some() || mailbox::READ.load(Ordering::Relaxed) {
        FORKED.store(true, Ordering::Relaxed);
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

/// An object of the engine, which is dropped where its tasks can be spawned, and not at all in a forked child: there a
/// lock may be held by a thread that does not exist.
pub(crate) struct Engine<T>(ManuallyDrop<T>);

impl<T> Engine<T> {
    pub(crate) fn new(object: T) -> Self {
        Self(ManuallyDrop::new(object))
    }

    /// The object, unless this process is a forked child.
    pub(crate) fn get(&self) -> Result<&T, Fault> {
        not_forked().map(|()| self.0.deref())
    }

    pub(crate) fn get_mut(&mut self) -> Result<&mut T, Fault> {
        not_forked().map(|()| self.0.deref_mut())
    }
}

impl<T> Drop for Engine<T> {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            let _context = runtime.enter();
            // SAFETY: it is not used after this.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}
