//! Events by callback.

use std::sync::Arc;

use dtt_core::Topic;
use dtt_embed::{Listener, Listening};

use super::{
    call::Outcome,
    error::ListenerError,
    event::{Event, event},
};

/// Is told of everything that happens on a topic.
///
/// One call at a time, in order, on one of the library's threads: a slow listener holds nothing up, but when its queue is
/// full the oldest events go and it is told how many. What it throws goes to the log as a warning, and the next event comes all
/// the same. Anything may be called from inside, closing too.
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
    listening: Arc<Listening>,
}

#[uniffi::export]
impl RawListening {
    /// Ends it: no further call begins, but one that has just begun may still be running. Twice is fine, and so is calling it in
    /// the listener.
    pub fn stop(&self) {
        self.listening.stop();
    }
}

impl RawListening {
    pub(super) fn start(topic: &Topic, listener: Arc<dyn EventListener>) -> Outcome<Self> {
        Ok(Self { listening: Listening::start(topic, Ear(listener))? })
    }
}

/// A listener of the application.
struct Ear(Arc<dyn EventListener>);

impl Listener for Ear {
    fn call(&mut self, next: dtt_core::Event) {
        if let Some(event) = event(next) {
            warn(self.0.on_event(event));
        }
    }

    fn end(self) {
        warn(self.0.on_end());
    }
}

fn warn(called: Result<(), ListenerError>) {
    if let Err(error) = called {
        tracing::warn!(target: "dtt::listener", %error, "an event listener failed");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Condvar, Mutex, mpsc},
        time::Duration,
    };

    use dtt_embed::runtime;

    use super::*;

    /// More than the runtime's pool has threads.
    const BLOCKED: usize = 600;
    const LIMIT: Duration = Duration::from_secs(60);

    /// Blocks in its first call until the gate opens, and says when it is called and when it ends.
    struct Blocks {
        gate: Arc<(Mutex<bool>, Condvar)>,
        called: mpsc::Sender<()>,
        ended: mpsc::Sender<()>,
    }

    impl EventListener for Blocks {
        fn on_event(&self, _: Event) -> Result<(), ListenerError> {
            let _ = self.called.send(());
            let closed = self.gate.0.lock().unwrap();
            drop(self.gate.1.wait_while(closed, |open| !*open).unwrap());
            Ok(())
        }

        fn on_end(&self) -> Result<(), ListenerError> {
            let _ = self.ended.send(());
            Ok(())
        }
    }

    /// Runs something on the library's threads, and fails if it does not end.
    fn within_limit<T: Send + 'static>(what: &str, call: impl Future<Output = T> + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        runtime::handle().unwrap().spawn(async move { tell.send(call.await) });
        told.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{what} did not end within {LIMIT:?}"))
    }

    #[test]
    fn listeners_that_block_hold_up_neither_the_engine_nor_other_listeners() {
        let config = || dtt_core::Testnet::node_config_for(&["127.0.0.1:1".to_owned()]).build();
        let spawn = move || dtt_core::Node::spawn(config());
        let nodes = within_limit("starting", async move { (spawn().await.unwrap(), spawn().await.unwrap()) });
        let join = |node: &dtt_core::Node| {
            let node = node.clone();
            within_limit("joining", async move { node.join("blocked", b"s", Default::default()).await.unwrap() })
        };
        let (topic, other) = (join(&nodes.0), join(&nodes.1));
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let ((called, is_called), (ended, is_ended)) = (mpsc::channel(), mpsc::channel());
        let blocks = || -> Arc<dyn EventListener> {
            Arc::new(Blocks { gate: gate.clone(), called: called.clone(), ended: ended.clone() })
        };
        let start = |topic: &dtt_core::Topic| RawListening::start(topic, blocks()).unwrap();
        let listening: Vec<_> = (0..BLOCKED).map(|_| start(&topic)).collect();
        for number in 0..BLOCKED {
            is_called.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("listener {number} of {BLOCKED} was not called"));
        }
        // All of them block now. Nodes still meet and messages still arrive.
        let address = nodes.0.addr();
        let received = within_limit("delivering a message", async move {
            let mut events = topic.subscribe();
            other.join_peers([address]).await.unwrap();
            other.joined().await.unwrap();
            other.broadcast(b"through".to_vec()).await.unwrap();
            loop {
                if let Some(dtt_core::Event::Received(message)) = events.next().await {
                    return message.content;
                }
            }
        });
        assert_eq!(received, b"through"[..]);
        within_limit("closing", async move { tokio::join!(nodes.0.close(), nodes.1.close()) });
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        for _ in &listening {
            is_ended.recv_timeout(LIMIT).expect("each listener is told the end");
        }
        assert!(is_ended.try_recv().is_err(), "and once only");
    }
}
