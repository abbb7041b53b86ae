//! Neighbors that went in the same moment: perhaps the network was cut, and will heal.
//!
//! The records of the other side come into sight only when the DHT has grown together again and somebody looks. Whoever was
//! cut off can be asked for without it.

use std::time::Duration;

use rand::seq::IndexedRandom;

use super::{Action, Core, JoinReason, Now, PeerId, SeenRecord, merge::is_my_turn, neighbors};

/// Connections that a cut ends are given up within about a keep-alive interval of each other.
const MOMENT: Duration = Duration::from_secs(8);
/// So many neighbors that go in a moment may have been cut off; a single one has more likely ended, or dropped us.
const CUT: usize = 2;
/// Only those count that were neighbors for so long: while a swarm forms, the gossip layer drops one for another.
const STEADY: Duration = Duration::from_secs(45);
/// Between two attempts to join one of them, and up to as much more.
const PAUSE: Duration = Duration::from_secs(20);
/// They are given up after this.
const GIVE_UP: Duration = Duration::from_secs(15 * 60);
/// Who has no neighbor left that stayed asks the last one again after this and up to as much more, so often.
const LAST_PAUSE: Duration = Duration::from_secs(2);
const LAST_TRIES: u8 = 3;
/// Those that are remembered: more than the gossip layer has neighbors.
pub(super) const FOOTPRINT: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Who went, and when, in order.
    peers: Vec<(PeerId, Duration)>,
    /// The next attempt, if they look like a cut.
    next: Option<Duration>,
    until: Duration,
    /// The minute in which they went.
    minute: u64,
    /// The last neighbor that stayed, when it is asked again, and how often it still is.
    last: Option<(PeerId, Duration, u8)>,
}

impl Lost {
    pub(super) fn footprint(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.next.into_iter().chain(self.last.map(|(_, at, _)| at)).min()
    }

    /// If it is one of them, all of its side is back.
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
            // Whoever goes later than in the moment of the cut goes for another reason.
            Some(_) if !self.peers.iter().any(|(_, at)| recent(at)) => return,
            Some(_) => {}
        }
        if self.peers.len() < FOOTPRINT && !self.peers.iter().any(|(lost, _)| *lost == peer) {
            self.peers.push((peer, now.mono));
        }
        if self.next.is_none() && self.peers.len() >= CUT {
            // Joining makes others drop a neighbor, which may look like a cut to them.
            if !is_my_turn(core, now) {
                return self.forget();
            }
            self.next = Some(now.mono + PAUSE + core.jitter(PAUSE));
            self.until = now.mono + GIVE_UP;
            self.minute = now.minute();
        }
    }

    /// Someone of this swarm names them, long after they went from here: they are part of it. What was said before the
    /// cut both sides know.
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

    /// Newcomers that are killed stay in the gossip layer's view until their connections time out, and drive those out that stay.
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
        // Who is alone asks everyone anyway.
        if merges
            && core.is_joined()
            && let Some((peer, _)) = self.peers.choose(&mut core.rng)
        {
            core.act(Action::Join { peers: vec![*peer], reason: JoinReason::Bubble });
        }
    }
}
