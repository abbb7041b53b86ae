//! A subscriber's queue, in batches.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
};

use dtt_core::{CancellationToken, Events};

use super::{
    call::{Outcome, RawCancel, run_always, runtime},
    event::{Event, event},
};

/// Events that are taken from the engine's queue at once.
const BATCH: usize = 256;

/// A subscriber's own bounded queue of events.
///
/// [`RawEvents::ready`] waits and takes nothing; [`RawEvents::take`] takes and does not wait. So whoever gives up waiting
/// loses nothing.
#[derive(uniffi::Object)]
pub struct RawEvents {
    shared: Arc<Shared>,
}

struct Shared {
    /// The engine's queue; none when it has ended or was closed. Held while someone waits.
    source: tokio::sync::Mutex<Option<Events>>,
    taken: Mutex<VecDeque<dtt_core::Event>>,
    closed: CancellationToken,
}

#[uniffi::export]
impl RawEvents {
    /// Waits until there is an event or the queue has ended. False if it has ended and everything was taken.
    pub async fn ready(&self, cancel: Option<Arc<RawCancel>>) -> Outcome<bool> {
        let shared = self.shared.clone();
        run_always(cancel, async move { shared.ready().await }).await
    }

    /// Takes up to `max` events (at least one, if there is one), in order.
    pub fn take(&self, max: u32) -> Vec<Event> {
        self.shared.take(max.max(1) as usize)
    }

    /// Ends the queue, and with it the iteration over it; the topic goes on. Twice is fine.
    pub fn cancel(&self) {
        self.shared.clone().close();
    }
}

impl RawEvents {
    pub(super) fn new(events: Events) -> Self {
        let source = tokio::sync::Mutex::new(Some(events));
        Self { shared: Arc::new(Shared { source, taken: Mutex::default(), closed: CancellationToken::new() }) }
    }

    /// Of a topic that is closed: takes what is left out of the engine's hands, which are free then. Whoever waits does that too.
    pub(super) fn drain(&self) {
        if !self.shared.closed.is_cancelled()
            && let Ok(mut source) = self.shared.source.try_lock()
            && let Some(events) = source.as_mut()
        {
            let left = std::iter::from_fn(|| events.try_next());
            self.shared.lock().extend(left);
            if events.is_finished() {
                drop_in_context(source.take());
            }
        }
    }
}

impl Shared {
    async fn ready(&self) -> bool {
        let wait = async {
            let mut source = self.source.lock().await;
            if !self.lock().is_empty() {
                return true;
            }
            let Some(events) = source.as_mut() else { return false };
            let some = poll_fn(|cx| match events.poll_batch(cx, BATCH, &mut self.lock()) {
                Poll::Ready(taken) => Poll::Ready(taken > 0),
                Poll::Pending => Poll::Pending,
            })
            .await;
            if !some {
                drop_in_context(source.take());
            }
            some
        };
        self.closed.run_until_cancelled(wait).await.unwrap_or(false)
    }

    fn take(&self, max: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < max {
            let mut taken = self.lock();
            if self.closed.is_cancelled() {
                break;
            }
            if taken.is_empty() {
                drop(taken);
                if !self.refill() {
                    break;
                }
                continue;
            }
            let room = (max - events.len()).min(taken.len());
            events.extend(taken.drain(..room).filter_map(event));
        }
        events
    }

    /// Takes what waits in the engine's queue; false if there is nothing, or someone waits for it.
    fn refill(&self) -> bool {
        let Ok(mut source) = self.source.try_lock() else { return false };
        let Some(events) = source.as_mut() else { return false };
        let mut taken = self.lock();
        if self.closed.is_cancelled() {
            return false;
        }
        taken.extend(std::iter::from_fn(|| events.try_next()).take(BATCH));
        !taken.is_empty()
    }

    fn close(self: Arc<Self>) {
        self.closed.cancel();
        self.lock().clear();
        if let Ok(mut source) = self.source.try_lock() {
            drop_in_context(source.take());
            return;
        }
        // Who waits holds it, and lets go of it as soon as it sees that or gives up.
        if let Ok(runtime) = runtime() {
            runtime.spawn(async move { drop(self.source.lock().await.take()) });
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<dtt_core::Event>> {
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop_in_context(self.source.get_mut().take());
    }
}

/// A queue keeps its topic and node alive, which need their runtime when they are dropped.
fn drop_in_context(events: Option<Events>) {
    let _context = runtime().ok().map(|runtime| runtime.enter());
    drop(events);
}
