//! The neighbors, and since when each is one.

use std::time::Duration;

use super::{Now, PeerId};

/// A neighbor of at least this long counts as one that stays. Many newcomers are killed, or go to sleep, within their
/// first minute.
pub(super) const STEADY: Duration = Duration::from_secs(60);

/// The present neighbors, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Neighbors {
    peers: Vec<PeerId>,
    since: Vec<Duration>,
}

impl Neighbors {
    /// Adds a neighbor. Returns false if it is one already.
    pub(super) fn add(&mut self, peer: PeerId, now: Now) -> bool {
        let new = !self.peers.contains(&peer);
        if new {
            self.peers.push(peer);
            self.since.push(now.mono);
        }
        new
    }

    /// Removes a neighbor. Returns since when it was one.
    pub(super) fn remove(&mut self, peer: &PeerId) -> Option<Duration> {
        let place = self.peers.iter().position(|known| known == peer)?;
        self.peers.remove(place);
        Some(self.since.remove(place))
    }

    /// The neighbors that stay. Both ends of a link agree on this.
    pub(super) fn steady(&self, now: Now) -> impl Iterator<Item = &PeerId> {
        self.standing_for(STEADY, now)
    }

    /// The neighbors that came at least this long ago.
    pub(super) fn standing_for(&self, long: Duration, now: Now) -> impl Iterator<Item = &PeerId> {
        let stands = move |since: &Duration| now.mono.saturating_sub(*since) >= long;
        self.peers.iter().zip(&self.since).filter(move |(_, since)| stands(since)).map(|(peer, _)| peer)
    }
}

impl std::ops::Deref for Neighbors {
    type Target = [PeerId];

    fn deref(&self) -> &[PeerId] {
        &self.peers
    }
}
