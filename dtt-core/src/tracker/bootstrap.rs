//! Reaching a first neighbor: rounds of lookups, and gentle dials of the nodes that they find.

use std::{cmp::Reverse, collections::HashMap, time::Duration};

use rand::{RngExt, seq::SliceRandom};

use super::{Action, Core, JoinReason, Now, PeerId, SeenRecord};

/// The first pause is this part of `no_peers_retry_interval`, so that two nodes that start at once meet soon.
const FIRST_PAUSE_PART: u32 = 8;
/// The longest pause while no DHT node answers. A lookup burdens nobody then, and the node has to be ready when the
/// network comes back.
const SILENT_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause after records were found. Somebody may be near: either the nodes in the records are dead, or a
/// better record is about to come.
const FOUND_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause if one of the records names a node that was never dialed: more such records may follow.
const NEWS_PAUSE: Duration = Duration::from_secs(2);
/// If the DHT falls silent again and again, the search starts over no more often than this.
const START_OVER_SPACING: Duration = Duration::from_secs(30);
/// Once in this many rounds, the slot is read too in which a writer may store whose clock differs.
const OTHER_EVERY: u32 = 4;
/// Each pause is this many times as long as the one before. Reading an empty slot again tells little, since a node that
/// comes finds this one by its record.
const GROWTH_EMPTY: u32 = 4;
const GROWTH_FOUND: u32 = 2;
/// A round that still has candidates after this long makes room for a fresh lookup.
const ROUND_LIMIT: Duration = Duration::from_secs(3);
/// The pause before that lookup.
const LEFT_PAUSE: Duration = Duration::from_millis(200);
/// The same limit if all remaining candidates were dialed in vain before: a lookup may show others by now.
const AGAIN_LIMIT: Duration = Duration::from_secs(2);
/// A peer that was dialed in vain is left alone for this long, then twice as long, and so on.
const REDIAL_FIRST: Duration = Duration::from_secs(2);
const REDIAL_MOST: Duration = Duration::from_secs(30);
/// One dial in this many goes to a peer that was dialed in vain before and that a record names again. A member's first
/// dial may fail, and without this, a liar that keeps inventing nodes would take every further dial.
const AGAIN_EVERY: usize = 4;
/// The most peers that are remembered as dialed.
const MAX_DIALED: usize = 512;
/// How many dials of one round may be followed by the next one at once because they failed. Records can name any number
/// of nodes without an address.
const MAX_FAILED: usize = 32;
/// The most candidates of one round, which is more than a round could dial.
const MAX_CANDIDATES: usize = 256;
/// A node that had a neighbor for this long looks for another at once. For a shorter time it does not: otherwise
/// neighbors that come and go could make this node read the DHT, and dial others, as fast as they like.
const STEADY: Duration = Duration::from_secs(30);

/// The most peers and candidates that are remembered.
pub(super) const FOOTPRINT: usize = MAX_DIALED + MAX_CANDIDATES;

#[derive(Debug, Default)]
pub(super) struct Bootstrap {
    /// Rounds that ended without a neighbor since the last start.
    attempt: u32,
    round: Option<Round>,
    next_round: Option<Duration>,
    dialed: HashMap<PeerId, Dialed>,
    /// The slot of the last round in which nodes store by this node's clock.
    last_slot: Option<u64>,
    started_before: bool,
    /// Whether the last round dialed nodes of the slots, and none of them became a neighbor.
    led_nowhere: bool,
    /// When the DHT last answered after a time of silence.
    back_at: Option<Duration>,
    /// When the first of the present neighbors came.
    joined_at: Duration,
    /// When the next round was due at that time. A neighbor that comes and goes does not postpone it.
    next_round_before_join: Option<Duration>,
}

#[derive(Debug)]
struct Round {
    began: Duration,
    slots: Vec<u64>,
    candidates: Vec<Candidate>,
    found_records: bool,
    /// Whether one of the records names a node that was never dialed.
    found_news: bool,
    dials: usize,
    /// The last dial that has not failed, and when it began; when the one before it began; and how many have failed.
    last: Option<(PeerId, Duration)>,
    before: Option<Duration>,
    failed: usize,
    /// Whether one of the dials went to a node of a slot that the round reads.
    tried: bool,
    /// No further dial before this.
    settle_until: Duration,
    settled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    peer: PeerId,
    /// How often the peer was dialed in vain. Peers that were not tried yet come first.
    times: u32,
    /// Whether a record that was read in this round names the peer.
    named: bool,
    /// Whether the peer is of a slot that the round reads.
    current: bool,
    /// The peer's place among the choices of its record: the first choices of all records come before any second one.
    rank: usize,
    /// The minute of the record. Of equal choices, the newer one comes first.
    minute: u64,
}

