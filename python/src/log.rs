//! From the engine's log events to Python's `logging`, by way of a bounded mailbox.

use std::{
    fmt::{Debug, Write},
    sync::{
        Once,
        atomic::{AtomicU8, Ordering},
    },
};

use pyo3::prelude::*;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

use crate::mailbox::Mailbox;

/// A log event: where, how grave (as `logging` counts), what.
struct Line {
    target: &'static str,
    level: u8,
    text: String,
}

static LINES: Mailbox<Line> = Mailbox::new(4096);
/// The least grave level that someone wants to see, as `logging` counts.
static LEVEL: AtomicU8 = AtomicU8::new(NOTHING);
const NOTHING: u8 = u8::MAX;

struct Bridge;

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && metadata.target().starts_with("dtt::")
            && number(metadata.level()) >= LEVEL.load(Ordering::Relaxed)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        LINES.push(Line { target: metadata.target(), level: number(metadata.level()), text: text.whole() });
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        match metadata.is_event() && metadata.target().starts_with("dtt::") {
            true => tracing::subscriber::Interest::sometimes(),
            false => tracing::subscriber::Interest::never(),
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message, then the other fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn whole(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            _ => self.record_debug(field, &value),
        }
    }
}

/// A level as `logging` numbers it; below DEBUG there is room for TRACE.
fn number(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

/// Sets the least grave level that is handed over, as `logging` numbers it. The first call switches the bridge on.
#[pyfunction]
pub(crate) fn set_log_level(level: u32) {
    static BRIDGE: Once = Once::new();
    LEVEL.store(u8::try_from(level).unwrap_or(NOTHING), Ordering::Relaxed);
    // Another subscriber can only be there if this code runs twice, and then it does the same.
    BRIDGE.call_once(|| drop(tracing::subscriber::set_global_default(Bridge)));
}

type Lines = (Vec<(&'static str, u8, String)>, u64);

/// Waits for log events: each with its target, level and text; and how many found no room. None when stopped.
#[pyfunction]
pub(crate) fn take_log(py: Python<'_>) -> Option<Lines> {
    let taken = LINES.take(py)?;
    let lines = taken.waiting.into_iter().map(|line| (line.target, line.level, line.text)).collect();
    Some((lines, taken.refused))
}

/// Ends `take_log` for good.
#[pyfunction]
pub(crate) fn stop_log() {
    LEVEL.store(NOTHING, Ordering::Relaxed);
    LINES.stop();
}
