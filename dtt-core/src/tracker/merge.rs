//! Keeping the swarm whole: looking for more neighbors when there are few, and noticing that it has split.

use std::{collections::HashMap, time::Duration};

use rand::{
    RngExt,
    seq::{IndexedRandom, SliceRandom},
};

use super::{AHEAD, Action, Core, JoinReason, MessageHash, Now, PeerId, SeenRecord};
use crate::wire::MAX_MESSAGE_HASHES;

/// From joining, or from a merge, to a first look at whether more peers are to be joined, and on to the next ones.
const SETTLE_BASE: Duration = Duration::from_millis(1500);
const SETTLE_JITTER: Duration = Duration::from_millis(2500);
/// How often that is looked at.
const SETTLE_LOOKS: u32 = 4;
/// So long after such looks began they do not begin again: a neighbor may come and go as it likes.
const SETTLE_AGAIN: Duration = Duration::from_secs(30);
/// Records this recent are compared without a lookup of their own.
const SLOT_AGE: Duration = Duration::from_secs(20);
/// In a swarm of so many nodes, those that one node and its neighbors name and those that a record names hardly ever
/// have nobody in common.
const SMALL_SWARM: usize = 12;
/// Whoever looks first in a minute sees nobody in its slot, and looks at the last minute's too, if there are so many
/// neighbors to share the lookups with.
const LOOKS_BACK: usize = 3;
/// A stranger's records are tried so often, and then no more until they are forgotten: it may be the one who speaks and
/// hears nobody, or not exist.
const STRANGER_TRIES: u8 = 3;
/// Strangers that were tried are forgotten after this, and when there are so many.
const STRANGER_MEMORY: Duration = Duration::from_secs(3600);
const MAX_STRANGERS: usize = 256;
/// A record is judged only if messages were heard here this long before its minute began: it may have been made a little
/// before, by a clock that is up to a minute ahead, and a message needs a moment to reach everyone.
const JUDGE_MARGIN: Duration = Duration::from_secs(65).saturating_add(AHEAD);

/// A message that is known only from records marks a split in so many comparisons, and then no more: whoever heard it
/// was joined, or could not be.
const JUDGED_MOST: u8 = 5;
/// Messages known only from records that are remembered.
const MAX_STRANGE: usize = 4096;
/// Messages and strangers remembered at the most: a record is judged as a whole.
pub(super) const FOOTPRINT: usize = MAX_STRANGE + MAX_MESSAGE_HASHES + MAX_STRANGERS;

#[derive(Debug, Default)]
pub(super) struct Merges {
    /// When what was read already is used for more neighbors.
    settles: Option<Duration>,
    /// How many more such looks there are.
    settle_looks: u32,
    /// Whether a slot was looked up for them.
    settle_looked: bool,
    /// When they began last.
    settle_began: Option<Duration>,
    bubble: Timer,
    overlap: Timer,
    /// Messages that records named and that were never heard here, and how often each has marked a split.
    strange: HashMap<MessageHash, u8>,
    /// Publishers that nothing connected with us, how often one of theirs was joined, and when they are forgotten.
    strangers: HashMap<PeerId, u8>,
    strangers_until: Duration,
    /// The neighbors when the last stranger was joined. If they are the same at the next look, it may not exist, and another is tried.
    courted: Option<Vec<PeerId>>,
    /// Whether records have been compared since we began to listen. What they named then is older than that, or said by
    /// someone who had heard nothing since: a publisher does not name its own messages.
    compared: bool,
}

#[derive(Debug, Default)]
struct Timer {
    next: Option<Duration>,
    waiting: bool,
    /// The first check is done: the later ones use the publisher's lookups.
    checked: bool,
}

impl Timer {
    /// Whether it is time to look at the records, and they are there.
    fn is_due(&mut self, core: &mut Core, now: Now) -> bool {
        if self.next.is_some_and(|at| at <= now.mono) {
            self.next = None;
            self.waiting = true;
        }
        if !self.waiting {
            return false;
        }
        if self.rides(core) {
            let fresh = |minute: &u64| core.slots.is_fresh(*minute, SLOT_AGE, now);
            let Some(looked) = [now.ahead().minute(), now.minute()].into_iter().find(fresh) else { return false };
            let first = core.slots.records(looked).is_empty() && core.neighbors.len() >= LOOKS_BACK;
            return !first || core.want_slot(looked.saturating_sub(1), SLOT_AGE, now);
        }
        // Both, so that both lookups run at the same time.
        let newest = core.want_slot(now.minute(), SLOT_AGE, now);
        let before = core.want_slot(now.minute().saturating_sub(1), SLOT_AGE, now);
        newest && before
    }

    /// Whether checks wait for a lookup of the publisher's: of every neighborhood someone looks once a minute, and one
    /// look is enough to find another part of the swarm.
    fn rides(&self, core: &Core) -> bool {
        self.checked && core.config.publisher_config().enabled().is_some()
    }

