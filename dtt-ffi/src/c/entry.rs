//! What every call goes through: no panic and no forked child gets any further than here.

use std::{any::Any, panic::AssertUnwindSafe};

use dtt_embed::{fork, runtime};

pub(super) use super::fault::{Fault, Outcome};
use super::{
    error::{dtt_error_t, report},
    status::dtt_status_t::{self, *},
};

/// Runs a call and makes a status of how it ended.
pub(super) fn entry(error: *mut *mut dtt_error_t, call: impl FnOnce() -> Outcome) -> dtt_status_t {
    match guarded(call) {
        Ok(()) => DTT_OK,
        Err(fault) => {
            let status = fault.status;
            report(error, fault);
            status
        }
    }
}

/// Runs a call that has no status to end with: when it cannot be answered, as in a forked child, the answer is `otherwise`.
pub(super) fn answer<T>(otherwise: T, call: impl FnOnce() -> Outcome<T>) -> T {
    guarded(call).unwrap_or(otherwise)
}

/// The same for what only reads the handle itself, without any lock: that works in a forked child too.
pub(super) fn peek<T>(otherwise: T, call: impl FnOnce() -> Outcome<T>) -> T {
    caught(call).unwrap_or(otherwise)
}

/// Frees something. A forked child leaves it alone: whatever it belongs to runs in the parent.
pub(super) fn release(free: impl FnOnce()) {
    let _ = guarded(|| {
        let _context = runtime::context();
        free();
        Ok(())
    });
}

fn guarded<T>(call: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    fork::guard()?;
    caught(call)
}

fn caught<T>(call: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    std::panic::catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(Fault::new(DTT_PANIC, format!("the library panicked: {}", text_of(&*panic)))))
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
