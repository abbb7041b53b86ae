//! The library's log, handed to a callback.

use std::{
    ffi::{CString, c_char, c_void},
    sync::Arc,
};

use dtt_embed::log::{self, LEVELS, Level, Sink};

use super::{
    entry::{Fault, entry},
    error::dtt_error_t,
    handle::{Userdata, dtt_destructor_t},
    status::dtt_status_t::{self, *},
};

/// How much is logged: each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum dtt_log_level_t {
    /// Nothing.
    DTT_LOG_OFF = 0,
    /// What went wrong for good.
    DTT_LOG_ERROR = 1,
    /// What went wrong and is being mended.
    DTT_LOG_WARN = 2,
    /// What happens seldom: a node starts or ends.
    DTT_LOG_INFO = 3,
    /// What happens often: records, lookups, dials.
    DTT_LOG_DEBUG = 4,
    /// Everything.
    DTT_LOG_TRACE = 5,
}

/// Is called for each log line: its level (one of dtt_log_level_t), where it comes from ("dtt::topic" for example), and
/// the text, both UTF-8 and valid during the call. From any thread, several at once; it must be quick, must not throw, and must
/// not call dtt functions that take a node, a topic, an event queue or a testnet. Secrets are never in it.
pub type dtt_log_callback_t =
    Option<extern "C" fn(userdata: *mut c_void, level: i32, target: *const c_char, message: *const c_char)>;

/// Has a function called for each log line up to `level` (one of dtt_log_level_t), instead of the one before, for the whole process.
/// The library's own lines come at any level, those of the libraries below it as errors and warnings only. DTT_LOG_OFF or a NULL
/// `callback` ends it.
///
/// `destructor` (which may be NULL) is called with `userdata` when the callback was replaced and no call runs any more, exactly
/// once. If this call fails, it is not called. Any thread, but not inside a log callback. DTT_OK, DTT_UNKNOWN_OPTION, DTT_BUSY
/// (the process has another subscriber of Rust's `tracing`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_log_set_callback(
    level: i32,
    callback: dtt_log_callback_t,
    userdata: *mut c_void,
    destructor: dtt_destructor_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let level = usize::try_from(level)
            .ok()
            .filter(|level| *level <= dtt_log_level_t::DTT_LOG_TRACE as usize)
            .ok_or_else(|| Fault::unknown_option("level", level, "0 to 5"))?;
        if !log::claim() {
            return Err(Fault::new(DTT_BUSY, "the process has another subscriber of Rust's tracing already"));
        }
        let userdata = Userdata::new(userdata, destructor);
        // Userdata that comes without a callback has its destructor run at once, like any other that is done with.
        log::set(callback.filter(|_| level > 0).map(|callback| (level, sink(callback, userdata))));
        Ok(())
    })
}

fn sink(callback: extern "C" fn(*mut c_void, i32, *const c_char, *const c_char), userdata: Userdata) -> Sink {
    Arc::new(move |level, target, text| {
        let [target, text] =
            [target, &text].map(|text| CString::new(text.replace('\0', "\u{FFFD}")).unwrap_or_default());
        callback(userdata.pointer(), number(level), target.as_ptr(), text.as_ptr());
    })
}

fn number(level: Level) -> i32 {
    LEVELS.iter().position(|known| *known == level).map_or(0, |place| place as i32 + 1)
}
