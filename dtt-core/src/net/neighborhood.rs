//! Whom a node's topics have as neighbors, all of them together.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use iroh::EndpointId;

/// Shared by the topics of a node, which note their neighbors in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Neighborhood(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How many topics have each of them.
    neighbors: Mutex<HashMap<EndpointId, usize>>,
    has_unseen_topics: AtomicBool,
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
            }
        }
    }

    /// Whether any topic has it as a neighbor.
    pub(super) fn contains(&self, peer: &EndpointId) -> bool {
        self.lock().contains_key(peer)
    }

    /// The application may subscribe topics of its own on the gossip layer from now on: nobody knows their neighbors.
    pub(super) fn expect_unseen_topics(&self) {
        self.0.has_unseen_topics.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_unseen_topics(&self) -> bool {
        self.0.has_unseen_topics.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, usize>> {
        self.0.neighbors.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
