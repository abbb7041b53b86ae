//! Whom a node's topics have as neighbors, all of them together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use iroh::EndpointId;

use crate::sync::Unpoisoned;

/// Shared by the topics of a node, which note their neighbors in it: how many of them have each.
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

    /// Whether any topic has it as a neighbor.
    pub(in crate::net) fn contains(&self, peer: &EndpointId) -> bool {
        self.lock().contains_key(peer)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, usize>> {
        self.0.lock().unpoisoned()
    }
}
