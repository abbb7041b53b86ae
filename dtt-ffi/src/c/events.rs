//! A subscriber's queue of events, and the four ways to receive from it.

use std::{
    ffi::{c_int, c_void},
    sync::Arc,
    time::{Duration, Instant},
};

use dtt_core::Topic;
use dtt_embed::{Listeners, Next, Queue, closing};

use super::{
    callback::{Callback, dtt_event_callback_t},
    entry::{Fault, entry, release},
    error::dtt_error_t,
    event::dtt_event_t,
    handle::{self, Opaque, Out, Userdata, dtt_destructor_t},
    status::dtt_status_t::{self, *},
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
pub struct dtt_events_t(Queue);

impl Opaque for dtt_events_t {
    const NAME: &'static str = "dtt_events_t";
}

impl dtt_events_t {
    pub(super) fn new(topic: &Topic, listeners: Arc<Listeners>) -> Self {
        Self(Queue::new(topic, listeners))
    }
}

fn ended() -> Fault {
    Fault::new(DTT_CLOSED, "the event queue is closed, and everything in it has been read")
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
        match events.0.recv((timeout_ms != u64::MAX).then(|| Duration::from_millis(timeout_ms)))? {
            Next::Event(event) => out.give(dtt_event_t(event)),
            Next::Nothing => return Err(Fault::new(DTT_TIMEOUT, format!("no event came within {timeout_ms} ms"))),
            Next::End => return Err(ended()),
        }
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
        match events.0.next()? {
            Next::Event(event) => out.give(dtt_event_t(event)),
            Next::Nothing => is_empty = true,
            Next::End => return Err(ended()),
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
        out.set(events.0.descriptor()?);
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
        Ok(events.0.listen(Callback::new(function, Userdata::new(userdata, destructor)))?)
    })
}

/// Ends the queue: no further event comes into it, and whoever waits for one is woken with DTT_CLOSED. What is in it can still
/// be received, or is still called for. Closing twice is fine.
///
/// With a callback, it waits until the last call and the destructor have returned, 2 s at most; then it ends with DTT_TIMEOUT, and
/// no further call begins. Inside a callback it does not wait. Any thread. DTT_OK, DTT_TIMEOUT, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_events_close(events: *mut dtt_events_t, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || Ok(handle::borrow(events, "events")?.0.close(Instant::now() + closing::LIMIT)?))
}

/// Frees the queue, and never waits. No further callback begins; one that runs may still be running when this returns, and the
/// destructor, which comes after it, tells the end. NULL is fine. Any thread, also inside the queue's own callback; no other thread
/// may be in a call with this queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_events_free(events: *mut dtt_events_t) {
    release(|| drop(handle::take(events)));
}
