//! What subscribers receive, through bounded queues. A slow reader does not slow down the others.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use futures_util::Stream;
use iroh::EndpointId;

use super::messages::Message;
use crate::{sync::Unpoisoned, tracker::TopicState};

/// Bytes of messages that wait for a reader that may never come: a program that only sends has no reader.
const UNCLAIMED_BYTES: usize = 4 << 20;

/// Something that must live as long as somebody holds it.
pub(crate) type Keep = Arc<dyn Send + Sync>;

/// Something that happened on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A node became our direct neighbor.
    NeighborUp(EndpointId),
    /// A direct neighbor is no longer one.
    NeighborDown(EndpointId),
    /// A message came in.
    Received(Message),
    /// Events are missing here. `Some` is their exact number: this subscriber was too slow, and its queue was full.
    /// `None` says that the gossip layer lost events, and their number is not known. A node's own gossip layer waits
    /// instead of losing events. One that a program brings ([`crate::AutoDiscoveryGossip`]) loses events when it has
    /// more to do than the machine can, and it does not count them.
    Lagged(Option<u64>),
    /// The topic looks for neighbors, has joined, or is alone again.
    StateChanged(TopicState),
    /// Another process uses this node's key. Other nodes think that the two are one node, so each misses messages and
    /// neighbors. Each node needs a key of its own. If the two find each other, by a record or by a common neighbor, this
    /// comes once on each topic of both. A topic on a gossip layer that the program brought
    /// ([`crate::AutoDiscoveryGossip`]) cannot find out.
    KeyInUse,
}

/// A subscriber's own queue of events.
///
/// It is a [`Stream`]. It ends when the topic or the queue is closed and all queued events have been read. It keeps its
/// topic alive. Waiting is cancel-safe: an event is taken only when it is returned.
pub struct Events {
    queue: Arc<Queue>,
    _keep: Option<Keep>,
}

/// Shows how many events wait, and not the events: there may be thousands of messages.
impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("waiting", &self.queue.lock().events.len()).finish_non_exhaustive()
    }
}

impl Events {
    pub(super) fn new(queue: Arc<Queue>, keep: Option<Keep>) -> Self {
        Self { queue, _keep: keep }
    }

    /// The next event; `None` when the topic or the queue is closed and everything has been read.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.queue.poll_pop(cx)).await
    }

    /// Waits for events, then takes up to `max` of them in order. An empty list means that the topic or the queue is
    /// closed and everything has been read.
    pub async fn next_batch(&mut self, max: usize) -> Vec<Event> {
        let Some(first) = self.next().await else { return Vec::new() };
        let mut batch = vec![first];
        self.queue.lock().take(max.saturating_sub(1), &mut batch);
        batch
    }

    /// [`Events::next_batch`] for callers without an async runtime, or with a waker of their own. It adds up to `max`
    /// events (at least one) to `into` and returns how many. 0 means that the topic or the queue is closed and
    /// everything has been read. If no event waits, the waker is called when that changes.
    pub fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut VecDeque<Event>) -> Poll<usize> {
        self.queue.poll_take(cx, max.max(1), into)
    }

    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Option<Event> {
        self.queue.lock().pop()
    }

    /// Ends this queue alone: no further event comes into it, and events that are in it can still be read. A caller
    /// that waits for an event is woken. The topic stays open until this value is dropped.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Whether the topic or the queue is closed. There may still be events to read.
    pub fn is_closed(&self) -> bool {
        self.queue.lock().closed
    }

    /// Whether the topic or the queue is closed and everything has been read.
    pub fn is_finished(&self) -> bool {
        let state = self.queue.lock();
        state.closed && state.is_empty()
    }
}

/// The topic may hold the queue until its next event, but the events in it and the waker are released now.
impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.closed = true;
        let left = (std::mem::take(&mut state.events), state.waker.take());
        drop(state);
        drop(left);
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.queue.poll_pop(cx)
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    capacity: usize,
}

