//! Staying findable: when to publish a record, and when enough others have published.

use std::{cmp::Ordering, collections::VecDeque, time::Duration};

use rand::RngExt;

use super::{Action, Core, Now, PeerId, neighbors::STEADY};
use crate::wire::hash32;

/// If a slot was looked up this recently, its records can be counted, and its storing nodes are ready for a store.
const SLOT_AGE: Duration = Duration::from_secs(20);
/// A record that no DHT node took is stored again after this time, and up to as much more.
const FAILED_PAUSE: Duration = Duration::from_secs(5);
/// While alone, a record that others have overwritten is published again at most this often.
const REPUBLISH_SPACING: Duration = Duration::from_secs(10);
/// The least time between two records because of a new address.
const ADDRESS_SPACING: Duration = Duration::from_secs(10);
/// In each minute, one of this many nodes is on duty among a node and its neighbors, and at least one.
const DUTY_SHARE: usize = 3;
/// In every other minute, one duty in this many is skipped. A minute without a record does no harm, since newcomers
/// read the minute before too. So two nodes that are a swarm of their own need less than one lookup in two minutes
/// each.
const REST: u8 = 4;
/// The chance that a joined node publishes in a slot that is full of others' records. The first one is for records that
/// show no sign of this swarm. The second one is for records that show a sign of this swarm but are no neighbor's: a
/// liar may listen and copy.
const OVER_OTHERS: f64 = 0.5;
const OVER_COPIES: f64 = 0.125;
/// A node that has joined corrects a slot that misleads newcomers within this time. Many nodes may have joined at once,
/// so they spread.
const MEND_SPREAD: Duration = Duration::from_secs(2);
/// A publisher with a longer interval than this takes no turns.
const SHARED_INTERVAL: Duration = Duration::from_secs(60);
/// Turns are spread over this time. They end a moment before the minute for which they are.
const TURN_SPREAD: Duration = Duration::from_secs(15);
/// Each time a slot was full of others' records, a node's duties are halved, but no more often than this. If most of a
/// large swarm leaves, the rest has to become findable soon.
const MOST_HALVINGS: u32 = 2;

/// This many newcomers within this time are a crowd. Where the last writer wins, their records replace those of the
/// swarm. If they are killed, their records lead nowhere.
const CROWD: usize = 12;
const CROWD_WITHIN: Duration = Duration::from_secs(20);
/// A node that joined this long ago is no part of the crowd itself: many nodes that start at once have joined by then.
const CROWD_AGE: Duration = Duration::from_secs(10);
/// The least time between two records that are published because of a crowd.
const CROWD_SPACING: Duration = Duration::from_secs(3);

/// The slot of a record, relative to the moment when it is stored. If storing nodes keep the newest record, it is always
/// the present one.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The slot of the minute that has just ended. Newcomers still read it, but no newcomer stores in it anymore.
    Before,
    /// The present slot. Newcomers read it and store in it.
    Present,
    /// The slot of the minute that is about to begin, see [`super::AHEAD`].
    Next,
}

/// A record that was handed out.
#[derive(Debug, Clone, Copy)]
struct Published {
    slot: u64,
    /// The minute whose turn it was.
    turn: u64,
    at: Duration,
}

/// What the publisher does next.
#[derive(Debug, Clone, Copy, Default)]
enum Plan {
    /// Nothing.
    #[default]
    Idle,
    /// The first record waits for the endpoint's first address, but not beyond this time.
    FirstAddress(Duration),
    /// At this time the node decides whether it stores a record.
    Turn(Duration),
    /// At this time the node stores a record, whether or not it is on duty.
    Sure {
        at: Duration,
        /// Whether it does so however many records of others there are.
        over_others: bool,
    },
    /// The node stores a record as soon as the slot has been looked up.
    Looking { place: Place, over_others: bool },
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
    /// How many times in a row the slot was full of others' records.
    full: u32,
    /// The minute of the last turn. The turn may have brought no record.
    turn: Option<u64>,
    /// The last record that was handed out.
    published: Option<Published>,
    /// Whether that record named no neighbor.
    lonely: bool,
    /// How many times in a row a node without neighbors found its record replaced.
    replaced: u32,
    /// The neighbors that came last, and when.
    came: VecDeque<(PeerId, Duration)>,
    /// The last slot that got a record from this node before it began, and the last one that got one after it ended.
    opened: Option<u64>,
    closed: Option<u64>,
    /// When the node had a neighbor for the first time.
    joined_at: Option<Duration>,
    /// The slot of the last record that was stored.
    stored: Option<u64>,
}

