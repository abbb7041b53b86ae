//! Staying findable: when to publish a record, and when enough others have.

use std::{cmp::Ordering, collections::VecDeque, time::Duration};

use rand::RngExt;

use super::{Action, Core, Now, PeerId, neighbors::STEADY};
use crate::wire::hash32;

/// A lookup of the slot this recent is good enough to count its records; its nodes are ready for the store.
const SLOT_AGE: Duration = Duration::from_secs(20);
/// While alone, each minute's record is published within this time of the minute's start.
const MINUTE_SPREAD: Duration = Duration::from_secs(5);
/// A record that no node took is tried again after this and up to as much more.
const FAILED_PAUSE: Duration = Duration::from_secs(5);
/// While alone, a record that others have overwritten is published again at most this often.
const REPUBLISH_SPACING: Duration = Duration::from_secs(10);
/// The least time between two records because of a new address.
const ADDRESS_SPACING: Duration = Duration::from_secs(10);
/// Of a node and its neighbors, one in so many is on duty in a minute, and one at the least.
const DUTY_SHARE: usize = 3;
/// In every other minute one duty in so many is a rest: a minute without a record does no harm, since newcomers read the one before
/// too, and two nodes that are a swarm of their own stay below one lookup in two minutes each.
const REST: u8 = 4;
/// How likely a joined node publishes in a slot that is full of records which nothing here speaks for, and of
/// records that speak of this swarm but are no neighbor's: a liar may listen and copy.
const DEFIANCE: f64 = 0.5;
const DEFIANCE_OF_COPIES: f64 = 0.125;
/// Who has joined mends a slot that misleads newcomers within this time: many may have joined at once.
const MEND_SPREAD: Duration = Duration::from_secs(2);
/// A publisher that is set to publish more rarely than this takes no turns.
const SHARED_INTERVAL: Duration = Duration::from_secs(60);
/// Turns are spread over this time, and are over a moment before the minute begins that they are for.
const TURN_SPREAD: Duration = Duration::from_secs(15);
/// Each time a slot was full of others' records halves a node's duties, but no more often than this: when most of a
/// large swarm leaves, the rest must become findable soon.
const MOST_HALVINGS: u32 = 2;

/// So many newcomers within so much time are a crowd. Where the last writer wins, their records stand over those of the swarm, and if they
/// are killed they lead nobody anywhere.
const CROWD: usize = 12;
const CROWD_WITHIN: Duration = Duration::from_secs(20);
/// The least time between two records because of a crowd.
const CROWD_SPACING: Duration = Duration::from_secs(3);

/// The minute of a record, as seen from the moment when it is stored.
#[derive(Debug, Clone, Copy)]
enum Minute {
    /// Newcomers read the minute that has just ended, and no newcomer stores in it any more.
    Before,
    /// Newcomers read and store in this one.
    Present,
    /// It is about to begin: [`super::AHEAD`].
    Next,
}

/// What comes next.
#[derive(Debug, Clone, Copy, Default)]
enum Plan {
    /// Nothing.
    #[default]
    Idle,
    /// The first record. It waits for the endpoint's first address, and until this time at the longest.
    FirstAddress(Duration),
    /// At this time the node decides whether it stores a record.
    Turn(Duration),
    /// At this time a record goes out, whether or not the node is on duty.
    Sure {
        at: Duration,
        /// However many others there are.
        over_others: bool,
    },
    /// A record goes out as soon as its slot has been looked up.
    Looking { minute: Minute, over_others: bool },
}

