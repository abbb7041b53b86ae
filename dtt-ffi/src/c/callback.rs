//! Events by callback: one task per queue that calls, and everything that the header promises about it.

use std::{
    cell::Cell,
    collections::VecDeque,
    ffi::c_void,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Instant,
};

use dtt_core::{CancellationToken, Event, Events, Topic};

use super::{
    entry::{Fault, Outcome},
    event::dtt_event_t,
    handle::{Tagged, Userdata},
    status::dtt_status_t::*,
};

/// Is called for each event of a queue, one at a time and in order, on a thread of the library's, which need not be the same
/// each time. The event is valid until the callback returns. The callback may block, and may call any dtt function, those
/// that close and free included. It must not throw.
pub type dtt_event_callback_t = Option<extern "C" fn(userdata: *mut c_void, event: *const dtt_event_t)>;

/// A callback that is not NULL.
pub(super) type Function = extern "C" fn(*mut c_void, *const dtt_event_t);

/// Events that are taken from the engine's queue at once.
pub(super) const BATCH: usize = 256;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs the application's code, marked as such. It may block, and call what waits: the runtime goes on elsewhere.
fn inside<T>(call: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(|| {
        INSIDE.set(true);
        let result = call();
        INSIDE.set(false);
        result
    })
}

/// A callback that is in use.
pub(super) struct Callback {
    function: Function,
    topic: Topic,
    /// The queue ends after what is in it.
    closing: CancellationToken,
    /// Nothing is called for any more.
    stopped: AtomicBool,
    done: Mutex<bool>,
    is_done: Condvar,
}

impl Callback {
    pub(super) fn new(function: Function, topic: Topic) -> Arc<Self> {
        Arc::new(Self {
            function,
            topic,
            closing: CancellationToken::new(),
            stopped: AtomicBool::new(false),
            done: Mutex::new(false),
            is_done: Condvar::new(),
        })
    }

    /// Lets the queue end after what is in it.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    /// Ends it as soon as the call that runs, if one does, returns.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.closing.cancel();
    }

    pub(super) fn is_done(&self) -> bool {
        *self.done()
    }

    /// Waits until the last call and the destructor have returned; not inside a callback, which could wait for itself.
    /// Fails when the time is over before: then no further call begins.
    pub(super) fn wait(&self, deadline: Instant) -> Outcome {
        let mut done = self.done();
        while !*done && !INSIDE.get() {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                self.stop();
                let message = "close did not wait for a callback that has not returned yet; no further one begins";
                return Err(Fault::new(DTT_TIMEOUT, message));
            }
            done = self.is_done.wait_timeout(done, rest).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        Ok(())
    }

    /// Calls for the events in `batch` and then for those of the queue, until it ends.
    pub(super) async fn run(self: Arc<Self>, userdata: Userdata, mut events: Events, mut batch: VecDeque<Event>) {
        while !self.is_stopped() {
            if !batch.is_empty() {
                inside(|| self.call_for_all(&userdata, &mut events, &mut batch));
                continue;
            }
            let more = std::future::poll_fn(|cx| events.poll_batch(cx, BATCH, &mut batch));
            match self.closing.run_until_cancelled(more).await {
                Some(0) => break,
                Some(_) => {}
                None => {
                    batch.extend(std::iter::from_fn(|| events.try_next()));
                    inside(|| self.call(&userdata, &mut batch));
                    break;
                }
            }
        }
        drop(events);
        inside(|| drop(userdata));
        *self.done() = true;
        self.is_done.notify_all();
    }

    /// Calls for all that waits, and for what comes meanwhile: going back to the runtime for each would cost more.
    fn call_for_all(&self, userdata: &Userdata, events: &mut Events, batch: &mut VecDeque<Event>) {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            self.call(userdata, batch);
            let has_more = || matches!(events.poll_batch(&mut cx, BATCH, batch), Poll::Ready(1..));
            if self.closing.is_cancelled() || !{ has_more }() {
                return;
            }
        }
    }

    fn call(&self, userdata: &Userdata, batch: &mut VecDeque<Event>) {
        while let Some(event) = batch.pop_front().filter(|_| !self.is_stopped()) {
            (self.function)(userdata.pointer(), Tagged::new(dtt_event_t(event)).view());
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn done(&self) -> MutexGuard<'_, bool> {
        self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The callbacks of a node's topics: who closes has to wait for them.
#[derive(Default)]
pub(super) struct Callbacks(Mutex<Vec<Weak<Callback>>>);

impl Callbacks {
    pub(super) fn add(&self, callback: &Arc<Callback>) {
        let mut list = self.lock();
        list.retain(|known| known.strong_count() > 0);
        list.push(Arc::downgrade(callback));
    }

    /// Waits for the callbacks of topics that are closed.
    pub(super) fn wait_for_closed(&self, deadline: Instant) -> Outcome {
        let closed = |callback: &Arc<Callback>| callback.topic.state().is_none();
        let waited: Vec<Outcome> =
            self.all().iter().filter(|callback| closed(callback)).map(|callback| callback.wait(deadline)).collect();
        waited.into_iter().collect()
    }

    /// Waits for all callbacks: their topics are about to end.
    pub(super) fn wait_for_all(&self, deadline: Instant) -> Outcome {
        let waited: Vec<Outcome> = self.all().iter().map(|callback| callback.wait(deadline)).collect();
        waited.into_iter().collect()
    }

    fn all(&self) -> Vec<Arc<Callback>> {
        self.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Callback>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
