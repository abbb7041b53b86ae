//! Events by callback: a task for each queue that waits, a thread of its own while there is something to call for, and what is
//! promised about the end.
//!
//! The application's code may block for as long as it likes. So it never runs on a thread of the runtime, nor in a place that
//! the runtime has to make room for: a few hundred listeners that block would use up the runtime's pool, and the engine with it.

use std::{
    cell::Cell,
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use dtt_core::{Event, Events, Topic, sync::Unpoisoned};
use tokio::sync::oneshot;

use crate::{
    bell::Bell,
    error::{Error, Result},
    owned::Owned,
    runtime,
};

/// Events that are taken from the engine's queue at once.
pub(crate) const BATCH: usize = 256;

/// How long a thread stays with a queue that has become empty. Messages come in bursts, and starting a thread for each costs
/// more than all the rest; a queue where nothing happens needs none.
const LINGER: Duration = Duration::from_millis(100);

/// How long to wait before asking a system that has no thread left for one again.
const NO_THREAD: Duration = Duration::from_millis(100);

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The application's code. It is called on threads of the library's, not always the same, by one of them at a time. It may
/// block, and call anything.
pub trait Listener: Send + 'static {
    /// An event of the queue. They come in order.
    fn call(&mut self, event: Event);

    /// Nothing is called for any more: exactly once, and last. A listener that was refused is not told.
    fn end(self);
}

/// A listener at work.
pub struct Listening {
    /// The number of its topic, which it does not keep open by that.
    topic: u64,
    bell: Arc<Bell>,
    /// None after the last event. Held for moments only, and never while the application is called.
    events: Mutex<Option<Owned<Events>>>,
    /// Nothing is called for any more.
    stopped: AtomicBool,
    done: Mutex<bool>,
    is_done: Condvar,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Listening {
    /// Has a listener called for a topic's events, from a queue of its own, until the topic is closed or it is stopped. It
    /// keeps the topic open.
    pub fn start(topic: &Topic, listener: impl Listener) -> Result<Arc<Self>> {
        let _context = runtime::handle()?.enter();
        let listening = Self::new(topic.instance(), Arc::default(), Owned::new(topic.subscribe()));
        listening.clone().begin(listener, VecDeque::new())?;
        Ok(listening)
    }

    fn new(topic: u64, bell: Arc<Bell>, events: Owned<Events>) -> Arc<Self> {
        let (stopped, done) = (AtomicBool::new(false), Mutex::new(false));
        Arc::new(Self { topic, bell, events: Mutex::new(Some(events)), stopped, done, is_done: Condvar::new() })
    }

    /// Calls for the events in `batch`, and then for those of the queue.
    pub(crate) fn begin<L: Listener>(self: Arc<Self>, listener: L, batch: VecDeque<Event>) -> Result {
        runtime::handle()?.spawn(async move {
            let turn = Turn { batch, listener: Some(listener), done: Done(self.clone()) };
            self.run(turn).await;
        });
        Ok(())
    }

    /// Ends the queue after what is in it: nothing more comes into it.
    pub(crate) fn close(&self) {
        if let Some(events) = &*self.events()
            && let Ok(events) = events.get()
        {
            events.close();
        }
        self.bell.ring();
    }

    /// No further call begins; one that has begun may still run. Twice is fine, and so is calling it inside the listener.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.close();
    }

    pub(crate) fn is_done(&self) -> bool {
        *self.done()
    }

    /// Waits until the listener's end has returned; not inside a listener, which could wait for itself. Fails when the time is
    /// over before: then no further call begins.
    pub(crate) fn wait(&self, deadline: Instant) -> Result {
        let mut done = self.done();
        while !*done && !INSIDE.get() {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                self.stop();
                return Err(Error::ListenerRuns);
            }
            done = self.is_done.wait_timeout(done, rest).unpoisoned().0;
        }
        Ok(())
    }

    /// It waits as a task, which costs no thread, and calls on a thread that may block.
    async fn run<L: Listener>(&self, mut turn: Turn<L>) {
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
        match self.events().as_mut().map(Owned::get_mut) {
            Some(Ok(events)) => events.poll_batch(cx, BATCH, into),
            Some(Err(_)) | None => Poll::Ready(0),
        }
    }

    fn events(&self) -> MutexGuard<'_, Option<Owned<Events>>> {
        self.events.lock().unpoisoned()
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn done(&self) -> MutexGuard<'_, bool> {
        self.done.lock().unpoisoned()
    }
}

