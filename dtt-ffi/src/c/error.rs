//! The message of a failed call.

use std::ffi::{CString, c_char};

use super::{
    fault::Fault,
    handle::{self, Opaque},
    status::dtt_status_t,
};

/// Why a call failed: a status and a message that names the argument, the limit and the value. Secrets are never in it.
///
/// Every function that can fail takes a `dtt_error_t **` as its last argument. It may be NULL. When the call fails and
/// it is not NULL, a new error is written to it, which the caller frees with dtt_error_free; what was in it before is
/// not looked at. When the call works, nothing is written.
pub struct dtt_error_t {
    status: dtt_status_t,
    message: CString,
}

impl Opaque for dtt_error_t {
    const NAME: &'static str = "dtt_error_t";
}

/// Hands a fault to who asked for its message.
pub(super) fn report(error: *mut *mut dtt_error_t, fault: Fault) {
    if let Ok(out) = handle::Out::new(error, "error") {
        let message = CString::new(fault.message.replace('\0', "\u{FFFD}")).unwrap_or_default();
        out.give(dtt_error_t { status: fault.status, message });
    }
}

/// The status that the call ended with; DTT_NULL or DTT_BAD_HANDLE if this is no error. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_error_status(error: *const dtt_error_t) -> dtt_status_t {
    match handle::borrow(error, "error") {
        Ok(error) => error.status,
        Err(fault) => fault.status,
    }
}

/// The message: UTF-8, never NULL, valid until the error is freed. For NULL it is an empty text. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_error_message(error: *const dtt_error_t) -> *const c_char {
    handle::borrow(error, "error").map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// Frees an error. NULL is fine. Any thread, also in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_error_free(error: *mut dtt_error_t) {
    drop(handle::take(error));
}
