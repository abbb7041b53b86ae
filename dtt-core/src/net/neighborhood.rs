//! Whom a node's topics have as neighbors, all of them together, and whom they asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use iroh::EndpointId;
use tokio::time::Instant;

/// Peers whose joins are remembered. Of whom nothing is known, the next join counts as the first.
const MAX_ASKED: usize = 512;

/// Shared by the topics of a node, which note their neighbors in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Neighborhood(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// How many topics have each of them.
    neighbors: HashMap<EndpointId, usize>,
    /// Who was to be joined and has not become a neighbor since, and when that was last.
    asked: HashMap<EndpointId, Instant>,
    has_unseen_topics: bool,
}

impl Neighborhood {
    pub(super) fn add(&self, peer: EndpointId) {
        let mut inner = self.lock();
        *inner.neighbors.entry(peer).or_default() += 1;
        inner.asked.remove(&peer);
    }

    pub(super) fn remove(&self, peer: &EndpointId) {
        let neighbors = &mut self.lock().neighbors;
        if let Some(topics) = neighbors.get_mut(peer) {
            *topics -= 1;
            if *topics == 0 {
                neighbors.remove(peer);
            }
        }
    }

    /// Whether any topic has it as a neighbor.
    pub(super) fn contains(&self, peer: &EndpointId) -> bool {
        self.lock().neighbors.contains_key(peer)
    }

    /// Notes that a peer is joined now; when it was last, if it has not answered since.
    pub(super) fn ask(&self, peer: EndpointId) -> Option<Instant> {
        let asked = &mut self.lock().asked;
        if asked.len() >= MAX_ASKED && !asked.contains_key(&peer) {
            asked.clear();
        }
        asked.insert(peer, Instant::now())
    }

    /// Whether it was joined, and has not become a neighbor since.
    pub(super) fn owes_answer(&self, peer: &EndpointId) -> bool {
        let inner = self.lock();
        inner.asked.contains_key(peer) && !inner.neighbors.contains_key(peer)
    }

    /// The application may subscribe topics of its own on the gossip layer from now on: nobody knows their neighbors.
    pub(super) fn expect_unseen_topics(&self) {
        self.lock().has_unseen_topics = true;
    }

    pub(super) fn has_unseen_topics(&self) -> bool {
        self.lock().has_unseen_topics
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