impl Publisher {
    pub(super) fn new(core: &Core, now: Now) -> Self {
        let config = core.config.bootstrap_config();
        let plan = if config.publish_record_on_startup() {
            Plan::FirstAddress(now.mono + config.address_wait())
        } else {
            // As in the deployed protocol, a node that finds nobody makes itself findable all the same.
            Plan::Turn(now.mono + config.no_peers_retry_interval())
        };
        Self { plan, ..Self::default() }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.plan.at()
    }

    /// The endpoint has learned its first address, or its addresses have changed.
    pub(super) fn address_changed(&mut self, core: &mut Core, now: Now) {
        if let Plan::FirstAddress(_) = self.plan {
            self.plan = Plan::Turn(now.mono);
        } else if let Some(published) = self.published
            && self.publishes(core)
        {
            self.soon(now.mono.max(published.at + ADDRESS_SPACING) + core.jitter(Duration::from_secs(1)), false);
        }
    }

    /// `led_nowhere`: the records that were found had led to no neighbor.
    pub(super) fn joined(&mut self, core: &mut Core, now: Now, led_nowhere: bool) {
        self.joined_at.get_or_insert(now.mono);
        self.schedule(core, now);
        if let Some(settings) = core.config.publisher_config().enabled() {
            let first = now.mono + settings.initial_delay();
            let turn = self.plan.at().filter(|_| shares_turns(core));
            self.plan = Plan::Turn(turn.map_or(first, |turn| turn.max(first)));
            if self.is_needed(core, now, led_nowhere) {
                // Neighbors that come and go cannot make this node store as often as they like.
                let spaced = self
                    .published
                    .filter(|_| !self.lonely)
                    .map_or(now.mono, |published| published.at + ADDRESS_SPACING);
                self.soon(spaced.max(now.mono) + core.jitter(MEND_SPREAD), false);
            }
        }
    }

    /// Whether newcomers may find nobody although there is a swarm. This is so if the present slot shows a record of ours
    /// without neighbors, or records of others that led to no neighbor, or if there are no records at all.
    fn is_needed(&self, core: &Core, now: Now, led_nowhere: bool) -> bool {
        let slot = core.slot(now);
        let lonely = self.lonely && self.published.is_some_and(|published| published.slot == slot);
        let records = core.slots.records(slot);
        let misleads = led_nowhere && !records.iter().any(|record| core.names_us(record));
        let none = core.times.to_read(now).iter().all(|slot| core.slots.records(*slot).is_empty());
        lonely || misleads || none
    }

    /// Notes a neighbor that came. While many come, a node that stays stores again, so that the next newcomers find the
    /// swarm.
    pub(super) fn neighbor_up(&mut self, core: &mut Core, now: Now, peer: PeerId) {
        // Whoever comes while this node is new itself comes with it: a swarm that forms is no crowd.
        if !self.has_stood(now, CROWD_AGE) {
            return;
        }
        // A neighbor that comes and goes is no crowd.
        self.came.retain(|(other, _)| *other != peer);
        self.came.push_back((peer, now.mono));
        if self.came.len() < CROWD {
            return;
        }
        let since = self.came.pop_front().map_or(now.mono, |(_, at)| at);
        let is_crowd = now.mono.saturating_sub(since) <= CROWD_WITHIN;
        if is_crowd && self.publishes(core) && shares_turns(core) && self.is_drawn(core, now, now.minute(), CROWD_AGE) {
            let spaced = self.published.map_or(now.mono, |published| published.at + CROWD_SPACING);
            self.soon(spaced.max(now.mono), true);
        }
    }

    /// Whether the node had its first neighbor this long ago.
    fn has_stood(&self, now: Now, long: Duration) -> bool {
        self.joined_at.is_some_and(|at| now.mono.saturating_sub(at) >= long)
    }

    pub(super) fn alone(&mut self, core: &Core, now: Now) {
        self.replaced = 0;
        if let Plan::Looking { .. } = self.plan {
            return;
        }
        let serves = self.published.filter(|published| published.slot == core.slot(now));
        let again = serves.map_or(now.mono, |published| core.times.lonely_again(now, published.at));
        self.plan = Plan::Turn(again.max(now.mono));
    }

    pub(super) fn store_done(&mut self, core: &mut Core, now: Now, slot: u64, stored: bool) {
        self.stored = stored.then_some(slot);
        if stored {
            return;
        }
        // A record that no DHT node took is as good as none.
        self.closed.take_if(|closed| *closed == slot);
        if self.opened.take_if(|opened| *opened == slot).is_some() && core.is_joined() && shares_turns(core) {
            self.published = None;
            self.turn = None;
            self.plan = Plan::Turn(now.mono + FAILED_PAUSE + core.jitter(FAILED_PAUSE));
        } else if slot >= core.slot(now)
            && self.published.is_some_and(|published| published.slot == slot)
            && self.publishes(core)
        {
            self.soon(now.mono + FAILED_PAUSE + core.jitter(FAILED_PAUSE), false);
        }
    }

