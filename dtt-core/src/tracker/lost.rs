//! Neighbors that went at the same moment: perhaps the network was cut, and will heal.
//!
//! The records of the other side can be found only when the DHT has grown together again and a node looks for them.
//! Neighbors that were cut off can be joined without it.

use std::time::Duration;

use rand::seq::IndexedRandom;

use super::{Action, Core, JoinReason, Now, PeerId, SeenRecord, merge::is_my_turn, neighbors};

/// Connections that a cut ends are given up within about a keep-alive interval of each other.
const MOMENT: Duration = Duration::from_secs(8);
/// If this many neighbors go at one moment, they may have been cut off. A single one has more likely ended, or dropped
/// us.
const CUT: usize = 2;
/// Only nodes that were neighbors for this long count: while a swarm forms, the gossip layer drops neighbors for
/// others.
const STEADY: Duration = Duration::from_secs(45);
/// Pause between two attempts to join one of them, and up to as much more.
const PAUSE: Duration = Duration::from_secs(20);
/// The attempts end after this time.
const GIVE_UP: Duration = Duration::from_secs(15 * 60);
/// A node without a steady neighbor asks the last one again after this time and up to as much more, and at most this
/// many times.
const LAST_PAUSE: Duration = Duration::from_secs(2);
const LAST_TRIES: u8 = 3;
/// The most lost neighbors that are remembered: more than the gossip layer has neighbors.
pub(super) const FOOTPRINT: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Lost {
    /// The neighbors that went, and when, in order.
    peers: Vec<(PeerId, Duration)>,
    /// The next attempt to join one of them, if this looks like a cut.
    next: Option<Duration>,
    until: Duration,
    /// The minute in which they went.
    minute: u64,
    /// The last steady neighbor, when it is asked again, and how many times it still is.
    last: Option<(PeerId, Duration, u8)>,
}

impl Lost {
    pub(super) fn footprint(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.next.into_iter().chain(self.last.map(|(_, at, _)| at)).min()
    }

    /// If the new neighbor is one of the lost ones, all of its side is back.
    pub(super) fn neighbor_up(&mut self, peer: PeerId) {
        if self.peers.iter().any(|(lost, _)| *lost == peer) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.peers.clear();
        self.next = None;
    }

    pub(super) fn neighbor_down(&mut self, core: &mut Core, now: Now, peer: PeerId, since: Duration) {
        let stayed = now.mono.saturating_sub(since) >= neighbors::STEADY;
        if stayed && core.neighbors.steady(now).next().is_none() && is_my_turn(core, now) {
            self.last = Some((peer, now.mono + LAST_PAUSE + core.jitter(LAST_PAUSE), LAST_TRIES));
        }
        if now.mono.saturating_sub(since) < STEADY {
            return;
        }
        let recent = |at: &Duration| now.mono.saturating_sub(*at) <= MOMENT;
        match self.next {
            None => self.peers.retain(|(_, at)| recent(at)),
            // A neighbor that goes after the moment of the cut goes for another reason.
            Some(_) if !self.peers.iter().any(|(_, at)| recent(at)) => return,
            Some(_) => {}
        }
        if self.peers.len() < FOOTPRINT && !self.peers.iter().any(|(lost, _)| *lost == peer) {
            self.peers.push((peer, now.mono));
        }
        if self.next.is_none() && self.peers.len() >= CUT {
            // Joining makes others drop a neighbor, which may look like a cut to them, so only some nodes do it.
            if !is_my_turn(core, now) {
                return self.forget();
            }
            self.next = Some(now.mono + PAUSE + core.jitter(PAUSE));
            self.until = now.mono + GIVE_UP;
            self.minute = now.minute();
        }
    }

    /// Forgets lost neighbors that a record of this swarm names long after they went from here: they are part of the
    /// swarm. Only messages from after the cut show this, since both sides know the earlier ones.
    pub(super) fn record(&mut self, core: &Core, record: &SeenRecord) {
        if self.next.is_none() || record.minute <= self.minute + 1 {
            return;
        }
        let since = Duration::from_secs((self.minute + 1) * 60);
        let ours = core.names_us(record) || record.hashes.iter().any(|hash| core.window.knows_since(hash, since));
        if ours {
            self.peers.retain(|(lost, _)| record.publisher != *lost && !record.peers.contains(lost));
            if self.peers.is_empty() {
                self.forget();
            }
        }
    }

    /// Asks the last steady neighbor to be one again. Newcomers that are killed stay in the gossip layer's view until
    /// their connections time out, and they drive out the nodes that stay.
    fn ask_last(&mut self, core: &mut Core, now: Now) {
        let Some((peer, at, tries)) = self.last else { return };
        let merges = core.config.merge_config().bubble_merge().enabled().is_some();
        if !merges || !core.is_joined() || core.neighbors.contains(&peer) || core.neighbors.steady(now).next().is_some()
        {
            self.last = None;
        } else if at <= now.mono {
            self.last = (tries > 1).then(|| (peer, now.mono + LAST_PAUSE + core.jitter(LAST_PAUSE), tries - 1));
            core.act(Action::Join { peers: vec![peer], reason: JoinReason::Bubble });
        }
    }

    pub(super) fn advance(&mut self, core: &mut Core, now: Now) {
        self.ask_last(core, now);
        if self.next.is_none_or(|at| at > now.mono) {
            return;
        }
        if now.mono >= self.until {
            self.forget();
            return;
        }
        self.next = Some(now.mono + PAUSE + core.jitter(PAUSE));
        let merges = core.config.merge_config().bubble_merge().enabled().is_some();
        // A node without neighbors asks everyone anyway.
        if merges
            && core.is_joined()
            && let Some((peer, _)) = self.peers.choose(&mut core.rng)
        {
            core.act(Action::Join { peers: vec![*peer], reason: JoinReason::Bubble });
        }
    }
}
