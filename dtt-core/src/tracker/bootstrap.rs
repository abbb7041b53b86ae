//! Reaching a first neighbor: rounds of lookups, and gentle dials of what they find.

use std::{collections::HashMap, time::Duration};

use rand::{RngExt, seq::SliceRandom};

use super::{Action, Core, JoinReason, Now, PeerId, SeenRecord};

/// The first pause is this part of `no_peers_retry_interval`: two that start at once meet soon.
const FIRST_PAUSE_PART: u32 = 8;
/// While no DHT node answers, asking costs nobody anything: stay ready for the network to come back.
const DEAF_PAUSE: Duration = Duration::from_secs(5);
/// While records are in sight somebody may be near: their nodes are dead, or a better record is about to come.
const FOUND_PAUSE: Duration = Duration::from_secs(5);
/// The same, if one of the records names somebody who was never dialed: more such may follow.
const NEWS_PAUSE: Duration = Duration::from_secs(2);
/// A DHT that falls silent again and again makes looking start over no more often than this.
const HEARS_AGAIN: Duration = Duration::from_secs(30);
/// Every so many rounds the slot of the next minute is read too: its writer's clock may be ahead.
const AHEAD_EVERY: u32 = 4;
/// Each pause is so many times the one before. Asking an empty slot again tells little: who comes finds us by our record.
const GROWTH_EMPTY: u32 = 4;
const GROWTH_FOUND: u32 = 2;
/// A round that still has candidates after this long makes room for a fresh lookup.
const ROUND_LIMIT: Duration = Duration::from_secs(3);
/// It comes this soon then.
const LEFT_PAUSE: Duration = Duration::from_millis(200);
/// The same, when all of them were dialed in vain before: by now a lookup may show others.
const AGAIN_LIMIT: Duration = Duration::from_secs(2);
/// A peer that was dialed in vain is left alone this long, then twice as long, and so on.
const REDIAL_FIRST: Duration = Duration::from_secs(2);
const REDIAL_MOST: Duration = Duration::from_secs(30);
/// One dial in so many goes to somebody who was dialed in vain before and whom a record names again: a member's first dial
/// may fail, and whoever invents ever other nodes would take every further one.
const AGAIN_EVERY: usize = 4;
/// Peers remembered as dialed.
const MAX_DIALED: usize = 512;
/// Candidates of one round: more than a round could dial.
const MAX_CANDIDATES: usize = 256;
/// Who had a neighbor for this long looks for another at once. Neighbors who come and go would otherwise make us read
/// the DHT, and dial others, as fast as they like.
const STEADY: Duration = Duration::from_secs(30);

/// Peers and candidates remembered at the most.
pub(super) const FOOTPRINT: usize = MAX_DIALED + MAX_CANDIDATES;

#[derive(Debug, Default)]
pub(super) struct Bootstrap {
    /// Rounds that ended without a neighbor since the last start.
    attempt: u32,
    round: Option<Round>,
    next_round: Option<Duration>,
    dialed: HashMap<PeerId, Dialed>,
    /// The minute of the last round.
    last_minute: Option<u64>,
    started_before: bool,
    /// Whether the last round dialed what records name, and nobody came.
    fruitless: bool,
    /// When the DHT was heard last after a time of silence.
    heard_again: Option<Duration>,
    /// When the first of the neighbors came.
    joined_at: Duration,
    /// When the next round was due when it came: a neighbor who comes and goes puts nothing off.
    appointment: Option<Duration>,
}

#[derive(Debug)]
struct Round {
    began: Duration,
    minutes: Vec<u64>,
    candidates: Vec<Candidate>,
    found_records: bool,
    /// Whether one of the records names somebody who was never dialed.
    found_news: bool,
    dials: usize,
    /// Whether one of the dials went to somebody of a slot that the round reads.
    tried: bool,
    /// No further dial before this.
    settle_until: Duration,
    settled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    peer: PeerId,
    /// How often it was dialed in vain: whoever was not yet tried comes first.
    times: u32,
    /// Whether a record that was read in this round names it.
    named: bool,
    /// Whether it is of a slot that the round reads.
    current: bool,
    /// Its place among the choices of its record: the first choices of all records come before any second one.
    rank: usize,
}

