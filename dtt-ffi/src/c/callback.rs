//! Events by callback: a task per queue that waits, a thread of its own while there is something to call for, and everything
//! that the header promises about it.

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

use dtt_core::{Event, Events};
use tokio::sync::oneshot;

use super::{
    entry::{Fault, Outcome},
    event::dtt_event_t,
    handle::{Tagged, Userdata},
    runtime,
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

/// How long a thread stays with a queue that has become empty. Messages come in bursts, and starting a thread for each costs
/// more than all the rest; a queue where nothing happens needs none.
const LINGER: Duration = Duration::from_millis(100);

/// How long to wait before asking a system that has no thread left for one again.
const NO_THREAD: Duration = Duration::from_millis(100);

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A callback that is in use.
pub(super) struct Callback {
    function: Function,
    /// Whose events these are; it does not keep the topic open.
    topic: u64,
    bell: Arc<Bell>,
    /// None after the last event. Held for moments only, and never while the application is called.
    events: Mutex<Option<Events>>,
    /// Nothing is called for any more.
    stopped: AtomicBool,
    done: Mutex<bool>,
    is_done: Condvar,
}

impl Callback {
    pub(super) fn new(function: Function, topic: u64, bell: Arc<Bell>, events: Events) -> Arc<Self> {
        Arc::new(Self {
            function,
            topic,
            bell,
            events: Mutex::new(Some(events)),
            stopped: AtomicBool::new(false),
            done: Mutex::new(false),
            is_done: Condvar::new(),
        })
    }

    /// Lets the queue end after what is in it: nothing more comes into it.
    pub(super) fn close(&self) {
        if let Some(events) = &*self.events() {
            events.close();
        }
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
    pub(super) async fn run(self: Arc<Self>, userdata: Userdata, batch: VecDeque<Event>) {
        let mut turn = Turn { batch, userdata, done: Done(self.clone()) };
        loop {
            if turn.batch.is_empty() {
                std::future::poll_fn(|cx| self.poll(cx, &mut turn.batch)).await;
            }
            match on_a_thread(turn).await {
                Some(rest) => turn = rest,
                None => return,
            }
        }
    }

    fn poll(&self, cx: &mut Context<'_>, into: &mut VecDeque<Event>) -> Poll<usize> {
        match &mut *self.events() {
            Some(events) => events.poll_batch(cx, BATCH, into),
            None => Poll::Ready(0),
        }
    }

    fn events(&self) -> MutexGuard<'_, Option<Events>> {
        self.events.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn done(&self) -> MutexGuard<'_, bool> {
        self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Calls on a thread that may block for as long as it likes: not one of the engine's, which needs them all. Where the system
/// has none left, the events wait until it has. None when the queue has ended.
async fn on_a_thread(turn: Turn) -> Option<Turn> {
    let turn = Arc::new(Mutex::new(Some(turn)));
    loop {
        let (tell, told) = oneshot::channel();
        let taken = turn.clone();
        let call = move || {
            let _context = runtime::context();
            let turn = taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
            // Nobody waits for the rest when the runtime has ended.
            let _ = tell.send(turn.and_then(|turn| inside(|| turn.take())));
        };
        match std::thread::Builder::new().name("dtt-callback".into()).spawn(call) {
            Ok(_) => return told.await.ok().flatten(),
            Err(error) => tracing::warn!(target: "dtt::callback", %error, "no thread for a callback; trying again"),
        }
        tokio::time::sleep(NO_THREAD).await;
    }
}

/// Runs the application's code, marked as such.
fn inside<T>(call: impl FnOnce() -> T) -> T {
    INSIDE.set(true);
    let result = call();
    INSIDE.set(false);
    result
}

/// What a thread needs to call. Its fields are dropped in this order, on that thread, and the queue before them.
struct Turn {
    batch: VecDeque<Event>,
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
            match callback.poll(&mut Context::from_waker(&waker), &mut self.batch) {
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

impl Drop for Turn {
    fn drop(&mut self) {
        // The topic may end with it, which takes longer than the lock may be held.
        let events = self.done.0.events().take();
        drop(events);
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
    /// Adds one, unless its queue is closed already: whoever closed it may have finished waiting.
    pub(super) fn add(
        &self,
        function: Function,
        topic: u64,
        bell: Arc<Bell>,
        events: Events,
    ) -> Result<Arc<Callback>, Events> {
        let mut list = self.lock();
        if events.is_closed() {
            return Err(events);
        }
        let callback = Callback::new(function, topic, bell, events);
        list.retain(|known| known.strong_count() > 0);
        list.push(Arc::downgrade(&callback));
        Ok(callback)
    }

    /// Waits for the callbacks of this topic, which is closed.
    pub(super) fn wait_for_topic(&self, topic: u64, deadline: Instant) -> Outcome {
        let mut all = self.all();
        all.retain(|callback| callback.topic == topic);
        wait_for_each(&all, deadline)
    }

    /// Waits for all callbacks: their topics are about to end.
    pub(super) fn wait_for_all(&self, deadline: Instant) -> Outcome {
        wait_for_each(&self.all(), deadline)
    }

    fn all(&self) -> Vec<Arc<Callback>> {
        self.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Callback>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Waits for each, also when one before it took too long: so that it is stopped as well.
fn wait_for_each(callbacks: &[Arc<Callback>], deadline: Instant) -> Outcome {
    let waited: Vec<Outcome> = callbacks.iter().map(|callback| callback.wait(deadline)).collect();
    waited.into_iter().collect()
}