    fn again(&mut self, core: &mut Core, now: Now, base: Duration, jitter: Duration) {
        self.waiting = false;
        self.checked = true;
        // The jitter keeps lookups apart; the publisher's are apart already.
        let jitter = if self.rides(core) { Duration::ZERO } else { core.jitter(jitter) };
        self.next = Some(now.mono + base + jitter);
    }
}

impl Merges {
    pub(super) fn joined(&mut self, core: &mut Core, now: Now) {
        if self.settle_began.is_none_or(|at| now.mono.saturating_sub(at) >= SETTLE_AGAIN) {
            self.settle_began = Some(now.mono);
            self.settle_soon(core, now);
            self.settle_looked = false;
        }
        let config = core.config.merge_config();
        let first =
            |interval: Option<Duration>| Timer { next: interval.map(|first| now.mono + first), ..Timer::default() };
        self.judge_anew();
        self.bubble = first(config.bubble_merge().enabled().map(|settings| settings.initial_interval()));
        self.overlap = first(config.message_overlap_merge().enabled().map(|settings| settings.initial_interval()));
    }

    pub(super) fn stop(&mut self) {
        *self = Self { settle_began: self.settle_began, ..Self::default() };
    }

    /// What the next records name is where the comparison starts.
    pub(super) fn judge_anew(&mut self) {
        self.compared = false;
        self.strange.clear();
    }

    /// How many messages and strangers are remembered.
    pub(super) fn footprint(&self) -> usize {
        self.strange.len() + self.strangers.len()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        [self.settles, self.bubble.next, self.overlap.next].into_iter().flatten().min()
    }

    pub(super) fn advance(&mut self, core: &mut Core, now: Now) {
        if core.is_joined() {
            self.settle(core, now);
            self.bubble(core, now);
            self.overlap(core, now);
        }
    }

    /// Begins the looks anew: what was just joined may come to nothing.
    fn settle_soon(&mut self, core: &mut Core, now: Now) {
        self.settles = Some(now.mono + SETTLE_BASE + core.jitter(SETTLE_JITTER));
        self.settle_looks = SETTLE_LOOKS;
    }

    /// Many that start at once join in small groups. Whoever has few neighbors a moment after joining joins more of those
    /// that the bootstrap found. After a merge, whoever got nobody by it tries others: a liar's records name nodes that do not exist.
    fn settle(&mut self, core: &mut Core, now: Now) {
        if self.settles.is_none_or(|at| at > now.mono) {
            return;
        }
        self.settle_looks -= 1;
        self.settles = (self.settle_looks > 0).then(|| now.mono + SETTLE_BASE + core.jitter(SETTLE_JITTER));
        let Some(settings) = core.config.merge_config().bubble_merge().enabled().cloned() else { return };
        if core.neighbors.len() >= settings.min_neighbors() {
            if self.courted.take().is_some_and(|before| before[..] == core.neighbors[..]) {
                self.join_stranger(core, &recent_records(core, now));
            }
            return;
        }
        let unknown = unknown_peers(core, recent_records(core, now).iter());
        if unknown.is_empty() && !std::mem::replace(&mut self.settle_looked, true) {
            // Whoever looked before the others had published knows nobody else: look once more, for the next time.
            core.want_slot(now.minute(), SETTLE_BASE, now);
        }
        join(core, unknown, settings.max_join_peers(), JoinReason::Bubble);
    }

    fn bubble(&mut self, core: &mut Core, now: Now) {
        let Some(settings) = core.config.merge_config().bubble_merge().enabled().cloned() else { return };
        let few = core.neighbors.len() < settings.min_neighbors();
        if !few && self.bubble.next.is_some_and(|at| at <= now.mono) {
            // Enough neighbors: nothing is looked up for this.
            self.bubble.checked = true;
            if !self.bubble.rides(core) {
                return self.bubble.again(core, now, settings.base_interval(), settings.max_jitter());
            }
        }
        if !self.bubble.is_due(core, now) {
            return;
        }
        self.bubble.again(core, now, settings.base_interval(), settings.max_jitter());
        let records = recent_records(core, now);
        if few {
            let unknown = unknown_peers(core, records.iter());
            if !unknown.is_empty() {
                // Most of them may not exist: a few more are tried, from what was read, if these come to nothing.
                self.settle_soon(core, now);
                self.settle_looked = true;
            }
            join(core, unknown, settings.max_join_peers(), JoinReason::Bubble);
        } else {
            self.join_strangers(core, now, &records);
        }
    }

    /// Where nobody speaks, a split shows only by who names whom. Two nodes of a small swarm always name someone in common,
    /// two of a large one often do not; there it is tried the more rarely, the more nodes the records name.
    fn join_strangers(&mut self, core: &mut Core, now: Now, records: &[SeenRecord]) {
        if now.mono >= self.strangers_until || self.strangers.len() >= MAX_STRANGERS {
            self.strangers.clear();
            self.strangers_until = now.mono + STRANGER_MEMORY;
        }
        let chance = smallness(core, records);
        if core.rng.random_bool(chance) && self.join_stranger(core, records) {
            self.settle_soon(core, now);
        }
    }