    /// Notes that a lookup ended. Some DHT nodes let the last writer win, so a record may be gone a moment after it was
    /// stored. A node without neighbors publishes again if the slot does not show its record.
    ///
    /// Two nodes that cannot reach each other may replace each other's record again and again. So the pauses grow where a
    /// record is to serve for long.
    pub(super) fn looked(&mut self, core: &mut Core, now: Now, slot: u64) {
        let Some(published) = self.published else { return };
        let gone = published.slot == slot && slot == core.slot(now) && !core.slots.has_own(slot);
        if gone && !core.is_joined() && core.slots.was_answered(slot) && self.stored == Some(slot) {
            let pause = (REPUBLISH_SPACING * 2u32.pow(self.replaced.min(8))).min(core.times.replaced);
            self.soon(now.mono.max(published.at + pause) + core.jitter(REPUBLISH_SPACING / 4), false);
        }
    }

    /// The DHT answers after a time of silence, in which no record was stored.
    pub(super) fn dht_is_back(&mut self, core: &Core, now: Now) {
        if self.publishes(core) && self.stored != Some(core.slot(now)) {
            self.soon(now.mono, false);
        }
    }

    /// `trying`: the nodes of the slots are still being dialed. `led_nowhere`: the records that were found led to no
    /// neighbor.
    pub(super) fn advance(&mut self, core: &mut Core, now: Now, trying: bool, led_nowhere: bool) {
        if self.plan.at().is_some_and(|at| at <= now.mono) {
            self.plan = match self.plan {
                Plan::Sure { over_others, .. } => {
                    let place = if over_others { self.place_for_a_crowd(core, now) } else { Place::Present };
                    Plan::Looking { place, over_others }
                }
                _ if !core.is_joined() || !shares_turns(core) => {
                    Plan::Looking { place: Place::Present, over_others: false }
                }
                _ => {
                    let is_on_duty = self.is_on_duty(core, now);
                    self.turn = Some(core.times.ahead(now).minute());
                    if !is_on_duty {
                        return self.schedule(core, now);
                    }
                    Plan::Looking { place: Place::Next, over_others: false }
                }
            };
        }
        let Plan::Looking { place, over_others } = self.plan else { return };
        // On many storing nodes, a record without neighbors would take the place of one that leads to a swarm. If its
        // publisher were killed soon afterwards, the record would hide the swarm from the nodes that come next.
        if trying && !core.is_joined() {
            return;
        }
        // If another minute begins while the lookup is under way, that minute counts.
        let of = match place {
            Place::Before if core.is_joined() => now.before(),
            Place::Next if core.is_joined() => core.times.ahead(now),
            _ => now,
        };
        if core.want_slot(core.slot(of), SLOT_AGE, now) {
            let published = self.publish(core, now, of, led_nowhere, over_others);
            self.schedule(core, now);
            let next = core.times.ahead(now).minute();
            let misses_turn = of.minute() <= now.minute() && next > now.minute() && self.turn != Some(next);
            if misses_turn && core.is_joined() && shares_turns(core) && self.publishes(core) {
                // This record came instead of the turn of the minute to come.
                self.plan = Plan::Turn(now.mono + core.jitter(MEND_SPREAD));
            }
            if !published && !core.is_joined() {
                // The records in the slot may lead nowhere.
                let again = now.mono + REPUBLISH_SPACING + core.jitter(REPUBLISH_SPACING / 4);
                self.plan = Plan::Turn(self.plan.at().map_or(again, |next| next.min(again)));
            }
        }
    }

    /// Hands out a record, unless its slot shows enough records of others. Returns false in that case. Records of nodes
    /// that are gone, or never were, are no reason to stay unfindable.
    ///
    /// `of`: a moment in the slot and in the minute for which the record is.
    fn publish(&mut self, core: &mut Core, now: Now, of: Now, led_nowhere: bool, over_others: bool) -> bool {
        let slot = core.slot(of);
        let limit = core.config.bootstrap_config().max_bootstrap_records();
        if limit == 0 {
            return false;
        }
        let crowd = if core.times.newest_wins() {
            // The slot shows one record, and a new one would replace it.
            core.slots.records(slot).iter().any(|record| record.minute == now.minute())
        } else {
            core.slots.records(slot).len() >= limit
        };
        if crowd && !over_others && !self.publishes_over_others(core, slot, led_nowhere) {
            return false;
        }
        if !crowd {
            self.full = 0;
        }
        match slot.cmp(&core.slot(now)) {
            Ordering::Greater => self.opened = Some(slot),
            Ordering::Less => self.closed = Some(slot),
            Ordering::Equal => {}
        }
        let again = self.lonely && !core.is_joined() && self.published.is_some();
        self.replaced = if again { self.replaced.saturating_add(1) } else { 0 };
        self.published = Some(Published { slot, turn: of.minute(), at: now.mono });
        self.stored = None;
        self.lonely = !core.is_joined();
        let content = core.content();
        core.act(Action::Store { slot, content });
        true
    }

