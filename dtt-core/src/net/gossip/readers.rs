//! The readers of a topic's events. Each has a bounded channel and some room beside it, since one message may bring
//! more than one event.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use iroh_gossip::api::Event;
use tokio_util::sync::PollSender;

use super::channel::EventSender;

/// Events that may wait for a reader in addition to those in its channel.
const EVENTS: usize = 16;

#[derive(Default)]
pub(super) struct Readers(Vec<Reader>);

struct Reader {
    id: u64,
    events: PollSender<Event>,
    waiting: VecDeque<Event>,
}

impl Readers {
    /// Adds a reader. It receives `first` before anything else.
    pub(super) fn add(&mut self, id: u64, events: EventSender, first: impl Iterator<Item = Event>) {
        self.0.push(Reader { id, events: PollSender::new(events), waiting: first.collect() });
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.0.retain(|reader| reader.id != id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn have_room(&self) -> bool {
        self.0.iter().all(|reader| reader.waiting.len() < EVENTS)
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.0.iter_mut().for_each(|reader| reader.waiting.push_back(event.clone()));
    }

    /// Hands over what waits, as far as there is room.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        for reader in &mut self.0 {
            while !reader.waiting.is_empty() {
                match reader.events.poll_reserve(cx) {
                    Poll::Ready(Ok(())) => {
                        if let Some(event) = reader.waiting.pop_front() {
                            let _ = reader.events.send_item(event);
                        }
                    }
                    // The reader has gone, and is about to say so.
                    Poll::Ready(Err(_)) => reader.waiting.clear(),
                    Poll::Pending => break,
                }
            }
        }
    }
}
