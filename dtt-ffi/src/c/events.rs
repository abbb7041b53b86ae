//! A subscriber's queue of events, and the four ways to receive from it.

use std::{
    collections::VecDeque,
    ffi::{c_int, c_void},
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use dtt_core::{Event, Events, Topic};

use super::{
    callback::{BATCH, Callback, Callbacks, Function, dtt_event_callback_t},
    entry::{Fault, Outcome, entry, release},
    error::dtt_error_t,
    event::dtt_event_t,
    handle::{self, Opaque, Out, Userdata, dtt_destructor_t},
    runtime,
    signal::Bell,
    status::dtt_status_t::{self, *},
    topic::CLOSE_LIMIT,
};

/// A subscriber's own bounded queue of events. It keeps its topic open until it is closed or freed (with a callback: and the
/// last call has returned).
///
/// Events are received in one of these ways; the first three may be mixed, and used from several threads at once (each event
/// goes to one of them):
///
/// - dtt_events_recv waits for the next one, with a limit;
/// - dtt_events_try_recv takes the next one if there is one;
/// - dtt_events_fd gives a descriptor for poll, epoll, kqueue or libuv, which is readable when it is time to call
///   dtt_events_try_recv until it says DTT_EMPTY;
/// - dtt_events_set_callback has a function called for each event; the other ways end with DTT_BUSY from then on, and a queue
///   whose descriptor was asked for ends dtt_events_set_callback with DTT_BUSY.
///
/// When a reader is slow and the queue is full, the oldest events go, and a DTT_EVENT_LAGGED says how many.
///
/// When the topic or its node is closed, what is in the queue can still be received; after that every call ends with
/// DTT_CLOSED, and whoever waits is woken with it.
pub struct dtt_events_t {
    /// Which topic it is of. What keeps that open is the engine's queue alone.
    topic: u64,
    callbacks: Arc<Callbacks>,
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
    Reading(Events),
    Calling(Arc<Callback>),
    Closed,
}

enum Next {
    Event(Event),
    Nothing,
    Closed,
}

impl Opaque for dtt_events_t {
    const NAME: &'static str = "dtt_events_t";
}

impl dtt_events_t {
    pub(super) fn new(topic: &Topic, callbacks: Arc<Callbacks>) -> Self {
        let bell = Arc::new(Bell::default());
        let state = State { taken: VecDeque::new(), source: Source::Reading(topic.subscribe()) };
        Self { topic: topic.instance(), callbacks, waker: bell.clone().into(), bell, state: Mutex::new(state) }
    }

    fn next(&self) -> Outcome<Next> {
        let mut state = self.lock();
        if let Some(event) = state.taken.pop_front() {
            return Ok(Next::Event(event));
        }
        let mut found = state.poll(&self.waker)?;
        if found.is_pending() && self.bell.lower() {
            // What came before it was lowered rang in vain.
            found = state.poll(&self.waker)?;
            if found.is_ready() {
                self.bell.raise();
            }
        }
        Ok(match found {
            Poll::Pending => Next::Nothing,
            Poll::Ready(_) => state.taken.pop_front().map_or(Next::Closed, Next::Event),
        })
    }

    fn recv(&self, timeout: u64) -> Outcome<Event> {
        let mut deadline = None;
        loop {
            let count = self.bell.count();
            match self.next()? {
                Next::Event(event) => return Ok(event),
                Next::Closed => return Err(closed()),
                Next::Nothing => {}
            }
            // None for times that are as good as endless.
            let deadline = *deadline.get_or_insert_with(|| {
                Instant::now().checked_add(Duration::from_millis(timeout)).filter(|_| timeout != u64::MAX)
            });
            if !self.bell.wait(count, deadline) {
                return Err(Fault::new(DTT_TIMEOUT, format!("no event came within {timeout} ms")));
            }
        }
    }

    /// Ends the queue after what is in it. The callback, if there is one, has to be waited for.
    fn close(&self) -> Option<Arc<Callback>> {
        let mut state = self.lock();
        if let Source::Calling(callback) = &state.source {
            callback.close();
            return Some(callback.clone());
        }
        if let Source::Reading(events) = &state.source {
            events.close();
        }
        while matches!(state.poll(&self.waker), Ok(Poll::Ready(1..))) {}
        let before = std::mem::replace(&mut state.source, Source::Closed);
        drop(state);
        // Not under the lock: the topic may end with it.
        drop(before);
        self.bell.ring();
        None
    }

    fn call_back(&self, function: Function, userdata: Userdata) -> Outcome {
        let runtime = match runtime::handle() {
            Ok(runtime) => runtime,
            Err(fault) => return refuse(userdata, fault),
        };
        let mut state = self.lock();
        if self.bell.has_descriptor() {
            return refuse(
                userdata,
                Fault::new(DTT_BUSY, "events: the queue is read by a descriptor, which was asked for"),
            );
        }
        match std::mem::replace(&mut state.source, Source::Closed) {
            Source::Reading(events) => {
                let callback = match self.callbacks.add(function, self.topic, self.bell.clone(), events) {
                    Ok(callback) => callback,
                    Err(events) => {
                        state.source = Source::Reading(events);
                        return refuse(userdata, closed_before());
                    }
                };
                let taken = std::mem::take(&mut state.taken);
                runtime.spawn(callback.clone().run(userdata, taken));
                state.source = Source::Calling(callback);
                drop(state);
                // Whoever waits for an event of this queue waits in vain now.
                self.bell.ring();
                Ok(())
            }
            Source::Calling(callback) => {
                state.source = Source::Calling(callback);
                refuse(userdata, busy())
            }
            Source::Closed => refuse(userdata, closed_before()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for dtt_events_t {
    fn drop(&mut self) {
        if let Source::Calling(callback) = &self.lock().source {
            callback.stop();
        }
    }
}

impl State {
    fn poll(&mut self, waker: &Waker) -> Outcome<Poll<usize>> {
        match &mut self.source {
            Source::Reading(events) => Ok(events.poll_batch(&mut Context::from_waker(waker), BATCH, &mut self.taken)),
            Source::Calling(callback) if !callback.is_done() => Err(busy()),
            Source::Calling(_) | Source::Closed => Ok(Poll::Ready(0)),
        }
    }
}

fn refuse(userdata: Userdata, fault: Fault) -> Outcome {
    userdata.forget();
    Err(fault)
}

fn closed() -> Fault {
    Fault::new(DTT_CLOSED, "the event queue is closed, and everything in it has been read")
}

fn closed_before() -> Fault {
    Fault::new(DTT_CLOSED, "the event queue is closed; what is in it can be received, but not be called for")
}

fn busy() -> Fault {
    Fault::new(DTT_BUSY, "events: the queue has a callback already")
}

/// Waits for the next event, at most `timeout_ms` milliseconds; 0 only looks, DTT_FOREVER waits without a limit. The event is the
/// caller's and freed with dtt_event_free. Any thread, several at once; dtt_events_close, dtt_topic_close and dtt_node_close
/// wake it. DTT_OK, DTT_TIMEOUT, DTT_CLOSED, DTT_BUSY, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_events_recv(
    events: *mut dtt_events_t,
    timeout_ms: u64,
    out: *mut *mut dtt_event_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (out, events) = (Out::new(out, "out")?, handle::borrow(events, "events")?);
        out.give(dtt_event_t(events.recv(timeout_ms)?));
        Ok(())
    })
}

/// Takes the next event if there is one now, and never waits. The event is the caller's and freed with dtt_event_free. When
/// there is none, it ends with DTT_EMPTY and writes no error. Any thread. DTT_OK, DTT_EMPTY, DTT_CLOSED, DTT_BUSY, DTT_NULL,
/// DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_events_try_recv(
    events: *mut dtt_events_t,
    out: *mut *mut dtt_event_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    let mut is_empty = false;
    let status = entry(error, || {
        let (out, events) = (Out::new(out, "out")?, handle::borrow(events, "events")?);
        match events.next()? {
            Next::Event(event) => out.give(dtt_event_t(event)),
            Next::Nothing => is_empty = true,
            Next::Closed => return Err(closed()),
        }
        Ok(())
    });
    if is_empty { DTT_EMPTY } else { status }
}

/// A descriptor that poll, select, epoll, kqueue and libuv can watch for being readable. It is level-triggered: it is readable
/// as long as events may wait, and after the end of the queue. Then call dtt_events_try_recv until it ends with DTT_EMPTY, or
/// with DTT_CLOSED for the end. Now and then it is readable and there is no event.
///
/// It belongs to the queue: never read it, write to it or close it; it is closed when the queue is freed, so take it out of
/// the loop before. The same one at each call. Any thread. DTT_OK, DTT_BUSY, DTT_SYSTEM (no descriptor is left), DTT_NULL,
/// DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_events_fd(
    events: *mut dtt_events_t,
    out: *mut c_int,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (out, events) = (Out::new(out, "out")?, handle::borrow(events, "events")?);
        let state = events.lock();
        if matches!(&state.source, Source::Calling(_)) {
            return Err(busy());
        }
        out.set(events.bell.descriptor()?);
        Ok(())
    })
}

