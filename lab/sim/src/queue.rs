//! The event queue. Events come in the order of their time; events of equal time come in the order in which they were
//! scheduled.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Nanoseconds since the simulation began.
pub(crate) type Time = u64;

pub(crate) const MILLI: Time = 1_000_000;
pub(crate) const SECOND: Time = 1_000_000_000;
pub(crate) const MINUTE: Time = 60 * SECOND;

#[derive(Debug)]
struct Entry<E> {
    key: Reverse<(Time, u64)>,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// The queue, and the clock that moves with it.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    now: Time,
    scheduled: u64,
    heap: BinaryHeap<Entry<E>>,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self { now: 0, scheduled: 0, heap: BinaryHeap::new() }
    }

    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Schedules an event after this long.
    pub(crate) fn after(&mut self, delay: Time, event: E) {
        self.at(self.now + delay, event);
    }

    /// Schedules an event at this time, or now if that has passed.
    pub(crate) fn at(&mut self, time: Time, event: E) {
        self.scheduled += 1;
        self.heap.push(Entry { key: Reverse((time.max(self.now), self.scheduled)), event });
    }

    /// Takes the next event. The clock moves to its time.
    pub(crate) fn pop(&mut self) -> Option<E> {
        let Entry { key: Reverse((time, _)), event } = self.heap.pop()?;
        self.now = time;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_by_scheduling() {
        let mut queue = Queue::new();
        for (time, name) in [(30, "c"), (10, "a"), (30, "d"), (20, "b")] {
            queue.at(time, name);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop().map(|name| (queue.now(), name))).collect();
        assert_eq!(order, [(10, "a"), (20, "b"), (30, "c"), (30, "d")]);
        queue.at(5, "late");
        assert_eq!((queue.pop(), queue.now()), (Some("late"), 30), "the clock never goes back");
    }
}
