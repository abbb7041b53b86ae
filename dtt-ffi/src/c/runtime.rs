//! The threads behind every call: one Tokio runtime for the process, started by the first call that needs it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

use super::{
    entry::{Fault, Outcome},
    status::dtt_status_t::*,
};

/// Never dropped: a runtime cannot end from within, and at the end of the process the system is quicker.
static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
/// Whether a fork would be noticed.
static WATCHING: AtomicBool = AtomicBool::new(false);
/// Set in the child of a process that has used the library.
static FORKED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_the_child() {
    FORKED.store(true, Ordering::Relaxed);
}

/// Threads do not survive a fork, and locks stay as they were: whoever waited for them in the child would wait for ever.
/// The first call of any makes sure that forks are noticed.
pub(super) fn not_forked() -> Outcome {
    if FORKED.load(Ordering::Relaxed) {
        let message = "this process was forked from one that uses the library; its threads are not here";
        return Err(Fault::new(DTT_FORKED, message));
    }
    if !WATCHING.load(Ordering::Acquire) {
        // Two at once register it twice, which does no harm; a lock could be held just when the process forks.
        // SAFETY: the handler only stores to an atomic.
        match unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) } {
            0 => WATCHING.store(true, Ordering::Release),
            error => return Err(Fault::new(DTT_SYSTEM, format!("pthread_atfork failed with {error}"))),
        }
    }
    Ok(())
}

/// The runtime; it is started if it does not run.
pub(super) fn handle() -> Outcome<&'static Handle> {
    not_forked()?;
    let start = || {
        let runtime = Builder::new_multi_thread().enable_all().thread_name("dtt").build();
        runtime.map_err(|error| format!("the library's threads cannot start: {error}"))
    };
    match RUNTIME.get_or_init(start) {
        Ok(runtime) => Ok(runtime.handle()),
        Err(problem) => Err(Fault::new(DTT_SYSTEM, problem.clone())),
    }
}

/// The engine's objects may need their runtime when they are dropped.
pub(super) fn context() -> Option<EnterGuard<'static>> {
    RUNTIME.get().and_then(|runtime| runtime.as_ref().ok()).map(Runtime::enter)
}

/// Waits for a future. Also inside a destructor, which may run on one of the runtime's threads.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> Outcome<T> {
    let handle = handle()?;
    match Handle::try_current() {
        Ok(_) => Ok(tokio::task::block_in_place(|| handle.block_on(future))),
        Err(_) => Ok(handle.block_on(future)),
    }
}

/// Runs a future to its end in the background, and waits for that no longer than `limit`: none if it is not done yet.
/// The caller's own clock counts, so that not even a runtime that has no thread left can make it wait longer.
pub(super) fn wait_at_most<T: Send + 'static>(
    limit: Duration,
    future: impl Future<Output = T> + Send + 'static,
) -> Outcome<Option<T>> {
    let (tell, told) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        // Whoever has stopped waiting needs no answer.
        let _ = tell.send(future.await);
    });
    Ok(told.recv_timeout(limit).ok())
}
