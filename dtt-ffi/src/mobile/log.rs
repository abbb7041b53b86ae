//! The library's log, handed to a listener. It is the C ABI's log too: a process has one.

use std::sync::Arc;

use dtt_embed::log::{self, LEVELS, Level};

use super::{call::Outcome, error::RawError};

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
    if !log::claim() {
        return Err(RawError::internal("the process has another subscriber of Rust's tracing already"));
    }
    let listener = listener.filter(|_| level != LogLevel::Off);
    log::set(listener.map(|listener| {
        let sink = move |level, target: &str, text| {
            // There is nowhere to tell of a log that fails.
            let _ = listener.on_line(LogLevel::of(level), target.to_owned(), text);
        };
        (level as usize, Arc::new(sink) as log::Sink)
    }));
    Ok(())
}

impl LogLevel {
    fn of(level: Level) -> Self {
        const KNOWN: [LogLevel; LEVELS.len()] =
            [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
        LEVELS.iter().position(|known| *known == level).map_or(Self::Trace, |place| KNOWN[place])
    }
}