#[derive(Debug, Default)]
pub(super) struct State {
    events: VecDeque<Event>,
    /// Events that are missing before the first one that waits.
    missed: u64,
    /// Whether events that nobody counted are among the missing ones.
    missed_unknown: bool,
    missed_ever: u64,
    /// Nobody has taken the queue yet, and perhaps nobody will. Events that it misses until then do not mean that a
    /// reader is slow.
    unclaimed: bool,
    /// Bytes of the messages that wait.
    bytes: usize,
    /// Whether the reader has read everything at least once since it missed something.
    keeps_up: bool,
    closed: bool,
    waker: Option<Waker>,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), capacity })
    }

    /// A queue that waits for somebody to take it. It keeps less until then.
    pub(super) fn unclaimed(capacity: usize) -> Arc<Self> {
        let state = State { unclaimed: true, ..State::default() };
        Arc::new(Self { state: state.into(), capacity })
    }

    /// Marks the queue as taken: somebody reads it from now on.
    pub(super) fn claim(&self) {
        let mut state = self.lock();
        state.unclaimed = false;
        state.missed_ever = 0;
    }

    pub(super) fn is_unclaimed(&self) -> bool {
        self.lock().unclaimed
    }

    /// Adds events. If there is no room, the oldest go. A closed queue takes no more.
    pub(super) fn push(&self, events: &[Event]) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        for event in events {
            let bytes = bytes_of(event);
            let is_large = |state: &State| state.unclaimed && state.bytes + bytes > UNCLAIMED_BYTES;
            while !state.events.is_empty() && (state.events.len() >= self.capacity || is_large(&state)) {
                state.miss_oldest();
            }
            state.bytes += bytes;
            state.events.push_back(event.clone());
        }
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn depth(&self) -> usize {
        self.lock().events.len()
    }

    /// Whether this many events would make a reader miss something although it has kept up so far.
    pub(super) fn would_overrun(&self, events: usize) -> bool {
        let state = self.lock();
        let is_too_much = !state.events.is_empty() && state.events.len() + events > self.capacity;
        is_too_much && state.keeps_up && !state.closed
    }

    pub(super) fn missed_ever(&self) -> u64 {
        self.lock().missed_ever
    }

    fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.lock();
        match state.pop() {
            Some(event) => Poll::Ready(Some(event)),
            None => state.poll_end(cx).map(|()| None),
        }
    }

    fn poll_take(&self, cx: &mut Context<'_>, max: usize, into: &mut VecDeque<Event>) -> Poll<usize> {
        let mut state = self.lock();
        let before = into.len();
        state.take(max, into);
        match into.len() - before {
            0 => state.poll_end(cx).map(|()| 0),
            taken => Poll::Ready(taken),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unpoisoned()
    }
}

impl State {
    fn pop(&mut self) -> Option<Event> {
        let missed = std::mem::take(&mut self.missed);
        if std::mem::take(&mut self.missed_unknown) {
            return Some(Event::Lagged(None));
        }
        if missed > 0 {
            return Some(Event::Lagged(Some(missed)));
        }
        let event = self.pop_front();
        self.keeps_up |= self.events.is_empty();
        event
    }

    fn pop_front(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.bytes -= bytes_of(&event);
        Some(event)
    }

    /// For an empty queue: ready if the queue has ended. If it has not, the waker is kept.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.closed {
            return Poll::Ready(());
        }
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn take(&mut self, max: usize, into: &mut impl Extend<Event>) {
        into.extend(std::iter::from_fn(|| self.pop()).take(max));
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.missed == 0 && !self.missed_unknown
    }

    fn miss_oldest(&mut self) {
        self.keeps_up = false;
        if self.pop_front() == Some(Event::Lagged(None)) {
            self.missed_unknown = true;
        } else {
            self.missed += 1;
            self.missed_ever += 1;
        }
    }
}