#[derive(Debug, Clone, Copy)]
struct Dialed {
    times: u32,
    not_before: Duration,
}

impl Round {
    /// Whether it is time for a new lookup, even if candidates are left.
    fn is_over(&self, now: Now) -> bool {
        let limit =
            if self.candidates.iter().any(|candidate| candidate.times == 0) { ROUND_LIMIT } else { AGAIN_LIMIT };
        now.mono.saturating_sub(self.began) >= limit
    }

    /// The index of the candidate to dial next.
    fn best_candidate(&self) -> Option<usize> {
        let least = |take: fn(&Candidate) -> bool| {
            let places = (0..self.candidates.len()).filter(|at| take(&self.candidates[*at]));
            places.min_by_key(|at| {
                let candidate = &self.candidates[*at];
                (candidate.times, !candidate.named, candidate.rank, Reverse(candidate.minute))
            })
        };
        let again = if self.dials % AGAIN_EVERY == AGAIN_EVERY - 1 {
            least(|candidate| candidate.named && candidate.times > 0)
        } else {
            None
        };
        again.or_else(|| least(|_| true))
    }
}

impl Bootstrap {
    /// Begins to search at once, with short pauses first.
    pub(super) fn start(&mut self, core: &mut Core, now: Now) {
        self.attempt = 0;
        self.next_round = None;
        self.begin_round(core, now);
    }

    /// Ends the search, since there is a neighbor.
    pub(super) fn stop(&mut self, core: &mut Core, now: Now) {
        if let Some(round) = &self.round {
            let found_most = round.found_records.then_some(FOUND_PAUSE);
            self.pause(core, now, found_most, false);
        }
        self.next_round_before_join = self.next_round.take();
        self.joined_at = now.mono;
        self.led_nowhere = false;
        self.dialed.retain(|_, dialed| dialed.not_before > now.mono);
    }

    /// Goes on with the search, since the last neighbor is gone.
    pub(super) fn resume(&mut self, core: &mut Core, now: Now) {
        if now.mono.saturating_sub(self.joined_at) >= STEADY {
            self.start(core, now);
        } else {
            self.next_round = self.next_round_before_join.take().or(Some(now.mono)).map(|at| at.max(now.mono));
        }
    }

    /// Whether the records that were found led to no neighbor.
    pub(super) fn records_led_nowhere(&self) -> bool {
        self.led_nowhere
    }

    /// Whether the nodes of the slots are still being dialed, or the slots are being read for the first time. This ends
    /// with the round at the latest, since a slot may name more dead nodes than can be dialed in a round.
    pub(super) fn is_trying(&self, now: Now) -> bool {
        let Some(round) = &self.round else { return false };
        let tries = self.attempt == 0 || round.dials > 0 || !round.candidates.is_empty();
        tries && !round.is_over(now)
    }

    /// Starts over with short pauses, since the DHT answers after a time of silence: the pauses grew because the
    /// network was down, and not because nobody is there. Returns false if this happened a moment ago.
    pub(super) fn dht_is_back(&mut self, core: &Core, now: Now) -> bool {
        if self.back_at.is_some_and(|at| now.mono.saturating_sub(at) < START_OVER_SPACING) {
            return false;
        }
        self.back_at = Some(now.mono);
        self.attempt = 0;
        if !core.is_joined() && self.round.is_none() {
            self.next_round = self.next_round.map(|_| now.mono);
        }
        true
    }

    /// How many peers and candidates are remembered.
    pub(super) fn footprint(&self) -> usize {
        self.dialed.len() + self.round.as_ref().map_or(0, |round| round.candidates.len())
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        // When the settle time is over, no call is needed: every possible dial has been made, and only an input changes
        // that.
        let settling = self.round.as_ref().filter(|round| !round.settled).map(|round| round.settle_until);
        settling.into_iter().chain(self.next_round).min()
    }

    /// Makes the nodes of a record that was found candidates.
    pub(super) fn record(&mut self, core: &mut Core, now: Now, record: &SeenRecord) {
        self.consider(core, now, record, true);
    }