#[derive(Debug, Clone, Copy)]
struct Dialed {
    times: u32,
    not_before: Duration,
}

impl Round {
    /// Whether it is time for a fresh lookup, whatever candidates are left.
    fn is_over(&self, now: Now) -> bool {
        let limit =
            if self.candidates.iter().any(|candidate| candidate.times == 0) { ROUND_LIMIT } else { AGAIN_LIMIT };
        now.mono.saturating_sub(self.began) >= limit
    }

    /// The place of whoever is to be dialed next.
    fn best_candidate(&self) -> Option<usize> {
        let least = |take: fn(&Candidate) -> bool| {
            let places = (0..self.candidates.len()).filter(|at| take(&self.candidates[*at]));
            places.min_by_key(|at| {
                let candidate = &self.candidates[*at];
                (candidate.times, !candidate.named, candidate.rank)
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
    /// Begins to look at once, with short pauses first.
    pub(super) fn start(&mut self, core: &mut Core, now: Now) {
        self.attempt = 0;
        self.next_round = None;
        self.begin_round(core, now);
    }

    /// There is a neighbor.
    pub(super) fn stop(&mut self, core: &mut Core, now: Now) {
        if let Some(round) = &self.round {
            let found_most = round.found_records.then_some(FOUND_PAUSE);
            self.pause(core, now, found_most, false);
        }
        self.appointment = self.next_round.take();
        self.joined_at = now.mono;
        self.fruitless = false;
        self.dialed.retain(|_, dialed| dialed.not_before > now.mono);
    }

    /// The last neighbor is gone.
    pub(super) fn resume(&mut self, core: &mut Core, now: Now) {
        if now.mono.saturating_sub(self.joined_at) >= STEADY {
            self.start(core, now);
        } else {
            self.next_round = self.appointment.take().or(Some(now.mono)).map(|at| at.max(now.mono));
        }
    }

    /// Whether the records that were found led to nobody.
    pub(super) fn is_fruitless(&self) -> bool {
        self.fruitless
    }

    /// Whether what the slots name is still being dialed, or looked up for the first time. It ends with the round at the latest:
    /// a slot may name more dead nodes than can be dialed in it.
    pub(super) fn is_trying(&self, now: Now) -> bool {
        let Some(round) = &self.round else { return false };
        let tries = self.attempt == 0 || round.dials > 0 || !round.candidates.is_empty();
        tries && !round.is_over(now)
    }

    /// The DHT answers after a time of silence: the pauses grew for another reason than that nobody is there.
    /// False if that was so a moment ago.
    pub(super) fn hears_again(&mut self, core: &Core, now: Now) -> bool {
        if self.heard_again.is_some_and(|at| now.mono.saturating_sub(at) < HEARS_AGAIN) {
            return false;
        }
        self.heard_again = Some(now.mono);
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
        // A settle time that is over needs no call: whatever could be dialed has been, and only an input goes on.
        let settling = self.round.as_ref().filter(|round| !round.settled).map(|round| round.settle_until);
        settling.into_iter().chain(self.next_round).min()
    }

    /// A record was found: its nodes become candidates.
    pub(super) fn record(&mut self, core: &mut Core, now: Now, record: &SeenRecord) {
        self.consider(core, now, record, true);
    }

    /// `named`: the record was read just now, not remembered.
    fn consider(&mut self, core: &mut Core, now: Now, record: &SeenRecord, named: bool) {
        let Some(round) = &mut self.round else { return };
        // What we said ourselves is no sign of others who are here now.
        let current = (named || round.minutes.contains(&record.minute)) && record.publisher != core.me;
        round.found_records |= current;
        let choices = std::iter::once(record.publisher).chain(record.peers.iter().copied());
        let mut choices: Vec<PeerId> = choices.filter(|peer| *peer != core.me).collect();
        // A record of a populated swarm: any of its nodes will do, so that newcomers spread over the swarm.
        choices.shuffle(&mut core.rng);
        // It stood when it published, and its neighbors may be gone: many newcomers that are killed again were neighbors for a moment.
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
            let candidate = Candidate { peer, times: dialed.map_or(0, |dialed| dialed.times), named, current, rank };
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
        let older = !self.started_before && core.config.bootstrap_config().check_older_records_first_on_startup();
        self.started_before = true;
        let newest = now.minute().saturating_sub(u64::from(older));
        let mut minutes = vec![newest];
        // Little news comes to a slot whose minute is over: it is read once, and once more when it has just ended.
        if self.attempt == 0 || self.last_minute != Some(newest) {
            minutes.push(newest.saturating_sub(1));
        }
        // A minute may have no record, and the present one may have those of nodes alone that are gone.
        if self.attempt == 1 {
            minutes.push(newest.saturating_sub(2));
        }
        if self.attempt % AHEAD_EVERY == AHEAD_EVERY - 1 {
            minutes.push(now.minute() + 1);
        }
        self.last_minute = Some(newest);
        for minute in &minutes {
            // A lookup that is under way serves as well; one that has ended is done again.
            if core.slots.begin(*minute, now) {
                core.act(Action::Lookup { minute: *minute });
            }
        }
        let round = Round {
            began: now.mono,
            minutes,
            candidates: Vec::new(),
            found_records: false,
            found_news: false,
            dials: 0,
            tried: false,
            settle_until: now.mono,
            settled: true,
        };
        // What an earlier lookup showed may be dialed without waiting for the new one, also when there is none: a record of
        // the minute before may be the only one.
        let mut shown = round.minutes.clone();
        shown.extend(Some(newest.saturating_sub(1)).filter(|before| !round.minutes.contains(before)));
        let of = |minute: &u64| core.slots.records(*minute).iter().chain(core.slots.own_record(*minute)).cloned();
        let known: Vec<SeenRecord> = shown.iter().flat_map(of).collect();
        self.round = Some(round);
        for record in known {
            self.consider(core, now, &record, false);
        }
    }

    /// Dials the next candidate whenever the one before has had its time.
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
        Some(peer)
    }

    /// Whoever has just left is not dialed at once.
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

    /// Ends a round whose lookups are over and whose dials came to nothing.
    fn end_round(&mut self, core: &mut Core, now: Now) {
        let Some(round) = &mut self.round else { return };
        round.settled = round.settle_until <= now.mono;
        if !round.settled || round.minutes.iter().any(|minute| core.slots.is_looking(*minute)) {
            return;
        }
        if !round.candidates.is_empty() && !round.is_over(now) {
            return;
        }
        let answered = round.minutes.iter().any(|minute| core.slots.was_answered(*minute));
        let found_records = round.found_records;
        let most = match (round.found_news, round.candidates.is_empty()) {
            (true, true) => NEWS_PAUSE,
            (true, false) => LEFT_PAUSE,
            (false, _) => FOUND_PAUSE,
        };
        self.fruitless = round.tried;
        self.pause(core, now, found_records.then_some(most), answered);
    }

    /// Lets some time pass before the next round, the more the more rounds there were.
    /// `found_most`: the longest pause, if records were found.
    fn pause(&mut self, core: &mut Core, now: Now, found_most: Option<Duration>, answered: bool) {
        let config = core.config.bootstrap_config();
        let (first, growth) = match found_most {
            Some(_) => (config.discovery_poll_interval(), GROWTH_FOUND),
            None => (config.no_peers_retry_interval() / FIRST_PAUSE_PART, GROWTH_EMPTY),
        };
        let grown = first.saturating_mul(growth.pow(self.attempt.min(12)));
        let most = found_most.unwrap_or(Duration::MAX).min(if answered { Duration::MAX } else { DEAF_PAUSE });
        let most = most.min(config.max_retry_interval());
        // Up to a quarter less or more, so that many that began together drift apart.
        let pause = grown.min(most).mul_f64(0.75 + core.rng.random::<f64>() / 2.0);
        self.round = None;
        self.attempt = self.attempt.saturating_add(1);
        self.next_round = Some(now.mono + pause);
    }
}