/// Has a function called for each event of the queue, those that wait already included, until the queue ends: one at a time and in
/// order, on a thread of the library's (see dtt_event_callback_t). Queues of different topics call independently of each other.
///
/// After the last call, `destructor` (which may be NULL) is called with `userdata`, exactly once. That is: after the topic, its
/// node or the queue was closed and every event in it was called for; or after the queue was freed. A queue has one callback for
/// all its life. If this call fails, the destructor is not called.
///
/// No call runs or begins any more when dtt_events_close, dtt_topic_close or dtt_node_close has returned DTT_OK outside of a
/// callback. Inside a callback they do not wait for callbacks: those for what is queued, and the destructor, come afterwards.
/// When the queue, its topic or its node is closed already, it ends with DTT_CLOSED, and what is queued can be received.
///
/// Each queue that is busy has a thread, which goes when nothing has come for a moment; where the system has none left, the events
/// wait until it has. Any thread. DTT_OK, DTT_BUSY (it has a callback, or dtt_events_fd was called), DTT_CLOSED, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_events_set_callback(
    events: *mut dtt_events_t,
    callback: dtt_event_callback_t,
    userdata: *mut c_void,
    destructor: dtt_destructor_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let events = handle::borrow(events, "events")?;
        let function = callback.ok_or_else(|| Fault::new(DTT_NULL, "callback: it is NULL"))?;
        events.call_back(function, Userdata::new(userdata, destructor))
    })
}

/// Ends the queue: no further event comes into it, and whoever waits for one is woken with DTT_CLOSED. What is in it can still
/// be received, or is still called for. Closing twice is fine.
///
/// With a callback, it waits until the last call and the destructor have returned, 2 s at most; then it ends with DTT_TIMEOUT, and
/// no further call begins. Inside a callback it does not wait. Any thread. DTT_OK, DTT_TIMEOUT, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_events_close(events: *mut dtt_events_t, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || {
        let deadline = Instant::now() + CLOSE_LIMIT;
        let _context = runtime::context();
        match handle::borrow(events, "events")?.close() {
            Some(callback) => callback.wait(deadline),
            None => Ok(()),
        }
    })
}

/// Frees the queue, and never waits. No further callback begins; one that runs may still be running when this returns, and the
/// destructor, which comes after it, tells the end. NULL is fine. Any thread, also inside the queue's own callback; no other thread
/// may be in a call with this queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_events_free(events: *mut dtt_events_t) {
    release(|| drop(handle::take(events)));
}