    /// Whether to publish in a slot that is full of others' records, since they may be lies.
    fn publishes_over_others(&mut self, core: &mut Core, slot: u64, led_nowhere: bool) -> bool {
        if !core.is_joined() {
            return led_nowhere;
        }
        let records = core.slots.records(slot);
        let vouched = records.iter().any(|record| core.vouches_for(record));
        let proven = records.iter().any(|record| core.is_known(&record.publisher));
        self.full = (self.full + 1).min(if vouched { MOST_HALVINGS } else { 1 });
        let chance = if vouched { OVER_COPIES } else { OVER_OTHERS };
        !proven && core.rng.random_bool(chance)
    }

    /// The slot of a record that replaces those of a crowd. Storing nodes that keep the first value need it before the
    /// minute begins, and those that keep the last value need it after the minute has ended. In between, it is the
    /// present minute's turn. Storing nodes that keep the newest value can have it at any time.
    fn place_for_a_crowd(&self, core: &Core, now: Now) -> Place {
        let next = core.times.ahead(now).minute();
        if core.times.newest_wins() {
            Place::Present
        } else if self.closed != Some(now.before().minute()) {
            Place::Before
        } else if next != now.minute() && self.opened != Some(next) {
            Place::Next
        } else {
            Place::Present
        }
    }

    /// Whether it is this node's turn to publish in the next minute. A slot holds one record on most of its storing
    /// nodes, so one node of a neighborhood is enough. It is the node with the least hash of its id and the minute:
    /// another one each minute, and no node has to be asked. Newcomers do not count if there are nodes that stay: if a
    /// newcomer were drawn and then killed, the minute would have no record. Once a minute is enough, since most
    /// storing nodes keep the first record.
    fn is_on_duty(&self, core: &Core, now: Now) -> bool {
        let minute = core.times.ahead(now).minute();
        let has_published = self.published.is_some_and(|published| published.turn == minute);
        let has_opened = !core.times.newest_wins() && self.opened == Some(minute);
        if has_published || has_opened || self.turn == Some(minute) {
            return false;
        }
        let mine = duty(&core.me, minute);
        let rests = minute.is_multiple_of(2) && mine[30].is_multiple_of(REST);
        let is_rare = !core.has_few_neighbors() && mine[31].trailing_zeros() < self.full;
        !rests && !is_rare && self.is_drawn(core, now, minute, STEADY)
    }

    /// Whether few of the neighbors that came at least this long ago come before this node in the minute's draw. Newer ones
    /// count as long as the node is new itself.
    fn is_drawn(&self, core: &Core, now: Now, minute: u64, long: Duration) -> bool {
        let mine = duty(&core.me, minute);
        let mut others: Vec<&PeerId> = core.neighbors.standing_for(long, now).collect();
        if others.is_empty() && !self.has_stood(now, long) {
            others.extend(core.neighbors.iter());
        }
        let before = others.iter().filter(|peer| duty(peer, minute) < mine).count();
        before < ((others.len() + 1) / DUTY_SHARE).max(1)
    }

    /// Makes sure that a record goes out by this time. A record that is about to go out already is enough.
    fn soon(&mut self, at: Duration, over_others: bool) {
        let over_others = match &mut self.plan {
            Plan::Looking { place: place @ Place::Next, over_others: false } if !over_others => {
                // The present minute's slot is asked for. The turn comes after it.
                *place = Place::Present;
                self.turn = None;
                return;
            }
            Plan::Looking { over_others: over, .. } => return *over |= over_others,
            Plan::Sure { over_others: over, .. } => *over || over_others,
            _ => over_others,
        };
        self.plan = Plan::Sure { at: self.plan.at().map_or(at, |next| next.min(at)), over_others };
    }

    fn schedule(&mut self, core: &mut Core, now: Now) {
        let pause = if !core.is_joined() {
            core.times.lonely_again(now, now.mono) - now.mono + core.jitter(core.times.lonely_spread)
        } else if let Some(settings) = core.config.publisher_config().enabled() {
            if shares_turns(core) {
                core.times.ahead(now).rest_of_minute() + core.jitter(TURN_SPREAD)
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

/// Whether neighbors take turns. If the publisher's interval is long, turns would be too rare.
fn shares_turns(core: &Core) -> bool {
    core.config.publisher_config().enabled().is_none_or(|settings| settings.base_interval() <= SHARED_INTERVAL)
}

/// A node's draw for a minute's duty. All nodes compute the same value.
fn duty(peer: &PeerId, minute: u64) -> [u8; 32] {
    hash32(&[b"duty", peer, &minute.to_le_bytes()])
}
