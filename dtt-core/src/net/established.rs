//! The connections that stand, so that a node that closes waits for their peers and for nobody else.
//!
//! An endpoint that closes waits for dials, too, that nobody has answered yet: three seconds, for somebody who most
//! likely is gone.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use iroh::endpoint::{AfterHandshakeOutcome, Connection, EndpointHooks, WeakConnectionHandle};

/// What a peer needs to acknowledge a close, beside the way there and back.
const MOMENT: Duration = Duration::from_millis(250);
/// Round trips after which QUIC gives up repeating a close, at the most: three probe time-outs, each of the round trip
/// and four times its variation, which begins as half of it.
const ROUND_TRIPS: u32 = 9;

/// A hook of the endpoint that remembers its connections, both ways.
#[derive(Debug, Clone, Default)]
pub(super) struct Established(Arc<Mutex<Vec<WeakConnectionHandle>>>);

impl Established {
    /// Waits until the connections that stand now have been closed, and then as long as their peers need to notice.
    pub(super) fn told(&self) -> impl Future<Output = ()> + Send + use<> {
        let open: Vec<Connection> = self.lock().iter().filter_map(open).collect();
        let round_trip = open.iter().filter_map(longest_round_trip).max().unwrap_or_default();
        async move {
            let handles: Vec<_> = open.iter().map(Connection::weak_handle).collect();
            let closed = join_all(handles.iter().map(WeakConnectionHandle::closed));
            // Held so far, so that their end is not missed; whoever else holds none closes them by letting go.
            drop(open);
            closed.await;
            tokio::time::sleep(MOMENT + round_trip * ROUND_TRIPS).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<WeakConnectionHandle>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl EndpointHooks for Established {
    async fn after_handshake<'a>(&'a self, connection: &'a Connection) -> AfterHandshakeOutcome {
        let mut handles = self.lock();
        handles.retain(|handle| open(handle).is_some());
        handles.push(connection.weak_handle());
        AfterHandshakeOutcome::accept()
    }
}

fn open(handle: &WeakConnectionHandle) -> Option<Connection> {
    handle.upgrade().filter(|connection| connection.close_reason().is_none())
}

fn longest_round_trip(connection: &Connection) -> Option<Duration> {
    connection.paths().iter().map(|path| path.rtt()).max()
}
