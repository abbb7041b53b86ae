//! Events by callback.

use std::sync::Arc;

use dtt_core::{CancellationToken, Events};

use super::{
    call::{Outcome, runtime},
    error::ListenerError,
    event::{Event, event},
};

/// Is told of everything that happens on a topic.
///
/// One call at a time, in order, on one of the library's threads: a slow listener holds nothing up, but when its queue is
/// full the oldest events go and it is told how many. What it throws goes to the log as a warning, and the next event comes all
/// the same. Anything may be called from inside, closing and leaving too.
#[uniffi::export(foreign)]
pub trait EventListener: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: Event) -> Result<(), ListenerError>;

    /// No more events come: the topic is closed, or listening was ended. Exactly once.
    fn on_end(&self) -> Result<(), ListenerError>;
}

/// A listener at work. It goes on when this object goes, and keeps its topic open.
#[derive(uniffi::Object)]
pub struct RawListening {
    stopped: CancellationToken,
}

#[uniffi::export]
impl RawListening {
    /// Ends it: no further call begins, but one that has just begun may still be running. Twice is fine, and so is calling it in
    /// the listener.
    pub fn stop(&self) {
        self.stopped.cancel();
    }
}

impl RawListening {
    pub(super) fn start(events: Events, listener: Arc<dyn EventListener>) -> Outcome<Self> {
        let stopped = CancellationToken::new();
        runtime()?.spawn(listen(events, listener, stopped.clone()));
        Ok(Self { stopped })
    }
}

async fn listen(mut events: Events, listener: Arc<dyn EventListener>, stopped: CancellationToken) {
    while let Some(Some(next)) = stopped.run_until_cancelled(events.next()).await {
        if stopped.is_cancelled() {
            break;
        }
        if let Some(event) = event(next) {
            call(|| listener.on_event(event));
        }
    }
    drop(events);
    call(|| listener.on_end());
}

/// The application's code may take its time: the other tasks of this thread move to another one.
fn call(call: impl FnOnce() -> Result<(), ListenerError>) {
    if let Err(error) = tokio::task::block_in_place(call) {
        tracing::warn!(target: "dtt::listener", %error, "an event listener failed");
    }
}