    /// `named`: the record was read just now, and not remembered from before.
    fn consider(&mut self, core: &mut Core, now: Now, record: &SeenRecord, named: bool) {
        let Some(round) = &mut self.round else { return };
        // Our own records are no sign that others are here now.
        let current = (named || round.slots.contains(&record.slot)) && record.publisher != core.me;
        round.found_records |= current;
        let choices = std::iter::once(record.publisher).chain(record.peers.iter().copied());
        let mut choices: Vec<PeerId> = choices.filter(|peer| *peer != core.me).collect();
        // Any node of a swarm will do. The shuffle spreads newcomers over the swarm.
        choices.shuffle(&mut core.rng);
        // The publisher was there when it published, but its neighbors may be gone: many newcomers that are killed again
        // were neighbors for a moment. So the publisher is the second choice at the latest.
        if let Some(at) = choices.iter().position(|peer| *peer == record.publisher).filter(|at| *at > 1) {
            choices.swap(1, at);
        }
        for (rank, peer) in choices.into_iter().enumerate() {
            if let Some(known) = round.candidates.iter_mut().find(|candidate| candidate.peer == peer) {
                known.named |= named;
                known.current |= current;
                continue;
            }
            let dialed = self.dialed.get(&peer);
            round.found_news |= current && dialed.is_none();
            let waits = dialed.is_some_and(|dialed| dialed.not_before > now.mono);
            if waits {
                continue;
            }
            let (times, minute) = (dialed.map_or(0, |dialed| dialed.times), record.minute);
            let candidate = Candidate { peer, times, named, current, rank, minute };
            if round.candidates.len() < MAX_CANDIDATES {
                round.candidates.push(candidate);
            } else {
                round.candidates[core.rng.random_range(..MAX_CANDIDATES)] = candidate;
            }
        }
    }

    pub(super) fn advance(&mut self, core: &mut Core, now: Now) {
        if core.is_joined() {
            return;
        }
        if self.next_round.is_some_and(|at| at <= now.mono) {
            self.next_round = None;
            self.begin_round(core, now);
        }
        self.dial(core, now);
        self.end_round(core, now);
    }

    fn begin_round(&mut self, core: &mut Core, now: Now) {
        let slots = if core.times.newest_wins() { self.periods(core, now) } else { self.minutes(core, now) };
        for slot in &slots {
            // A lookup that is under way serves as well. A lookup that has ended is repeated.
            if core.slots.begin(*slot, now) {
                core.act(Action::Lookup { slot: *slot });
            }
        }
        let round = Round {
            began: now.mono,
            slots,
            candidates: Vec::new(),
            found_records: false,
            found_news: false,
            dials: 0,
            last: None,
            before: None,
            failed: 0,
            tried: false,
            settle_until: now.mono,
            settled: true,
        };
        // The nodes that an earlier lookup showed can be dialed before the new lookup ends, or if there is none: the
        // only record may be one of the minute before.
        let mut shown = round.slots.clone();
        shown.extend(
            self.last_slot.map(|newest| newest.saturating_sub(1)).filter(|before| !round.slots.contains(before)),
        );
        let of = |slot: &u64| core.slots.records(*slot).iter().chain(core.slots.own_record(*slot)).cloned();
        let known: Vec<SeenRecord> = shown.iter().flat_map(of).collect();
        self.round = Some(round);
        for record in known {
            self.consider(core, now, &record, false);
        }
    }

    /// The slots that a round of version 1 reads.
    fn minutes(&mut self, core: &Core, now: Now) -> Vec<u64> {
        let older = !self.started_before && core.config.bootstrap_config().check_older_records_first_on_startup();
        self.started_before = true;
        let newest = now.minute().saturating_sub(u64::from(older));
        let mut minutes = vec![newest];
        // Little changes in a slot whose minute is over. It is read once, and once more when the minute has just ended.
        if self.attempt == 0 || self.last_slot != Some(newest) {
            minutes.push(newest.saturating_sub(1));
        }
        // A minute may have no record, and the present minute may have only records of nodes that are gone.
        if self.attempt == 1 {
            minutes.push(newest.saturating_sub(2));
        }
        if self.attempt % OTHER_EVERY == OTHER_EVERY - 1 {
            minutes.push(now.minute() + 1);
        }
        self.last_slot = Some(newest);
        minutes
    }

    /// The slots that a round of version 2 reads. The other one changes little, unless a writer's clock differs.
    fn periods(&mut self, core: &Core, now: Now) -> Vec<u64> {
        let mut periods = core.times.to_read(now);
        let newest = core.slot(now);
        let reads_all = self.attempt.is_multiple_of(OTHER_EVERY) || self.last_slot != Some(newest);
        periods.truncate(if reads_all { periods.len() } else { 1 });
        self.last_slot = Some(newest);
        periods
    }

    /// Dials the next candidate whenever the one before has had its time to answer.
    fn dial(&mut self, core: &mut Core, now: Now) {
        while let Some(peer) = self.next_candidate(core, now) {
            self.remember_dial(peer, now);
            core.act(Action::Join { peers: vec![peer], reason: JoinReason::Bootstrap });
        }
    }

