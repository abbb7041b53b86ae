//! The neighbors of a node, over all of its topics.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
};

use iroh::EndpointId;
use tokio::sync::Notify;

use crate::sync::Unpoisoned;

/// Shared by the topics of a node. It counts for each peer how many topics have it as a neighbor.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Neighborhood(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    topics: Mutex<HashMap<EndpointId, usize>>,
    /// Told when a peer is no neighbor on any topic any more.
    gone: Notify,
}

impl Neighborhood {
    pub(super) fn add(&self, peer: EndpointId) {
        *self.lock().entry(peer).or_default() += 1;
    }

    pub(super) fn remove(&self, peer: &EndpointId) {
        let mut neighbors = self.lock();
        if let Some(topics) = neighbors.get_mut(peer) {
            *topics -= 1;
            if *topics == 0 {
                neighbors.remove(peer);
                self.0.gone.notify_waiters();
            }
        }
    }

    /// Whether any topic has the peer as a neighbor.
    pub(in crate::net) fn contains(&self, peer: &EndpointId) -> bool {
        self.lock().contains_key(peer)
    }

    /// Waits until no topic has the peer as a neighbor.
    pub(super) async fn lost(&self, peer: &EndpointId) {
        loop {
            let mut gone = pin!(self.0.gone.notified());
            // From here on no notice is missed.
            gone.as_mut().enable();
            if !self.contains(peer) {
                return;
            }
            gone.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, usize>> {
        self.0.topics.lock().unpoisoned()
    }
}
