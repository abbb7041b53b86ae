//! The timers of one topic.

use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Entries in the order in which they are due.
#[derive(Debug)]
pub(super) struct Timers<T> {
    due: BTreeMap<(Instant, u64), T>,
    number: u64,
    sleep: Pin<Box<Sleep>>,
}

impl<T> Timers<T> {
    pub(super) fn new() -> Self {
        Self { due: BTreeMap::new(), number: 0, sleep: Box::pin(sleep_until(Instant::now())) }
    }

    pub(super) fn insert(&mut self, at: Instant, what: T) {
        self.number += 1;
        self.due.insert((at, self.number), what);
    }

    /// The first entry that is due.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        loop {
            let Some(((at, _), _)) = self.due.first_key_value() else { return Poll::Pending };
            if *at <= Instant::now() {
                return Poll::Ready(self.due.pop_first().expect("there is a first").1);
            }
            if self.sleep.deadline() != *at || self.sleep.is_elapsed() {
                self.sleep.as_mut().reset(*at);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
