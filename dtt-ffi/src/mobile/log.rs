//! The library's log, handed to a listener. It is the C ABI's log: a process has one.

use std::{
    ffi::{CStr, c_char, c_void},
    ptr::null_mut,
    sync::Arc,
};

use super::{call::Outcome, error::RawError};
use crate::c::{dtt_error_free, dtt_error_message, dtt_log_set_callback, dtt_status_t};

/// How much is logged: each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, uniffi::Enum)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong for good.
    Error,
    /// What went wrong and is being mended.
    Warn,
    /// What happens seldom: a node starts or ends.
    Info,
    /// What happens often: records, lookups, dials.
    Debug,
    /// Everything.
    Trace,
}

const LEVELS: [LogLevel; 6] =
    [LogLevel::Off, LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];

/// Is told of each log line.
///
/// From any of the library's threads, several at once: be quick, and call nothing of this library. What it throws is dropped.
/// Secrets are never in a line.
#[uniffi::export(foreign)]
pub trait LogListener: Send + Sync {
    /// A line: its level, where it comes from (`dtt::topic` for example), and the text.
    fn on_line(&self, level: LogLevel, target: String, text: String) -> Result<(), super::error::ListenerError>;
}

/// Has a listener called for each log line up to a level, instead of the one before, for the whole process. No listener or
/// `Off` ends it.
#[uniffi::export]
pub fn set_log_listener(level: LogLevel, listener: Option<Arc<dyn LogListener>>) -> Outcome {
    let level = LEVELS.iter().position(|known| *known == level).unwrap_or(0) as i32;
    let callback = listener.is_some().then_some(line as extern "C" fn(_, _, _, _));
    let userdata = listener.map_or(null_mut(), |listener| Box::into_raw(Box::new(listener)).cast());
    let mut error = null_mut();
    // SAFETY: the listener is freed by `free` exactly once after its last call, or here if the call fails.
    unsafe {
        let status = dtt_log_set_callback(level, callback, userdata, Some(free), &mut error);
        if status == dtt_status_t::DTT_OK {
            return Ok(());
        }
        free(userdata);
        let message = CStr::from_ptr(dtt_error_message(error)).to_string_lossy().into_owned();
        dtt_error_free(error);
        Err(RawError::internal(message))
    }
}

extern "C" fn line(listener: *mut c_void, level: i32, target: *const c_char, text: *const c_char) {
    // SAFETY: `listener` is what `set_log_listener` gave, and the texts are valid during the call.
    let (listener, target, text) =
        unsafe { (&*listener.cast::<Arc<dyn LogListener>>(), CStr::from_ptr(target), CStr::from_ptr(text)) };
    let level = usize::try_from(level).ok().and_then(|level| LEVELS.get(level)).copied().unwrap_or(LogLevel::Trace);
    let [target, text] = [target, text].map(|text| text.to_string_lossy().into_owned());
    // There is nowhere to tell of a log that fails.
    let _ = listener.on_line(level, target, text);
}

extern "C" fn free(listener: *mut c_void) {
    if !listener.is_null() {
        // SAFETY: it is the box that `set_log_listener` made, and this is its one end.
        drop(unsafe { Box::from_raw(listener.cast::<Arc<dyn LogListener>>()) });
    }
}