impl Plan {
    fn at(&self) -> Option<Duration> {
        match self {
            Plan::FirstAddress(at) | Plan::Turn(at) | Plan::Sure { at, .. } => Some(*at),
            Plan::Idle | Plan::Looking { .. } => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Publisher {
    plan: Plan,
    /// How often in a row the slot was full of others' records.
    full: u32,
    /// The minute of the last turn that was taken, whether or not a record came of it.
    turn: Option<u64>,
    /// The minute of the last record that was handed out, and when.
    published: Option<(u64, Duration)>,
    /// Whether that record named nobody.
    lonely: bool,
    /// Which neighbors came last, and when.
    came: VecDeque<(PeerId, Duration)>,
    /// The last minute that got a record before its beginning, and the last one that got one after its end.
    opened: Option<u64>,
    closed: Option<u64>,
    /// When it had a neighbor for the first time.
    joined_at: Option<Duration>,
    /// The minute of the last record that was stored.
    stored: Option<u64>,
}

impl Publisher {
    pub(super) fn new(core: &Core, now: Now) -> Self {
        let config = core.config.bootstrap_config();
        let plan = if config.publish_record_on_startup() {
            Plan::FirstAddress(now.mono + config.address_wait())
        } else {
            // As in the deployed protocol: a node that finds nobody makes itself findable all the same.
            Plan::Turn(now.mono + config.no_peers_retry_interval())
        };
        Self { plan, ..Self::default() }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.plan.at()
    }

    /// The endpoint knows where it can be reached, or has moved.
    pub(super) fn address_changed(&mut self, core: &mut Core, now: Now) {
        if let Plan::FirstAddress(_) = self.plan {
            self.plan = Plan::Turn(now.mono);
        } else if let Some((_, at)) = self.published
            && self.publishes(core)
        {
            self.soon(now.mono.max(at + ADDRESS_SPACING) + core.jitter(Duration::from_secs(1)), false);
        }
    }

    /// `fruitless`: the records that were found had led to nobody.
    pub(super) fn joined(&mut self, core: &mut Core, now: Now, fruitless: bool) {
        self.joined_at.get_or_insert(now.mono);
        self.schedule(core, now);
        if let Some(settings) = core.config.publisher_config().enabled() {
            let first = now.mono + settings.initial_delay();
            let turn = self.plan.at().filter(|_| shares_turns(core));
            self.plan = Plan::Turn(turn.map_or(first, |turn| turn.max(first)));
            if self.is_needed(core, now.minute(), fruitless) {
                // Neighbors that come and go do not make this node store as often as they like.
                let spaced = self.published.filter(|_| !self.lonely).map_or(now.mono, |(_, at)| at + ADDRESS_SPACING);
                self.soon(spaced.max(now.mono) + core.jitter(MEND_SPREAD), false);
            }
        }
    }

    /// Whether newcomers may find nobody although there is a swarm: this minute's slot shows a lonely record of ours, or
    /// records of others that led to nobody, or there are no records at all.
    fn is_needed(&self, core: &Core, minute: u64, fruitless: bool) -> bool {
        let lonely = self.lonely && self.published.is_some_and(|(published, _)| published == minute);
        let records = core.slots.records(minute);
        let misleads = fruitless && !records.iter().any(|record| core.names_us(record));
        let none = records.is_empty() && core.slots.records(minute.saturating_sub(1)).is_empty();
        lonely || misleads || none
    }

    /// A neighbor came. Somebody who stays stores again while many come, so that those who come next find the swarm.
    pub(super) fn neighbor_up(&mut self, core: &mut Core, now: Now, peer: PeerId) {
        // One that comes and goes is no crowd.
        self.came.retain(|(other, _)| *other != peer);
        self.came.push_back((peer, now.mono));
        if self.came.len() < CROWD {
            return;
        }
        let since = self.came.pop_front().map_or(now.mono, |(_, at)| at);
        let is_crowd = now.mono.saturating_sub(since) <= CROWD_WITHIN;
        if is_crowd
            && self.stays(now)
            && self.publishes(core)
            && shares_turns(core)
            && self.is_drawn(core, now, now.minute())
        {
            let spaced = self.published.map_or(now.mono, |(_, at)| at + CROWD_SPACING);
            self.soon(spaced.max(now.mono), true);
        }
    }

    /// Whether it had its first neighbor a while ago.
    fn stays(&self, now: Now) -> bool {
        self.joined_at.is_some_and(|at| now.mono.saturating_sub(at) >= STEADY)
    }

    pub(super) fn alone(&mut self, now: Now) {
        if let Plan::Looking { .. } = self.plan {
            return;
        }
        let this_minute = self.published.is_some_and(|(minute, _)| minute == now.minute());
        self.plan = Plan::Turn(if this_minute { now.mono + now.rest_of_minute() } else { now.mono });
    }

    pub(super) fn store_done(&mut self, core: &mut Core, now: Now, minute: u64, stored: bool) {
        self.stored = stored.then_some(minute);
        // A record that nobody took is as good as none.
        if !stored && self.published.is_some_and(|(published, _)| published == minute) && self.publishes(core) {
            self.soon(now.mono + FAILED_PAUSE + core.jitter(FAILED_PAUSE), false);
        }
    }

    /// A lookup ended. Some nodes let the last writer win, so a record may be gone a moment after it was stored: who is
    /// alone and stands nowhere in the slot publishes again.
    pub(super) fn looked(&mut self, core: &mut Core, now: Now, minute: u64) {
        let Some((published, at)) = self.published else { return };
        let gone = published == minute && minute == now.minute() && !core.slots.has_own(minute);
        if gone && !core.is_joined() && core.slots.was_answered(minute) && self.stored == Some(minute) {
            self.soon(now.mono.max(at + REPUBLISH_SPACING) + core.jitter(REPUBLISH_SPACING / 4), false);
        }
    }

    /// The DHT answers after a time of silence, in which no record was stored.
    pub(super) fn hears_again(&mut self, core: &Core, now: Now) {
        if self.publishes(core) && self.stored != Some(now.minute()) {
            self.soon(now.mono, false);
        }
    }

    /// `trying`: the nodes that the slots name are still being dialed. `fruitless`: the records that were found led to nobody.
    pub(super) fn advance(&mut self, core: &mut Core, now: Now, trying: bool, fruitless: bool) {
        if self.plan.at().is_some_and(|at| at <= now.mono) {
            self.plan = match self.plan {
                Plan::Sure { over_others, .. } => {
                    let minute = if over_others { self.minute_for_a_crowd(now) } else { Minute::Present };
                    Plan::Looking { minute, over_others }
                }
                _ if !core.is_joined() || !shares_turns(core) => {
                    Plan::Looking { minute: Minute::Present, over_others: false }
                }
                _ if self.is_on_duty(core, now) => Plan::Looking { minute: Minute::Next, over_others: false },
                _ => return self.schedule(core, now),
            };
        }
        let Plan::Looking { minute, over_others } = self.plan else { return };
        // On many storing nodes a lonely record would take the place of one that leads to a swarm. If its publisher were killed
        // soon afterwards, the record would hide the swarm from the nodes that come next.
        if trying && !core.is_joined() {
            return;
        }
        // If the minute turns meanwhile, the new minute's slot is the one that counts.
        let minute = match minute {
            Minute::Before if core.is_joined() => now.before().minute(),
            Minute::Next if core.is_joined() => now.ahead().minute(),
            _ => now.minute(),
        };
        if core.want_slot(minute, SLOT_AGE, now) {
            let published = self.publish(core, now, minute, fruitless, over_others);
            self.schedule(core, now);
            if !published && !core.is_joined() {
                // The records that are there may lead to nobody.
                let again = now.mono + REPUBLISH_SPACING + core.jitter(REPUBLISH_SPACING / 4);
                self.plan = Plan::Turn(self.plan.at().map_or(again, |next| next.min(again)));
            }
        }
    }

    /// Hands a record out, unless its slot shows enough of others: false then. Records of nodes that are gone, or never
    /// were, are no reason to stay unfindable.
    fn publish(&mut self, core: &mut Core, now: Now, minute: u64, fruitless: bool, over_others: bool) -> bool {
        self.turn = Some(minute);
        let limit = core.config.bootstrap_config().max_bootstrap_records();
        let crowd = core.slots.records(minute).len() >= limit;
        if limit == 0 {
            return false;
        }
        if crowd && !over_others && !self.defies(core, minute, fruitless) {
            return false;
        }
        if !crowd {
            self.full = 0;
        }
        match minute.cmp(&now.minute()) {
            Ordering::Greater => self.opened = Some(minute),
            Ordering::Less => self.closed = Some(minute),
            Ordering::Equal => {}
        }
        self.published = Some((minute, now.mono));
        self.stored = None;
        self.lonely = !core.is_joined();
        let content = core.content();
        core.act(Action::Store { minute, content });
        true
    }

    /// Whether to publish in a slot that is full of others' records: they may lie.
    fn defies(&mut self, core: &mut Core, minute: u64, fruitless: bool) -> bool {
        if !core.is_joined() {
            return fruitless;
        }
        let records = core.slots.records(minute);
        let vouched = records.iter().any(|record| core.vouches_for(record));
        let proven = records.iter().any(|record| core.is_known(&record.publisher));
        self.full = (self.full + 1).min(if vouched { MOST_HALVINGS } else { 1 });
        let chance = if vouched { DEFIANCE_OF_COPIES } else { DEFIANCE };
        !proven && core.rng.random_bool(chance)
    }

    /// Which minute a record over those of a crowd is for. Storing nodes that keep the first value have it from before the minute,
    /// those that keep the last have it from after the minute; in between it is the present one's turn.
    fn minute_for_a_crowd(&self, now: Now) -> Minute {
        let next = now.ahead().minute();
        if self.closed != Some(now.before().minute()) {
            Minute::Before
        } else if next != now.minute() && self.opened != Some(next) {
            Minute::Next
        } else {
            Minute::Present
        }
    }

    /// Whether it is for us to publish in the minute that is next. A slot holds one record on most of its storing nodes, so one
    /// of a neighborhood is enough: whose hash with the minute is least, so that it is another one each minute and nobody has
    /// to be asked. Newcomers do not count beside those who stay: if one were drawn and then killed, the minute had no record.
    /// Once a minute will do, since most storing nodes keep the first.
    fn is_on_duty(&self, core: &Core, now: Now) -> bool {
        let minute = now.ahead().minute();
        if self.turn == Some(minute) {
            return false;
        }
        let mine = duty(&core.me, minute);
        let rests = minute.is_multiple_of(2) && mine[30].is_multiple_of(REST);
        let is_rare = !core.has_few_neighbors() && mine[31].trailing_zeros() < self.full;
        !rests && !is_rare && self.is_drawn(core, now, minute)
    }

    /// Whether few of the neighbors that stay come before us in the draw of this minute.
    fn is_drawn(&self, core: &Core, now: Now, minute: u64) -> bool {
        let mine = duty(&core.me, minute);
        let mut others: Vec<&PeerId> = core.neighbors.steady(now).collect();
        if others.is_empty() && !self.stays(now) {
            others.extend(core.neighbors.iter());
        }
        let before = others.iter().filter(|peer| duty(peer, minute) < mine).count();
        before < ((others.len() + 1) / DUTY_SHARE).max(1)
    }

    /// A record goes out by this time. If one is about to go out already, it will do.
    fn soon(&mut self, at: Duration, over_others: bool) {
        let over_others = match &mut self.plan {
            Plan::Looking { over_others: over, .. } => return *over |= over_others,
            Plan::Sure { over_others: over, .. } => *over || over_others,
            _ => over_others,
        };
        self.plan = Plan::Sure { at: self.plan.at().map_or(at, |next| next.min(at)), over_others };
    }

    fn schedule(&mut self, core: &mut Core, now: Now) {
        let pause = if !core.is_joined() {
            now.rest_of_minute() + core.jitter(MINUTE_SPREAD)
        } else if let Some(settings) = core.config.publisher_config().enabled() {
            if shares_turns(core) {
                now.ahead().rest_of_minute() + core.jitter(TURN_SPREAD)
            } else {
                settings.base_interval() + core.jitter(settings.max_jitter())
            }
        } else {
            self.plan = Plan::Idle;
            return;
        };
        self.plan = Plan::Turn(now.mono + pause);
    }

    fn publishes(&self, core: &Core) -> bool {
        !core.is_joined() || core.config.publisher_config().enabled().is_some()
    }
}

/// Whether neighbors take turns. Those of a publisher that is set to publish rarely would be too rare.
fn shares_turns(core: &Core) -> bool {
    core.config.publisher_config().enabled().is_none_or(|settings| settings.base_interval() <= SHARED_INTERVAL)
}

/// A node's draw for a minute's duty; everyone comes to the same.
fn duty(peer: &PeerId, minute: u64) -> [u8; 32] {
    hash32(&[b"duty", peer, &minute.to_le_bytes()])
}
