//! Where the engine's threads leave word for Python's.

use std::{
    collections::VecDeque,
    mem::take,
    sync::{Condvar, Mutex, MutexGuard},
};

use dtt_embed::{Unpoisoned, fork};
use pyo3::prelude::*;

/// A bounded list of things to tell, which one thread of Python's waits for.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    refused: u64,
    stopped: bool,
}

/// What was taken at once.
pub(crate) struct Taken<T> {
    pub(crate) waiting: VecDeque<T>,
    /// How many found no room since the last time.
    pub(crate) refused: u64,
}

impl<T: Send> Mailbox<T> {
    pub(crate) const fn new(capacity: usize) -> Self {
        let state = State { waiting: VecDeque::new(), refused: 0, stopped: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), capacity }
    }

    /// Adds something. It is given up when there is no room, or nobody reads any more.
    pub(crate) fn push(&self, thing: T) {
        self.push_all([thing]);
    }

    pub(crate) fn push_all(&self, things: impl IntoIterator<Item = T>) {
        let mut state = self.lock();
        for thing in things {
            if state.stopped {
                return;
            }
            if state.waiting.len() >= self.capacity {
                state.refused += 1;
                continue;
            }
            state.waiting.push_back(thing);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Waits for something and takes all there is, with Python's lock released; none when stopped.
    pub(crate) fn take(&self, py: Python<'_>) -> Option<Taken<T>> {
        // A child has no such thread, and its lock may never be released. Where forks cannot be watched, nothing is lost.
        let _ = fork::guard();
        py.detach(|| {
            let mut state = self.lock();
            while state.waiting.is_empty() && !state.stopped {
                state = self.filled.wait(state).unpoisoned();
            }
            let taken = Taken { waiting: take(&mut state.waiting), refused: take(&mut state.refused) };
            (!state.stopped).then_some(taken)
        })
    }

    /// Ends the reader, and drops what waits.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        let dropped = take(&mut state.waiting);
        drop(state);
        drop(dropped);
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unpoisoned()
    }
}

/// Numbers of waits that are over. Python knows what each belongs to.
pub(crate) static WAKES: Mailbox<u64> = Mailbox::new(usize::MAX);

/// Waits until the engine has woken someone, and says whom; none when stopped.
#[pyfunction]
pub(crate) fn take_wakes(py: Python<'_>) -> Option<Vec<u64>> {
    WAKES.take(py).map(|taken| taken.waiting.into())
}

/// Ends `take_wakes` for good.
#[pyfunction]
pub(crate) fn stop_wakes() {
    WAKES.stop();
}
