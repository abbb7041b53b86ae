//! The library's log, handed to a callback.

use std::{
    cell::Cell,
    ffi::{CString, c_char, c_void},
    fmt::{self, Write},
    sync::{
        Arc, OnceLock, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

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

struct Sink {
    level: usize,
    callback: extern "C" fn(*mut c_void, i32, *const c_char, *const c_char),
    userdata: Userdata,
}

static SINK: RwLock<Option<Arc<Sink>>> = RwLock::new(None);
/// The sink's level, or 0: what most lines are left out by without a lock. It changes with the sink, under its lock.
static LEVEL: AtomicUsize = AtomicUsize::new(0);
/// Whether the process's log comes here. It is asked for once.
static INSTALLED: OnceLock<bool> = OnceLock::new();

thread_local! {
    /// A callback that logs by way of the library would never end.
    static LOGGING: Cell<bool> = const { Cell::new(false) };
}

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
        let install = || tracing::subscriber::set_global_default(ToCallback).is_ok();
        if !*INSTALLED.get_or_init(install) {
            return Err(Fault::new(DTT_BUSY, "the process has another subscriber of Rust's tracing already"));
        }
        let userdata = Userdata::new(userdata, destructor);
        // Userdata that comes without a callback has its destructor run at once, like any other that is done with.
        let sink = callback.filter(|_| level > 0).map(|callback| Arc::new(Sink { level, callback, userdata }));
        let before = {
            let mut present = SINK.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            LEVEL.store(sink.as_ref().map_or(0, |sink| sink.level), Ordering::Relaxed);
            std::mem::replace(&mut *present, sink)
        };
        tracing::callsite::rebuild_interest_cache();
        drop(before);
        Ok(())
    })
}

/// Hands the process's log to the callback. Spans are left out.
struct ToCallback;

/// Whether lines of this kind are meant for a callback of this level.
fn is_wanted(metadata: &Metadata<'_>, level: usize) -> bool {
    let is_ours = metadata.target() == "dtt" || metadata.target().starts_with("dtt::");
    let most = if is_ours { filter(level) } else { filter(level).min(LevelFilter::WARN) };
    metadata.is_event() && *metadata.level() <= most
}

fn filter(level: usize) -> LevelFilter {
    const FILTERS: [LevelFilter; 6] = [
        LevelFilter::OFF,
        LevelFilter::ERROR,
        LevelFilter::WARN,
        LevelFilter::INFO,
        LevelFilter::DEBUG,
        LevelFilter::TRACE,
    ];
    FILTERS[level.min(5)]
}

impl Subscriber for ToCallback {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_wanted(metadata, LEVEL.load(Ordering::Relaxed))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(filter(LEVEL.load(Ordering::Relaxed)))
    }

    fn event(&self, event: &Event<'_>) {
        if LOGGING.replace(true) {
            return;
        }
        // Held during the call, so that the destructor comes after it.
        let sink = SINK.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        // It may have been replaced since the line was let through.
        if let Some(sink) = sink.filter(|sink| is_wanted(event.metadata(), sink.level)) {
            let mut text = Text(String::new());
            event.record(&mut text);
            let [target, message] = [event.metadata().target(), &text.0]
                .map(|text| CString::new(text.replace('\0', "\u{FFFD}")).unwrap_or_default());
            let level = number(event.metadata().level());
            (sink.callback)(sink.userdata.pointer(), level, target.as_ptr(), message.as_ptr());
        }
        LOGGING.set(false);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn number(level: &Level) -> i32 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// The message first, and then the fields as `name=value`.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => {
                let rest = std::mem::take(&mut self.0);
                write!(self.0, "{value:?}{rest}")
            }
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
