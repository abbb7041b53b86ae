//! The process's log, handed to a function. A process has one, whatever language its parts are in.

use std::{
    cell::Cell,
    fmt::{self, Write},
    sync::{
        Arc, OnceLock, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use dtt_core::sync::Unpoisoned;
pub use tracing::Level;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// How much is logged: each level includes those before it.
pub const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// Is called for each line: its level, where it comes from (`dtt::topic` for example), and the text. From any thread, several at
/// once.
pub type Sink = Arc<dyn Fn(Level, &'static str, String) + Send + Sync>;

/// How many levels are wanted, and the sink.
static SINK: RwLock<Option<(usize, Sink)>> = RwLock::new(None);
/// The sink's number of levels, or 0. Most lines are left out by it, without a lock. It changes with the sink, under its lock.
static WANTED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// A sink that logs by way of the library would never end.
    static LOGGING: Cell<bool> = const { Cell::new(false) };
}

/// Makes the process's log come here. False if another subscriber of `tracing` has it.
pub fn claim() -> bool {
    static CLAIMED: OnceLock<bool> = OnceLock::new();
    *CLAIMED.get_or_init(|| tracing::subscriber::set_global_default(ToSink).is_ok())
}

/// Hands the lines of the first so many [`LEVELS`] to a sink, instead of the one before: those of the engine at any level, those of
/// the libraries below it as errors and warnings only. The sink before is dropped when no call of it runs any more.
pub fn set(sink: Option<(usize, Sink)>) {
    let before = {
        let mut present = SINK.write().unpoisoned();
        WANTED.store(sink.as_ref().map_or(0, |(levels, _)| *levels), Ordering::Relaxed);
        std::mem::replace(&mut *present, sink)
    };
    tracing::callsite::rebuild_interest_cache();
    drop(before);
}

/// Hands the process's log to the sink. Spans are left out.
struct ToSink;

/// The place of a level among [`LEVELS`], counted from 1.
fn number(level: Level) -> usize {
    LEVELS.iter().position(|known| *known == level).map_or(LEVELS.len(), |place| place + 1)
}

/// Whether a sink of so many levels wants lines of this kind.
fn is_wanted(metadata: &Metadata<'_>, levels: usize) -> bool {
    let is_ours = metadata.target() == "dtt" || metadata.target().starts_with("dtt::");
    let most = if is_ours { levels } else { levels.min(number(Level::WARN)) };
    metadata.is_event() && number(*metadata.level()) <= most
}

impl Subscriber for ToSink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_wanted(metadata, WANTED.load(Ordering::Relaxed))
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        let most = WANTED.load(Ordering::Relaxed).checked_sub(1);
        Some(most.and_then(|most| LEVELS.get(most).copied()).into())
    }

    fn event(&self, event: &Event<'_>) {
        if LOGGING.replace(true) {
            return;
        }
        // Held during the call, so that the sink is dropped after it.
        let sink = SINK.read().unpoisoned().clone();
        let metadata = event.metadata();
        // It may have been replaced since the line was let through.
        if let Some((_, sink)) = sink.filter(|(levels, _)| is_wanted(metadata, *levels)) {
            let mut text = Text(String::new());
            event.record(&mut text);
            sink(*metadata.level(), metadata.target(), text.0);
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

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Instant};

    use super::*;
    use crate::support_test::LIMIT;

    #[test]
    fn a_sink_gets_the_levels_that_it_wants_and_is_dropped_when_it_is_replaced() {
        assert!(claim() && claim());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = lines.clone();
        let sink: Sink = Arc::new(move |level, target, text| {
            // It would call itself.
            tracing::error!(target: "dtt::test::log", "inside");
            // Other tests log too.
            if target.starts_with("dtt::test::log") || target == "elsewhere::log" {
                into.lock().unpoisoned().push((level, target, text));
            }
        });
        let log = || {
            tracing::debug!(target: "dtt::test::log", size = 3, "{} it", "read");
            tracing::trace!(target: "dtt::test::log", "too much");
            tracing::warn!(target: "elsewhere::log", name = "value", "noticed");
            tracing::info!(target: "elsewhere::log", "not ours");
        };
        set(Some((4, sink)));
        log();
        set(Some((1, Arc::new(|_, _, _| {}))));
        let deadline = Instant::now() + LIMIT;
        while Arc::strong_count(&lines) > 1 {
            // Another test's thread may be in a call of it.
            assert!(Instant::now() < deadline, "the sink is still there");
            std::thread::yield_now();
        }
        log();
        set(None);
        log();
        let debug = (Level::DEBUG, "dtt::test::log", "read it size=3".to_owned());
        let warning = (Level::WARN, "elsewhere::log", "noticed name=\"value\"".to_owned());
        assert_eq!(*lines.lock().unpoisoned(), [debug, warning]);
    }
}