    fn join_stranger(&mut self, core: &mut Core, records: &[SeenRecord]) -> bool {
        let tried = |record: &SeenRecord| self.strangers.get(&record.publisher).is_some_and(|n| *n >= STRANGER_TRIES);
        let strangers: Vec<&SeenRecord> =
            records.iter().filter(|record| is_stranger(core, record) && !tried(record)).collect();
        let Some(stranger) = strangers.choose(&mut core.rng) else { return false };
        *self.strangers.entry(stranger.publisher).or_default() += 1;
        let unknown = unknown_peers(core, std::iter::once(*stranger));
        join(core, unknown, 1, JoinReason::Bubble);
        self.courted = Some(core.neighbors.to_vec());
        true
    }

    fn overlap(&mut self, core: &mut Core, now: Now) {
        let Some(settings) = core.config.merge_config().message_overlap_merge().enabled().cloned() else { return };
        let judges = core.window.can_judge(minute_start(now.minute()).saturating_sub(JUDGE_MARGIN));
        if !judges && self.overlap.next.is_some_and(|at| at <= now.mono) {
            // Nothing was heard yet that a record could be compared with.
            self.overlap.again(core, now, settings.base_interval(), settings.max_jitter());
            return;
        }
        if !self.overlap.is_due(core, now) {
            return;
        }
        self.overlap.again(core, now, settings.base_interval(), settings.max_jitter());
        let records = recent_records(core, now);
        let foreign = records.iter().filter(|record| shares_nothing(core, record));
        let split: Vec<&SeenRecord> = foreign.filter(|record| self.is_news(record)).collect();
        self.compared = true;
        let unknown = unknown_peers(core, split.into_iter());
        join(core, unknown, settings.max_join_peers(), JoinReason::Overlap);
    }

    /// Whether such a record names a message that was said elsewhere while we were listening.
    fn is_news(&mut self, record: &SeenRecord) -> bool {
        if self.strange.len() > MAX_STRANGE {
            self.strange.clear();
        }
        let first = if self.compared { 0 } else { JUDGED_MOST };
        let mut news = false;
        for hash in &record.hashes {
            let times = self.strange.entry(*hash).or_insert(first);
            news |= *times < JUDGED_MOST;
            *times = times.saturating_add(1);
        }
        news
    }
}

/// 1 in a small swarm, and the less, the more nodes the records name.
fn smallness(core: &Core, records: &[SeenRecord]) -> f64 {
    let everyone = unknown_peers(core, records.iter()).len() + core.neighbors.len() + 1;
    (SMALL_SWARM as f64 / everyone as f64).min(1.0)
}

/// Whether nodes that act each by itself should do so here: in a large swarm few are enough for all.
pub(super) fn is_my_turn(core: &mut Core, now: Now) -> bool {
    let chance = smallness(core, &recent_records(core, now));
    core.rng.random_bool(chance * chance)
}

/// Whether a record's publisher has neighbors, and nothing shows that any of them is in the same swarm.
fn is_stranger(core: &Core, record: &SeenRecord) -> bool {
    let since = minute_start(record.minute.saturating_sub(1)).saturating_sub(AHEAD);
    !record.peers.is_empty()
        && !core.names_us(record)
        && !record.hashes.iter().any(|hash| core.window.knows_since(hash, since))
}

/// Whether a record's publisher has heard nothing of what was heard here, although it should have.
fn shares_nothing(core: &Core, record: &SeenRecord) -> bool {
    !core.vouches_for(record)
        && !record.hashes.is_empty()
        && core.window.can_judge(minute_start(record.minute).saturating_sub(JUDGE_MARGIN))
}

fn minute_start(minute: u64) -> Duration {
    Duration::from_secs(minute * 60)
}

fn recent_records(core: &Core, now: Now) -> Vec<SeenRecord> {
    let minutes = now.minute().saturating_sub(1)..=now.ahead().minute();
    minutes.rev().flat_map(|minute| core.slots.records(minute)).cloned().collect()
}

fn unknown_peers<'a>(core: &Core, records: impl Iterator<Item = &'a SeenRecord>) -> Vec<PeerId> {
    let mut unknown: Vec<PeerId> = records
        .flat_map(|record| std::iter::once(record.publisher).chain(record.peers.iter().copied()))
        .filter(|peer| !core.is_known(peer))
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

fn join(core: &mut Core, mut peers: Vec<PeerId>, most: usize, reason: JoinReason) {
    peers.shuffle(&mut core.rng);
    peers.truncate(most);
    if !peers.is_empty() {
        core.act(Action::Join { peers, reason });
    }
}
