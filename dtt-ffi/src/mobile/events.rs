//! A subscriber's queue, in batches.

use std::{collections::VecDeque, sync::Arc, task::Poll};

use dtt_core::Topic;
use dtt_embed::{Listeners, Queue};

use super::{
    call::{Outcome, RawCancel, run},
    event::{Event, event},
};

/// A subscriber's own bounded queue of events.
///
/// [`RawEvents::ready`] waits and takes nothing; [`RawEvents::take`] takes and does not wait. So whoever gives up waiting
/// loses nothing.
#[derive(uniffi::Object)]
pub struct RawEvents {
    queue: Arc<Queue>,
}

#[uniffi::export]
impl RawEvents {
    /// Waits until there is an event or the queue has ended. False if it has ended and everything was taken.
    pub async fn ready(&self, cancel: Option<Arc<RawCancel>>) -> Outcome<bool> {
        let queue = self.queue.clone();
        run(cancel, async move { queue.ready().await }).await
    }

    /// Takes up to `max` events (at least one, if there is one), in order.
    pub fn take(&self, max: u32) -> Vec<Event> {
        let (max, mut events, mut batch) = (max.max(1) as usize, Vec::new(), VecDeque::new());
        while events.len() < max
            && let Ok(Poll::Ready(1..)) = self.queue.take(max - events.len(), &mut batch)
        {
            events.extend(batch.drain(..).filter_map(event));
        }
        events
    }

    /// Ends the queue, and with it the iteration over it; the topic goes on. Twice is fine.
    pub fn end(&self) {
        self.queue.discard();
    }
}

impl RawEvents {
    pub(super) fn new(topic: &Topic) -> Self {
        Self { queue: Arc::new(Queue::new(topic, Arc::<Listeners>::default())) }
    }

    /// Of a topic that is closed: takes what is left out of the engine's hands, which are free then.
    pub(super) fn settle(&self) {
        self.queue.settle();
    }
}
