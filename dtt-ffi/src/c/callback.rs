//! Events by callback: a task per queue that waits, a thread while there is something to call for, and everything that
//! the header promises about it.

use std::{
    cell::Cell,
    collections::VecDeque,
    ffi::c_void,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use dtt_core::{CancellationToken, Event, Events, Topic};

use super::{
    entry::{Fault, Outcome},
    event::dtt_event_t,
    handle::{Tagged, Userdata},
    signal::Bell,
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

/// How long a thread stays with a queue that has become empty. Messages come in bursts, and giving the thread back only to
/// ask for it again costs more than all the rest; a queue where nothing happens needs none.
const LINGER: Duration = Duration::from_millis(10);

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A callback that is in use.
pub(super) struct Callback {
    function: Function,
    topic: Topic,
    bell: Arc<Bell>,
    /// The queue ends after what is in it.
    closing: CancellationToken,
    /// Nothing is called for any more.
    stopped: AtomicBool,
    done: Mutex<bool>,
    is_done: Condvar,
}

impl Callback {
    pub(super) fn new(function: Function, topic: Topic, bell: Arc<Bell>) -> Arc<Self> {
        Arc::new(Self {
            function,
            topic,
            bell,
            closing: CancellationToken::new(),
            stopped: AtomicBool::new(false),
            done: Mutex::new(false),
            is_done: Condvar::new(),
        })
    }

    /// Lets the queue end after what is in it.
    pub(super) fn close(&self) {
        self.closing.cancel();
        self.bell.ring();
    }

    /// Ends it as soon as the call that runs, if one does, returns.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.close();
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

    /// Calls for the events in `batch` and then for those of the queue, until it ends. It waits as a task, which costs no
    /// thread, and calls on a thread that may block.
    pub(super) async fn run(self: Arc<Self>, userdata: Userdata, events: Events, batch: VecDeque<Event>) {
        let mut turn = Turn { batch, events, userdata, done: Done(self.clone()) };
        loop {
            if turn.batch.is_empty() {
                let more = std::future::poll_fn(|cx| turn.events.poll_batch(cx, BATCH, &mut turn.batch));
                self.closing.run_until_cancelled(more).await;
            }
            match tokio::task::spawn_blocking(|| inside(|| turn.take())).await {
                Ok(Some(rest)) => turn = rest,
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn done(&self) -> MutexGuard<'_, bool> {
        self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Runs the application's code, marked as such.
fn inside<T>(call: impl FnOnce() -> T) -> T {
    INSIDE.set(true);
    let result = call();
    INSIDE.set(false);
    result
}

/// What a thread needs to call. Its fields are dropped in this order, on that thread.
struct Turn {
    batch: VecDeque<Event>,
    events: Events,
    userdata: Userdata,
    done: Done,
}

impl Turn {
    /// Calls for all that waits, and for what comes meanwhile or soon after. None when the queue has ended.
    fn take(mut self) -> Option<Self> {
        let callback = self.done.0.clone();
        let waker = Waker::from(callback.bell.clone());
        loop {
            self.call();
            let count = callback.bell.count();
            if callback.closing.is_cancelled() {
                self.batch.extend(std::iter::from_fn(|| self.events.try_next()));
                self.call();
                return None;
            }
            match self.events.poll_batch(&mut Context::from_waker(&waker), BATCH, &mut self.batch) {
                Poll::Ready(0) => return None,
                Poll::Ready(_) => {}
                Poll::Pending if callback.bell.wait(count, Some(Instant::now() + LINGER)) => {}
                Poll::Pending => return Some(self),
            }
        }
    }

    fn call(&mut self) {
        let callback = &*self.done.0;
        while let Some(event) = self.batch.pop_front().filter(|_| !callback.is_stopped()) {
            (callback.function)(self.userdata.pointer(), Tagged::new(dtt_event_t(event)).view());
        }
    }
}

/// Tells who waits that everything before it has been dropped.
struct Done(Arc<Callback>);

impl Drop for Done {
    fn drop(&mut self) {
        *self.0.done() = true;
        self.0.is_done.notify_all();
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
