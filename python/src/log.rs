//! From the engine's log events to Python's `logging`, by way of a bounded mailbox.

use std::sync::Arc;

use dtt_embed::log::{self, LEVELS, Level};
use pyo3::prelude::*;

use crate::mailbox::Mailbox;

/// A log event: where, how grave (as `logging` counts), what.
struct Line {
    target: &'static str,
    level: u8,
    text: String,
}

static LINES: Mailbox<Line> = Mailbox::new(4096);

/// A level as `logging` numbers it; below DEBUG there is room for TRACE.
fn number(level: Level) -> u8 {
    match level {
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
    let levels = LEVELS.iter().take_while(|known| u32::from(number(**known)) >= level).count();
    // Another subscriber can only be there if this code runs twice, and then it does the same.
    log::claim();
    log::set((levels > 0).then(|| (levels, Arc::new(push) as log::Sink)));
}

/// The engine's own lines; those of the libraries below it are for other programs.
fn push(level: Level, target: &'static str, text: String) {
    if target.starts_with("dtt::") {
        LINES.push(Line { target, level: number(level), text });
    }
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
    log::set(None);
    LINES.stop();
}