fn bytes_of(event: &Event) -> usize {
    if let Event::Received(message) = event { message.content.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use futures_util::FutureExt;

    use super::*;

    fn state(n: usize) -> Event {
        Event::StateChanged([TopicState::LookingUp, TopicState::Joined, TopicState::Alone][n % 3])
    }

    #[test]
    fn the_oldest_events_go_and_the_reader_is_told_how_many() {
        let queue = Queue::new(2);
        let mut events = Events::new(queue.clone(), None);
        queue.push(&[state(0), state(1), state(2), state(0), state(1)]);
        assert_eq!(events.next().now_or_never(), Some(Some(Event::Lagged(Some(3)))));
        assert_eq!(events.next_batch(10).now_or_never(), Some(vec![state(0), state(1)]));
        assert_eq!(events.try_next(), None);
        assert_eq!(queue.missed_ever(), 3);
    }

    #[test]
    fn a_gap_that_includes_an_unknown_one_is_unknown() {
        let queue = Queue::new(2);
        let mut events = Events::new(queue.clone(), None);
        queue.push(&[state(0), Event::Lagged(None), state(1), state(2)]);
        assert_eq!(events.next_batch(10).now_or_never(), Some(vec![Event::Lagged(None), state(1), state(2)]));
        queue.push(&[state(0), state(1), state(2)]);
        assert_eq!(events.try_next(), Some(Event::Lagged(Some(1))), "each gap is told once");
        assert_eq!(queue.missed_ever(), 2, "known gaps are counted");
    }

    #[test]
    fn a_queue_that_nobody_takes_stays_short() {
        let queue = Queue::unclaimed(300);
        let message = |bytes: usize| {
            let content = vec![7; bytes].into();
            let delivered_from = iroh::SecretKey::from_bytes(&[1; 32]).public();
            let scope = iroh_gossip::proto::DeliveryScope::Neighbors;
            Event::Received(Message { content, origin: None, scope, delivered_from })
        };
        (0..1000).for_each(|n| queue.push(&[state(n)]));
        assert_eq!((queue.depth(), queue.is_unclaimed()), (300, true));
        (0..300).for_each(|_| queue.push(&[message(UNCLAIMED_BYTES / 4)]));
        assert_eq!(queue.depth(), 4);
        queue.push(&[message(UNCLAIMED_BYTES * 2)]);
        assert_eq!(queue.depth(), 1, "one always has room");
        queue.claim();
        assert_eq!(queue.missed_ever(), 0);
        let mut events = Events::new(queue.clone(), None);
        assert_eq!(events.try_next(), Some(Event::Lagged(Some(1300))));
        assert_eq!(events.next_batch(10).now_or_never().map(|batch| batch.len()), Some(1));
        (0..8).for_each(|_| queue.push(&[message(UNCLAIMED_BYTES / 4)]));
        assert_eq!(
            events.next_batch(10).now_or_never().map(|batch| batch.len()),
            Some(8),
            "a reader has all of its room"
        );
    }

    #[test]
    fn only_a_reader_that_keeps_up_can_be_overrun() {
        let queue = Queue::new(2);
        let mut events = Events::new(queue.clone(), None);
        queue.push(&[state(0)]);
        assert!(!queue.would_overrun(2), "it has read nothing yet");
        events.try_next();
        assert!(!queue.would_overrun(3), "a reader with an empty queue has read everything");
        queue.push(&[state(0)]);
        assert_eq!((queue.would_overrun(1), queue.would_overrun(2)), (false, true));
        queue.push(&[state(1), state(2)]);
        assert!(!queue.would_overrun(1), "it has missed something");
        assert_eq!(events.next_batch(3).now_or_never().map(|batch| batch.len()), Some(3));
        queue.push(&[state(0), state(1)]);
        assert!(queue.would_overrun(1), "it has caught up");
        events.close();
        assert!(!queue.would_overrun(1));
    }

    #[test]
    fn a_batch_can_be_polled() {
        let queue = Queue::new(8);
        let mut events = Events::new(queue.clone(), None);
        let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::new());
        assert_eq!(events.poll_batch(&mut cx, 4, &mut batch), Poll::Pending);
        queue.push(&[state(0), state(1), state(2)]);
        assert_eq!(events.poll_batch(&mut cx, 2, &mut batch), Poll::Ready(2));
        queue.close();
        assert_eq!(events.poll_batch(&mut cx, 0, &mut batch), Poll::Ready(1));
        assert_eq!(batch, [state(0), state(1), state(2)]);
        assert_eq!(events.poll_batch(&mut cx, 2, &mut batch), Poll::Ready(0));
    }

    #[test]
    fn queued_events_are_read_before_the_end() {
        let queue = Queue::new(8);
        let mut events = Events::new(queue.clone(), None);
        assert_eq!(events.next().now_or_never(), None);
        queue.push(&[state(1), Event::Lagged(None)]);
        queue.close();
        assert!(!events.is_finished());
        let all: Vec<_> = std::iter::from_fn(|| events.next().now_or_never().flatten()).collect();
        assert_eq!(all, [state(1), Event::Lagged(None)], "the gap stands where it was");
        assert!(events.is_finished());
        assert_eq!(events.next_batch(5).now_or_never(), Some(vec![]));
    }

    #[test]
    fn a_closed_queue_takes_nothing_more_and_wakes_its_reader() {
        let queue = Queue::new(8);
        let mut events = Events::new(queue.clone(), None);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let (mut cx, mut batch) = (Context::from_waker(&waker), VecDeque::new());
        assert_eq!(events.poll_batch(&mut cx, 4, &mut batch), Poll::Pending);
        queue.push(&[state(0)]);
        assert!(!events.is_closed());
        assert_eq!(events.try_next(), Some(state(0)));
        queue.push(&[state(1)]);
        let before = woken.0.load(Ordering::Relaxed);
        assert_eq!(before, 1, "only the first push found someone waiting");
        events.close();
        queue.push(&[state(2), Event::Lagged(None)]);
        assert!(events.is_closed() && !events.is_finished());
        assert_eq!(events.poll_batch(&mut cx, 4, &mut batch), Poll::Ready(1));
        assert_eq!(batch, [state(1)]);
        assert_eq!(events.poll_batch(&mut cx, 4, &mut batch), Poll::Ready(0));
        assert_eq!((events.is_finished(), queue.missed_ever()), (true, 0));

        let other = Queue::new(8);
        let mut waiting = Events::new(other, None);
        assert_eq!(waiting.poll_batch(&mut cx, 4, &mut batch), Poll::Pending);
        waiting.close();
        assert_eq!(woken.0.load(Ordering::Relaxed), before + 1);
        assert_eq!(waiting.poll_batch(&mut cx, 4, &mut batch), Poll::Ready(0));
    }

    #[test]
    fn a_dropped_queue_keeps_no_event_and_no_waker() {
        let queue = Queue::new(8);
        let mut events = Events::new(queue.clone(), None);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        assert_eq!(events.poll_batch(&mut Context::from_waker(&waker), 4, &mut VecDeque::new()), Poll::Pending);
        drop(waker);
        assert_eq!(Arc::strong_count(&woken), 2, "the queue holds the waker");
        drop(events);
        assert_eq!((Arc::strong_count(&woken), queue.depth()), (1, 0));
        queue.push(&[state(0)]);
        assert_eq!(queue.depth(), 0, "nobody will read it");
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