    fn next_candidate(&mut self, core: &Core, now: Now) -> Option<PeerId> {
        let round = self.round.as_mut().filter(|round| round.settle_until <= now.mono && !round.is_over(now))?;
        let Candidate { peer, current, .. } = round.candidates.remove(round.best_candidate()?);
        round.dials += 1;
        round.tried |= current;
        let bootstrap = core.config.bootstrap_config();
        let a_few = round.dials.is_multiple_of(core.config.max_join_peer_count());
        let pause = if a_few || round.candidates.is_empty() {
            bootstrap.join_confirmation_wait_time()
        } else {
            bootstrap.per_peer_join_settle_time()
        };
        round.settle_until = now.mono + pause;
        round.settled = false;
        round.before = round.last.map(|(_, at)| at).or(round.before);
        round.last = Some((peer, now.mono));
        Some(peer)
    }

    /// The dial of a peer has failed. If it is the one that is waited for, the next candidate's turn has come. If there is
    /// none, or a pause is due, the dial before gets its time to answer.
    pub(super) fn unreachable(&mut self, core: &Core, peer: PeerId, now: Now) {
        let Some(round) = &mut self.round else { return };
        if round.last.is_none_or(|(last, _)| last != peer) || round.failed >= MAX_FAILED {
            return;
        }
        round.last = None;
        round.failed += 1;
        let pauses = round.candidates.is_empty() || round.dials.is_multiple_of(core.config.max_join_peer_count());
        let before = round.before.filter(|_| pauses);
        let until = before.map_or(now.mono, |at| at + core.config.bootstrap_config().join_confirmation_wait_time());
        round.settle_until = round.settle_until.min(until.max(now.mono));
    }

    /// Makes sure that a peer that has just left is not dialed at once.
    pub(super) fn has_left(&mut self, peer: PeerId, now: Now) {
        self.make_room(now);
        self.dialed.entry(peer).or_insert(Dialed { times: 0, not_before: now.mono }).not_before =
            now.mono + REDIAL_FIRST;
    }

    fn remember_dial(&mut self, peer: PeerId, now: Now) {
        self.make_room(now);
        let dialed = self.dialed.entry(peer).or_insert(Dialed { times: 0, not_before: now.mono });
        let pause = (REDIAL_FIRST * 2u32.pow(dialed.times.min(8))).min(REDIAL_MOST);
        *dialed = Dialed { times: dialed.times + 1, not_before: now.mono + pause };
    }

    fn make_room(&mut self, now: Now) {
        if self.dialed.len() >= MAX_DIALED {
            self.dialed.retain(|_, dialed| dialed.not_before > now.mono);
        }
        if self.dialed.len() >= MAX_DIALED {
            self.dialed.clear();
        }
    }

    /// Ends a round whose lookups are over and whose dials brought no neighbor.
    fn end_round(&mut self, core: &mut Core, now: Now) {
        let Some(round) = &mut self.round else { return };
        round.settled = round.settle_until <= now.mono;
        if !round.settled || round.slots.iter().any(|slot| core.slots.is_looking(*slot)) {
            return;
        }
        if !round.candidates.is_empty() && !round.is_over(now) {
            return;
        }
        let answered = round.slots.iter().any(|slot| core.slots.was_answered(*slot));
        let found_records = round.found_records;
        let most = match (round.found_news, round.candidates.is_empty()) {
            (true, true) => NEWS_PAUSE,
            (true, false) => LEFT_PAUSE,
            (false, _) => FOUND_PAUSE,
        };
        self.led_nowhere = round.tried;
        self.pause(core, now, found_records.then_some(most), answered);
    }

    /// Plans the next round after a pause, which grows with the number of rounds. `found_most`: the longest pause, if
    /// records were found.
    fn pause(&mut self, core: &mut Core, now: Now, found_most: Option<Duration>, answered: bool) {
        let config = core.config.bootstrap_config();
        let (first, growth) = match found_most {
            Some(_) => (config.discovery_poll_interval(), GROWTH_FOUND),
            None => (config.no_peers_retry_interval() / FIRST_PAUSE_PART, GROWTH_EMPTY),
        };
        let grown = first.saturating_mul(growth.pow(self.attempt.min(12)));
        let most = found_most.unwrap_or(Duration::MAX).min(if answered { Duration::MAX } else { SILENT_PAUSE });
        let most = most.min(config.max_retry_interval());
        // Up to a quarter less or more, so that nodes that began together drift apart.
        let pause = grown.min(most).mul_f64(0.75 + core.rng.random::<f64>() / 2.0);
        self.round = None;
        self.attempt = self.attempt.saturating_add(1);
        self.next_round = Some(now.mono + pause);
    }
}
