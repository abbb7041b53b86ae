//! A subscriber's queue of events, and the ways to read it from outside of Rust.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    os::fd::RawFd,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use dtt_core::{Event, Events, Topic, sync::Unpoisoned};

use crate::{
    bell::Bell,
    error::{Error, Result},
    fork,
    listening::{BATCH, Listener, Listeners, Listening},
    owned::Owned,
    runtime,
};

/// A subscriber's own bounded queue of events. It keeps its topic open until it is closed or dropped.
///
/// Any thread may read it, several at once, in any of the ways; each event goes to one of them. A listener excludes the others.
pub struct Queue {
    /// The number of its topic. The engine's queue alone keeps that open.
    topic: u64,
    listeners: Arc<Listeners>,
    bell: Arc<Bell>,
    waker: Waker,
    state: Mutex<State>,
}

struct State {
    /// Taken from the engine's queue, not yet handed out.
    taken: VecDeque<Event>,
    source: Source,
}

enum Source {
    Reading(Owned<Events>),
    Listening(Arc<Listening>),
    Closed,
}

/// What a look at the queue finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// An event, which was taken.
    Event(Event),
    /// None now.
    Nothing,
    /// None ever again.
    End,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Queue {
    /// A queue of a topic's events. A close of `listeners` waits for its listener, if it gets one.
    pub fn new(topic: &Topic, listeners: Arc<Listeners>) -> Self {
        let bell = Arc::new(Bell::default());
        let source = Source::Reading(Owned::new(topic.subscribe()));
        let state = Mutex::new(State { taken: VecDeque::new(), source });
        Self { topic: topic.instance(), listeners, waker: bell.clone().into(), bell, state }
    }

    /// Takes the next event, if there is one now. It never waits.
    pub fn next(&self) -> Result<Next> {
        let mut state = self.lock()?;
        Ok(match self.look(&mut state, BATCH)? {
            Poll::Pending => Next::Nothing,
            Poll::Ready(_) => state.taken.pop_front().map_or(Next::End, Next::Event),
        })
    }

    /// Takes the next event, and waits for it, for so long at the most if a limit is given. [`Next::Nothing`] when the time is over.
    pub fn recv(&self, limit: Option<Duration>) -> Result<Next> {
        fork::check()?;
        let mut deadline = None;
        loop {
            let count = self.bell.count();
            let next = self.next()?;
            if next != Next::Nothing {
                return Ok(next);
            }
            // None for times that are as good as endless.
            let deadline = *deadline.get_or_insert_with(|| limit.and_then(|limit| Instant::now().checked_add(limit)));
            if !self.bell.wait(count, deadline) {
                return Ok(Next::Nothing);
            }
        }
    }

    /// Adds up to `max` events (at least one) to `into`, and says how many: 0 at the end of the queue, none if there are none now.
    /// It never waits.
    pub fn take(&self, max: usize, into: &mut VecDeque<Event>) -> Result<Poll<usize>> {
        let mut state = self.lock()?;
        let found = self.look(&mut state, max.max(1))?;
        Ok(found.map(|waiting| {
            let count = waiting.min(max.max(1));
            into.extend(state.taken.drain(..count));
            count
        }))
    }

    /// [`Queue::take`]. If there are none now, the waker is called once: when an event comes, or when the queue ends.
    /// [`Queue::forget`] takes it back by its number.
    pub fn take_or_wake(
        &self,
        max: usize,
        number: u64,
        waker: impl FnOnce() -> Waker,
        into: &mut VecDeque<Event>,
    ) -> Result<Poll<usize>> {
        let taken = self.take(max, into)?;
        if taken.is_ready() {
            return Ok(taken);
        }
        self.bell.call(number, waker());
        // An event may have come before the waker was there.
        let taken = self.take(max, into)?;
        if taken.is_ready() {
            self.bell.forget(number);
        }
        Ok(taken)
    }

    /// Does not call the waker with this number any more.
    pub fn forget(&self, number: u64) {
        if fork::check().is_ok() {
            self.bell.forget(number);
        }
    }

    /// Waits until there is an event or the queue has ended. It takes nothing, so a caller that stops waiting loses no event.
    /// False if the queue has ended and everything was taken.
    pub async fn ready(&self) -> Result<bool> {
        let called = Called::new(&self.bell);
        poll_fn(|cx| {
            let look = || {
                let mut state = self.lock()?;
                self.look(&mut state, BATCH)
            };
            let mut found = look();
            if let Ok(Poll::Pending) = found {
                self.bell.call(called.number, cx.waker().clone());
                found = look();
            }
            match found {
                Ok(found) => found.map(|waiting| Ok(waiting > 0)),
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await
    }

    /// A descriptor that is readable while events may wait, and after the end of the queue. It is level-triggered, belongs to
    /// the queue and is the same at each call.
    pub fn descriptor(&self) -> Result<RawFd> {
        let state = self.lock()?;
        match &state.source {
            Source::Listening(_) => Err(Error::HasListener),
            Source::Reading(_) | Source::Closed => self.bell.descriptor(),
        }
    }

    /// Calls a listener for each event, also for the events that wait already. A queue takes one listener in its life. A listener
    /// that is refused is dropped.
    pub fn listen(&self, listener: impl Listener) -> Result {
        runtime::handle()?;
        let mut state = self.lock()?;
        if self.bell.has_descriptor() {
            return Err(Error::HasDescriptor);
        }
        match std::mem::replace(&mut state.source, Source::Closed) {
            Source::Reading(events) => match self.listeners.add(self.topic, self.bell.clone(), events) {
                Ok(listening) => {
                    let taken = std::mem::take(&mut state.taken);
                    state.source = Source::Listening(listening.clone());
                    drop(state);
                    listening.begin(listener, taken)?;
                    // Threads that wait for an event learn that they get none.
                    self.bell.ring();
                    Ok(())
                }
                Err(events) => {
                    state.source = Source::Reading(events);
                    Err(Error::Closed)
                }
            },
            Source::Listening(listening) => {
                state.source = Source::Listening(listening);
                Err(Error::HasListener)
            }
            Source::Closed => Err(Error::Closed),
        }
    }

    /// Closes the queue: no further event comes into it, and it lets go of its topic. Readers that wait are woken. The events in
    /// the queue can still be taken, or the listener still gets them. This waits for the listener's end until the deadline.
    pub fn close(&self, deadline: Instant) -> Result {
        let _context = runtime::context();
        let state = self.lock()?;
        if let Source::Listening(listening) = &state.source {
            let listening = listening.clone();
            drop(state);
            listening.close();
            return listening.wait(deadline);
        }
        if let Source::Reading(events) = &state.source {
            events.get()?.close();
        }
        self.empty(state);
        Ok(())
    }

    /// If the topic is closed: takes the rest of the events from the engine, and lets go of the topic.
    pub fn settle(&self) {
        if let Ok(state) = self.lock()
            && let Source::Reading(events) = &state.source
            && events.get().is_ok_and(Events::is_closed)
        {
            self.empty(state);
        }
    }

    /// Ends the queue at once, and drops what is in it. Readers that wait are woken.
    pub fn discard(&self) {
        let Ok(mut state) = self.lock() else { return };
        let before = (std::mem::take(&mut state.taken), std::mem::replace(&mut state.source, Source::Closed));
        drop(state);
        self.let_go(before.1);
        drop(before.0);
    }

    /// Of a queue into which nothing more comes.
    fn empty(&self, mut state: MutexGuard<'_, State>) {
        while matches!(state.poll(&self.waker, BATCH), Ok(Poll::Ready(1..))) {}
        let before = std::mem::replace(&mut state.source, Source::Closed);
        drop(state);
        self.let_go(before);
    }

    /// Not under the lock: the topic may end with it.
    fn let_go(&self, source: Source) {
        if let Source::Listening(listening) = &source {
            listening.stop();
        }
        drop(source);
        self.bell.ring();
    }

    /// How many events wait here; up to `max` are taken from the engine's queue if none does. 0 at the end.
    fn look(&self, state: &mut State, max: usize) -> Result<Poll<usize>> {
        if !state.taken.is_empty() {
            return Ok(Poll::Ready(state.taken.len()));
        }
        let mut found = state.poll(&self.waker, max)?;
        if found.is_pending() && self.bell.lower() {
            // An event may have come before the descriptor was lowered.
            found = state.poll(&self.waker, max)?;
            if found.is_ready() {
                self.bell.raise();
            }
        }
        Ok(found)
    }

    /// Not in a forked child, where a thread that does not exist may hold it.
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        fork::check()?;
        Ok(self.state.lock().unpoisoned())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Ok(state) = self.lock()
            && let Source::Listening(listening) = &state.source
        {
            listening.stop();
        }
    }
}

impl State {
    fn poll(&mut self, waker: &Waker, max: usize) -> Result<Poll<usize>> {
        match &mut self.source {
            Source::Reading(events) => {
                Ok(events.get_mut()?.poll_batch(&mut Context::from_waker(waker), max, &mut self.taken))
            }
            Source::Listening(listening) if !listening.is_done() => Err(Error::HasListener),
            Source::Listening(_) | Source::Closed => Ok(Poll::Ready(0)),
        }
    }
}

/// A future's number at the bell.
struct Called<'a> {
    bell: &'a Bell,
    number: u64,
}

impl<'a> Called<'a> {
    fn new(bell: &'a Bell) -> Self {
        // From the far end: the numbers that a language chooses begin at the other one.
        static NEXT: AtomicU64 = AtomicU64::new(u64::MAX);
        Self { bell, number: NEXT.fetch_sub(1, Ordering::Relaxed) }
    }
}

impl Drop for Called<'_> {
    fn drop(&mut self) {
        if fork::check().is_ok() {
            self.bell.forget(self.number);
        }
    }
}
