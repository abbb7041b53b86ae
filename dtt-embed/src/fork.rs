//! Forks: threads do not survive one.
//!
//! In a child, locks stay as they were at the fork. A call that waits there for a lock, or for a thread of the engine, never
//! ends. So a process that uses the engine is watched, and calls in its children are refused.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Whether a fork would be noticed.
static WATCHING: AtomicBool = AtomicBool::new(false);
/// Set in the child of a process that was watched.
static FORKED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_the_child() {
    FORKED.store(true, Ordering::Relaxed);
}

/// Fails in a child of a process that was watched. It takes no lock.
pub fn check() -> Result {
    if FORKED.load(Ordering::Relaxed) { Err(Error::Forked) } else { Ok(()) }
}

/// [`check`], and watches this process from now on.
pub fn guard() -> Result {
    check()?;
    if !WATCHING.load(Ordering::Acquire) {
        // Two threads may register it twice, which does no harm; a lock could be held at the moment of a fork.
        // SAFETY: the handler only stores to an atomic.
        match unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) } {
            0 => WATCHING.store(true, Ordering::Release),
            error => return Err(Error::System(format!("pthread_atfork failed with {error}"))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_of_a_watched_process_is_refused_and_the_parent_is_not() {
        guard().unwrap();
        // SAFETY: the child takes no lock and allocates nothing.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(if check().is_err() && guard().is_err() { 7 } else { 1 });
            }
            assert!(child > 0);
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            status
        };
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status}");
        assert_eq!((check(), guard()), (Ok(()), Ok(())));
    }
}