/// Runs a turn on a thread of its own. Where the system has none left, the events wait until it has. None when the queue has ended.
async fn on_a_thread<L: Listener>(turn: Turn<L>) -> Option<Turn<L>> {
    let turn = Arc::new(Mutex::new(Some(turn)));
    loop {
        let (tell, told) = oneshot::channel();
        let taken = turn.clone();
        let call = move || {
            let _context = runtime::context();
            let turn = taken.lock().unpoisoned().take();
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

/// What a thread needs to call.
struct Turn<L: Listener> {
    batch: VecDeque<Event>,
    /// There until the end.
    listener: Option<L>,
    /// Dropped after everything else.
    done: Done,
}

impl<L: Listener> Turn<L> {
    /// Calls for all that waits, and for what comes meanwhile or soon after. None when the queue has ended.
    fn take(mut self) -> Option<Self> {
        let listening = self.done.0.clone();
        let waker = Waker::from(listening.bell.clone());
        loop {
            self.call();
            let count = listening.bell.count();
            match listening.poll(&mut Context::from_waker(&waker), &mut self.batch) {
                Poll::Ready(0) => return None,
                Poll::Ready(_) => {}
                Poll::Pending if listening.bell.wait(count, Some(Instant::now() + LINGER)) => {}
                Poll::Pending => return Some(self),
            }
        }
    }

    fn call(&mut self) {
        while let (Some(event), Some(listener)) = (self.batch.pop_front(), &mut self.listener) {
            if self.done.0.is_stopped() {
                break;
            }
            listener.call(event);
        }
    }
}

impl<L: Listener> Drop for Turn<L> {
    fn drop(&mut self) {
        // The topic may end with the queue, which takes longer than the lock may be held.
        let events = self.done.0.events().take();
        drop(events);
        self.batch.clear();
        if let Some(listener) = self.listener.take() {
            listener.end();
        }
    }
}

/// Tells a close that waits that everything before it has been dropped.
struct Done(Arc<Listening>);

impl Drop for Done {
    fn drop(&mut self) {
        *self.0.done() = true;
        self.0.is_done.notify_all();
    }
}

/// The listeners of a node's topics, for a close that waits for them.
#[derive(Debug, Default)]
pub struct Listeners(Mutex<Vec<Weak<Listening>>>);

impl Listeners {
    /// Adds one, unless its queue is closed already: that close may have finished waiting.
    pub(crate) fn add(
        &self,
        topic: u64,
        bell: Arc<Bell>,
        events: Owned<Events>,
    ) -> std::result::Result<Arc<Listening>, Owned<Events>> {
        let mut list = self.lock();
        if !events.get().is_ok_and(|events| !events.is_closed()) {
            return Err(events);
        }
        let listening = Listening::new(topic, bell, events);
        list.retain(|known| known.strong_count() > 0);
        list.push(Arc::downgrade(&listening));
        Ok(listening)
    }

    /// Waits for the listeners of this topic, which is closed. Fails if one still runs at the deadline.
    pub fn wait_for_topic(&self, topic: &Topic, deadline: Instant) -> Result {
        let mut all = self.all();
        all.retain(|listening| listening.topic == topic.instance());
        wait_for_each(&all, deadline)
    }

    /// Waits for all listeners, whose topics are about to end. Fails if one still runs at the deadline.
    pub fn wait_for_all(&self, deadline: Instant) -> Result {
        wait_for_each(&self.all(), deadline)
    }

    fn all(&self) -> Vec<Arc<Listening>> {
        self.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Listening>>> {
        self.0.lock().unpoisoned()
    }
}

/// Waits for each, also when one before it took too long: so that it is stopped as well.
fn wait_for_each(all: &[Arc<Listening>], deadline: Instant) -> Result {
    let waited: Vec<Result> = all.iter().map(|listening| listening.wait(deadline)).collect();
    waited.into_iter().collect()
}
