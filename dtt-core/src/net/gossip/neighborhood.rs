//! The neighbors of a node, over all of its topics.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use iroh::EndpointId;

use crate::sync::Unpoisoned;

/// Shared by the topics of a node. It counts for each peer how many topics have it as a neighbor.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Neighborhood(Arc<Mutex<HashMap<EndpointId, usize>>>);

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

    /// Whether any topic has the peer as a neighbor.
    pub(in crate::net) fn contains(&self, peer: &EndpointId) -> bool {
        self.lock().contains_key(peer)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, usize>> {
        self.0.lock().unpoisoned()
    }
}
