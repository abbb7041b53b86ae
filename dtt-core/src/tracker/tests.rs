//! The machine by a hand-held clock, against a DHT that answers as each test says.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::config::{BootstrapConfig, BubbleMergeConfig, MergeConfig, MessageOverlapMergeConfig, PublisherConfig};

const START: Now = Now { mono: Duration::ZERO, unix: Duration::from_secs(1_750_000_000) };
const LATENCY: Duration = Duration::from_millis(100);

/// One machine and what it did, with the time of each action since its start.
struct Bench {
    tracker: Tracker,
    now: Now,
    dht: BTreeMap<u64, Vec<SeenRecord>>,
    answers: bool,
    /// Whether lookups show the machine's own record.
    own: bool,
    pending: Vec<(Duration, u64)>,
    log: Vec<(Duration, Action)>,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self::at(config, START)
    }

    fn at(config: Config, now: Now) -> Self {
        let tracker = Tracker::new(id(0), &config, 42, now);
        let mut bench = Self {
            tracker,
            now,
            dht: BTreeMap::new(),
            answers: true,
            own: false,
            pending: Vec::new(),
            log: Vec::new(),
        };
        bench.drain();
        bench
    }

    fn with(mut self, record: SeenRecord) -> Self {
        self.dht.entry(record.minute).or_default().push(record);
        self
    }

    fn input(&mut self, input: Input) {
        self.tracker.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.tracker.next_action() {
            if let Action::Lookup { minute } = action {
                self.pending.push((self.now.mono + LATENCY, minute));
            }
            self.log.push((self.now.mono, action));
        }
    }

    /// Lets time pass, answering lookups after [`LATENCY`].
    fn run(&mut self, time: Duration) {
        let end = self.now.mono + time;
        for step in 0.. {
            assert!(step < 100_000, "the machine asks to be called without end");
            let answer = self.pending.iter().map(|(at, _)| *at).min();
            let next = self.tracker.next_deadline().into_iter().chain(answer).min().unwrap_or(end).max(self.now.mono);
            if next >= end {
                self.pass(end);
                return;
            }
            self.pass(next);
            if answer == Some(next) {
                let at = self.pending.iter().position(|(at, _)| *at == next).unwrap();
                let (_, minute) = self.pending.remove(at);
                for record in self.dht.get(&minute).cloned().unwrap_or_default() {
                    self.input(Input::Record(record));
                }
                if self.own {
                    self.input(Input::OwnRecord { minute });
                }
                self.input(Input::LookupDone { minute, answered: self.answers });
            } else {
                self.tracker.handle_timeout(self.now);
                self.drain();
            }
        }
    }

    fn pass(&mut self, mono: Duration) {
        self.now.unix += mono - self.now.mono;
        self.now.mono = mono;
    }

    fn joins(&self, why: JoinReason) -> Vec<(Duration, Vec<PeerId>)> {
        let of = |(at, action): &(Duration, Action)| match action {
            Action::Join { peers, reason } if *reason == why => Some((*at, peers.clone())),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    fn stores(&self) -> Vec<(Duration, u64, GossipRecordContent)> {
        let of = |(at, action): &(Duration, Action)| match action {
            Action::Store { minute, content } => Some((*at, *minute, *content.clone())),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    fn lookups(&self) -> Vec<(Duration, u64)> {
        let of = |(at, action): &(Duration, Action)| match action {
            Action::Lookup { minute } => Some((*at, *minute)),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    fn states(&self) -> Vec<TopicState> {
        let of = |(_, action): &(Duration, Action)| match action {
            Action::State(state) => Some(*state),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    /// Forgets which records were compared so far, as after a pause.
    fn merges_compare_from_now(&mut self) {
        self.tracker.merges.judge_anew();
    }

    fn forget(&mut self) {
        self.log.clear();
    }
}

fn id(n: u8) -> PeerId {
    [n.wrapping_add(1); 32]
}

fn record(minute: u64, publisher: u8, peers: &[u8], hashes: &[u8]) -> SeenRecord {
    SeenRecord {
        minute,
        publisher: id(publisher),
        peers: peers.iter().map(|n| id(*n)).collect(),
        hashes: hashes.iter().map(|n| [*n; 32]).collect(),
    }
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A start at the beginning of a minute, so that tests of less than a minute stay within it.
fn early() -> Now {
    Now { mono: Duration::ZERO, unix: secs(1_750_000_020) }
}

#[test]
fn alone_it_stays_findable_and_asks_ever_less() {
    let mut bench = Bench::at(Config::default(), early());
    let start = bench.now.minute();
    bench.run(secs(600));
    let stores = bench.stores();
    let minutes: Vec<u64> = stores.iter().map(|(_, minute, _)| *minute).collect();
    assert_eq!(minutes, (start..start + 10).collect::<Vec<_>>(), "one record in every minute");
    assert!(stores.iter().all(|(_, _, content)| *content == GossipRecordContent::default()));
    let rounds: BTreeSet<Duration> = bench.lookups().iter().map(|(at, _)| *at).collect();
    let early = rounds.iter().filter(|at| **at < secs(2)).count();
    assert!(early >= 3, "two that start at once must meet soon: {rounds:?}");
    let late = bench.lookups().iter().filter(|(at, _)| *at > secs(120)).count();
    assert!(late <= 8 * 5, "{late} lookups in the last 8 minutes");
    assert_eq!(bench.states(), [TopicState::LookingUp]);
}

#[test]
fn the_first_record_waits_for_an_address_but_not_for_ever() {
    let mut waits = Bench::at(Config::default(), early());
    waits.run(secs(5));
    assert_eq!(waits.stores()[0].0, secs(1));
    let mut knows = Bench::at(Config::default(), early());
    knows.run(Duration::from_millis(300));
    knows.input(Input::AddressChanged);
    knows.run(secs(5));
    assert_eq!(knows.stores()[0].0, Duration::from_millis(300), "the slot was looked up already");
}

#[test]
fn two_that_start_together_find_each_other() {
    let mut bench = Bench::at(Config::default(), early());
    let minute = bench.now.minute();
    bench.run(Duration::from_millis(1100));
    assert!(bench.joins(JoinReason::Bootstrap).is_empty());
    bench = bench.with(record(minute, 1, &[], &[]));
    bench.run(secs(2));
    let joins = bench.joins(JoinReason::Bootstrap);
    assert_eq!(joins[0].1, [id(1)], "a later round sees the other's record");
    assert!(joins[0].0 < secs(3), "{joins:?}");
    bench.input(Input::NeighborUp(id(1)));
    assert_eq!(bench.states(), [TopicState::LookingUp, TopicState::Joined]);
}

#[test]
fn a_standing_member_is_dialled_when_its_record_arrives() {
    let minute = START.minute();
    let mut bench = Bench::new(Config::default()).with(record(minute - 1, 1, &[], &[]));
    bench.run(secs(1));
    let joins = bench.joins(JoinReason::Bootstrap);
    assert_eq!(joins[0], (LATENCY, vec![id(1)]));
    bench.input(Input::NeighborUp(id(1)));
    bench.forget();
    bench.run(secs(9));
    assert!(bench.joins(JoinReason::Bootstrap).is_empty(), "joined is joined");
}

#[test]
fn newcomers_spread_over_a_populated_swarm() {
    let minute = START.minute();
    let first: BTreeSet<PeerId> = (0..64)
        .map(|seed| {
            let mut tracker = Tracker::new(id(0), &Config::default(), seed, START);
            tracker.handle(START, Input::Record(record(minute, 1, &[2, 3, 4, 5, 6], &[])));
            std::iter::from_fn(|| tracker.next_action())
                .find_map(|action| match action {
                    Action::Join { peers, .. } => Some(peers[0]),
                    _ => None,
                })
                .unwrap()
        })
        .collect();
    assert_eq!(first.len(), 6, "every one of the publisher and its peers is some newcomer's first");
}

#[test]
fn stale_records_are_tried_gently_and_a_live_one_among_them_is_reached() {
    let minute = early().minute();
    let mut bench = Bench::at(Config::default(), early());
    for dead in 10..20 {
        bench = bench.with(record(minute - 1, dead, &[dead + 100], &[]));
    }
    bench = bench.with(record(minute, 1, &[], &[]));
    bench.run(secs(20));
    let joins = bench.joins(JoinReason::Bootstrap);
    let live = joins.iter().find(|(_, peers)| peers == &[id(1)]).expect("the live one is dialled");
    assert!(live.0 < secs(4), "{:?}", live.0);
    assert!(joins.iter().all(|(_, peers)| peers.len() == 1), "one at a time");
    for pair in joins.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= Duration::from_millis(100), "a settle time apart");
    }
    let to_one = joins.iter().filter(|(_, peers)| peers == &[id(10)]).count();
    assert!((1..=4).contains(&to_one), "a silent peer is dialled {to_one} times in 20 s");
}

#[test]
fn all_records_stale_leaves_it_looking_and_findable() {
    let minute = early().minute();
    let mut bench = Bench::at(Config::default(), early()).with(record(minute, 9, &[8, 7], &[1]));
    bench.run(secs(200));
    assert!(bench.stores().len() >= 3);
    assert!(bench.lookups().last().unwrap().0 > secs(100), "it never gives up");
}

#[test]
fn a_record_that_was_overwritten_is_published_again_now_and_then() {
    let mut bench = Bench::at(Config::default(), early());
    let minute = early().minute();
    bench.input(Input::AddressChanged);
    bench.run(Duration::from_millis(500));
    bench.input(Input::StoreDone { minute, stored: true });
    bench.run(secs(35));
    let overwritten = bench.stores().iter().filter(|(_, stored, _)| *stored == minute).count();
    assert!((2..=4).contains(&overwritten), "{overwritten} stores in one minute");

    let mut standing = Bench::at(Config::default(), early());
    standing.input(Input::AddressChanged);
    standing.run(Duration::from_millis(150));
    standing.input(Input::StoreDone { minute, stored: true });
    standing.own = true;
    standing.run(secs(35));
    assert_eq!(standing.stores().len(), 1, "a record that stands is left alone");
}

#[test]
fn five_records_of_others_are_enough() {
    let minute = early().minute();
    let mut bench = Bench::at(Config::default(), early());
    for other in 1..=5 {
        bench = bench.with(record(minute, other, &[], &[]));
    }
    bench.run(secs(30));
    assert!(bench.stores().is_empty());
}

#[test]
fn losing_the_last_neighbor_starts_bootstrap_again() {
    let mut bench = Bench::at(Config::default(), early());
    bench.input(Input::NeighborUp(id(1)));
    bench.input(Input::NeighborUp(id(2)));
    bench.run(secs(100));
    bench.forget();
    bench.input(Input::NeighborDown(id(1)));
    assert!(bench.states().is_empty());
    let minute = bench.now.minute();
    bench = bench.with(record(minute, 5, &[], &[]));
    let before = bench.now.mono;
    bench.input(Input::NeighborDown(id(2)));
    bench.run(secs(2));
    assert_eq!(bench.states(), [TopicState::Alone]);
    assert_eq!(bench.joins(JoinReason::Bootstrap)[0], (before + LATENCY, vec![id(5)]));
    bench.input(Input::NeighborUp(id(5)));
    assert_eq!(bench.states(), [TopicState::Alone, TopicState::Joined]);
}

#[test]
fn a_joined_topic_publishes_its_neighbors_and_messages() {
    let mut bench = Bench::at(Config::default(), early());
    bench.input(Input::AddressChanged);
    bench.run(Duration::from_millis(500));
    assert_eq!(bench.stores().len(), 1, "the start record");
    bench.input(Input::NeighborUp(id(1)));
    for n in 1..=7 {
        bench.input(Input::Received([n; 32]));
    }
    bench.input(Input::Sent([99; 32]));
    bench.forget();
    bench.run(secs(15));
    let stores = bench.stores();
    let (at, _, content) = &stores[0];
    assert!(*at >= Duration::from_millis(10_500) && *at < secs(11), "{at:?}");
    assert_eq!(content.peers().collect::<Vec<_>>(), [&id(1)]);
    let hashes: Vec<u8> = content.hashes().map(|hash| hash[0]).collect();
    assert_eq!(hashes, [3, 4, 5, 6, 7], "the last five received, oldest first, none of its own");
}

#[test]
fn with_few_neighbors_it_joins_two_unknown_peers_and_with_enough_it_looks_nothing_up() {
    let quiet = Config::builder().publisher_config(PublisherConfig::Disabled).build();
    let mut few = Bench::at(quiet.clone(), early());
    few.run(secs(2));
    few.input(Input::NeighborUp(id(1)));
    let minute = few.now.minute();
    few = few.with(record(minute, 1, &[0, 2, 3, 4], &[]));
    few.forget();
    few.run(secs(33));
    let joins = few.joins(JoinReason::Bubble);
    assert_eq!(joins.len(), 1);
    assert_eq!(joins[0].1.len(), 2);
    assert!(joins[0].1.iter().all(|peer| [id(2), id(3), id(4)].contains(peer)));

    let mut enough = Bench::at(quiet, early());
    enough.run(secs(2));
    (1..=4).for_each(|n| enough.input(Input::NeighborUp(id(n))));
    enough.forget();
    enough.run(secs(600));
    assert!(enough.lookups().is_empty(), "{:?}", enough.lookups());
}

/// A joined machine with four neighbors that has heard `messages`, one each second.
fn hearing(messages: impl Iterator<Item = MessageHash>) -> Bench {
    let mut bench = Bench::at(Config::default(), early());
    (1..=4).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    for hash in messages {
        bench.input(Input::Received(hash));
        bench.run(secs(1));
    }
    bench
}

fn numbered(n: u32) -> MessageHash {
    crate::wire::message_hash(&n.to_le_bytes())
}

#[test]
fn unknown_messages_mark_a_split() {
    let mut bench = hearing((0..180).map(numbered));
    for minute in bench.now.minute()..bench.now.minute() + 5 {
        bench = bench.with(record(minute, 20, &[21], &[201, 202, 203]));
    }
    bench.run(secs(185));
    let joins = bench.joins(JoinReason::Overlap);
    assert!(!joins.is_empty());
    assert!(joins[0].1.iter().all(|peer| [id(20), id(21)].contains(peer)));
}

#[test]
fn a_busy_topic_does_not_look_split() {
    let mut bench = Bench::at(Config::default(), early());
    (1..=4).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    let start = bench.now;
    // A hundred messages a second; each minute's record was made at its start and names what was heard then.
    for second in 0..600u32 {
        for n in 0..100 {
            let hash = numbered(second * 100 + n);
            bench.tracker.handle(bench.now, if n % 10 == 0 { Input::Sent(hash) } else { Input::Received(hash) });
        }
        if (start.unix.as_secs() + u64::from(second)).is_multiple_of(60) {
            let minute = bench.now.minute();
            let hashes = (1..=5).map(|n| numbered(second * 100 + n)).collect();
            let seen = SeenRecord { minute, publisher: id(30), peers: vec![id(31)], hashes };
            bench.dht.insert(minute, vec![seen]);
        }
        bench.run(secs(1));
    }
    assert!(bench.lookups().len() > 10, "records were compared");
    assert_eq!(bench.joins(JoinReason::Overlap), []);
}

#[test]
fn what_cannot_be_judged_is_no_split() {
    // Joined only now: the swarm's last messages are older than that.
    let mut newcomer = Bench::at(Config::default(), early());
    (1..=4).for_each(|n| newcomer.input(Input::NeighborUp(id(n))));
    for minute in early().minute()..early().minute() + 6 {
        newcomer = newcomer.with(record(minute, 20, &[21], &[201]));
    }
    newcomer.run(secs(300));
    assert_eq!(newcomer.joins(JoinReason::Overlap), []);
    // A record of a neighbor, or of a neighbor's neighbor, is connected whatever it has heard.
    let mut connected = hearing((0..180).map(numbered));
    for minute in connected.now.minute()..connected.now.minute() + 5 {
        connected = connected.with(record(minute, 1, &[40], &[201])).with(record(minute, 41, &[2], &[202]));
    }
    connected.run(secs(185));
    assert_eq!(connected.joins(JoinReason::Overlap), []);
}

#[test]
fn a_speaker_who_heard_nothing_since_is_no_split() {
    // Its record names what was said before we came: its own messages are not in it. It is told from a split by staying
    // the same.
    let mut listener = hearing((0..180).map(numbered));
    for minute in listener.now.minute()..listener.now.minute() + 12 {
        listener = listener.with(record(minute, 50, &[51], &[211, 212, 213, 214, 215]));
    }
    listener.merges_compare_from_now();
    listener.run(secs(600));
    assert_eq!(listener.joins(JoinReason::Overlap), []);
    // So is what was said while we were away.
    let mut returned = hearing((0..180).map(numbered));
    (1..=4).for_each(|n| returned.input(Input::NeighborDown(id(n))));
    (1..=4).for_each(|n| returned.input(Input::NeighborUp(id(n))));
    for minute in returned.now.minute()..returned.now.minute() + 12 {
        returned = returned.with(record(minute, 60, &[61], &[221]));
    }
    returned.input(Input::Received(numbered(999)));
    returned.run(secs(600));
    assert_eq!(returned.joins(JoinReason::Overlap), []);
}

#[test]
fn a_message_marks_a_split_a_few_times_and_not_for_ever() {
    let mut bench = hearing((0..180).map(numbered));
    for minute in bench.now.minute()..bench.now.minute() + 60 {
        bench = bench.with(record(minute, 20, &[21], &[201]));
    }
    bench.run(secs(3600));
    let joins = bench.joins(JoinReason::Overlap).len();
    assert!((1..=5).contains(&joins), "{joins} joins for one strange message in an hour");
}

#[test]
fn a_silent_listener_publishes_nothing() {
    let config = Config::builder()
        .publisher_config(PublisherConfig::Disabled)
        .bootstrap_config(BootstrapConfig::builder().publish_record_on_startup(false).build())
        .build();
    let mut bench = Bench::at(config, early());
    bench.run(Duration::from_millis(300));
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(600));
    assert_eq!(bench.stores(), []);
}

#[test]
fn a_slot_full_of_dead_nodes_does_not_put_off_the_next_lookup() {
    let minute = early().minute();
    let mut bench = Bench::at(Config::default(), early());
    for dead in 10..70 {
        bench = bench.with(record(minute, dead, &[dead + 60, dead + 120], &[]));
    }
    bench.run(secs(38));
    let late = bench.lookups().iter().filter(|(at, looked)| *looked == minute && *at > secs(5)).count();
    assert!(late >= 2, "{:?}", bench.lookups());
}

#[test]
fn the_minute_turns_while_a_slot_is_looked_up() {
    let late = Now { mono: Duration::ZERO, unix: secs(1_750_000_020 + 59) + Duration::from_millis(950) };
    let mut bench = Bench::at(Config::default(), late);
    bench.input(Input::AddressChanged);
    bench.run(secs(3));
    let minutes: Vec<u64> = bench.stores().iter().map(|(_, minute, _)| *minute).collect();
    assert_eq!(minutes, [late.minute() + 1], "the record goes into the minute in which it is stored");
    let looked: BTreeSet<u64> = bench.lookups().iter().map(|(_, minute)| *minute).collect();
    assert!(looked.contains(&(late.minute() + 1)));
}

#[test]
fn a_member_whose_clock_is_a_minute_ahead_is_found() {
    let minute = early().minute();
    let mut bench = Bench::at(Config::default(), early()).with(record(minute + 1, 1, &[], &[]));
    bench.run(secs(10));
    assert_eq!(bench.joins(JoinReason::Bootstrap)[0].1, [id(1)]);
    let ahead = bench.lookups().iter().filter(|(_, looked)| *looked == minute + 1).count();
    assert!(ahead * 3 <= bench.lookups().len(), "at a low rate");
}

#[test]
fn older_records_first_when_asked() {
    let bootstrap = BootstrapConfig::builder().check_older_records_first_on_startup(true).build();
    let bench = Bench::at(Config::builder().bootstrap_config(bootstrap).build(), early());
    let minute = early().minute();
    assert_eq!(bench.lookups(), [(Duration::ZERO, minute - 1), (Duration::ZERO, minute - 2)]);
}

#[test]
fn disabled_parts_do_nothing() {
    let config = Config::builder()
        .publisher_config(PublisherConfig::Disabled)
        .merge_config(
            MergeConfig::builder()
                .bubble_merge(BubbleMergeConfig::Disabled)
                .message_overlap_merge(MessageOverlapMergeConfig::Disabled)
                .build(),
        )
        .build();
    let mut bench = Bench::at(config, early());
    bench.run(secs(2));
    bench.input(Input::NeighborUp(id(1)));
    bench.forget();
    bench.run(secs(1000));
    assert_eq!(bench.log, []);
    assert_eq!(bench.tracker.next_deadline(), None);
}

#[test]
fn no_record_on_startup_when_asked_but_a_lonely_node_becomes_findable() {
    let bootstrap = BootstrapConfig::builder().publish_record_on_startup(false).build();
    let mut bench = Bench::at(Config::builder().bootstrap_config(bootstrap).build(), early());
    bench.run(secs(1));
    assert_eq!(bench.stores(), []);
    bench.run(secs(5));
    assert_eq!(bench.stores().len(), 1);
}

#[test]
fn a_silent_dht_is_asked_again_soon_and_its_return_is_noticed() {
    let mut bench = Bench::at(Config::default(), early());
    bench.answers = false;
    bench.run(secs(300));
    let rounds: Vec<Duration> = bench.lookups().iter().map(|(at, _)| *at).filter(|at| *at > secs(60)).collect();
    assert!(rounds.windows(2).all(|pair| pair[1] - pair[0] <= secs(14)), "{rounds:?}");
    let failed = bench.stores().last().unwrap().1;
    bench.forget();
    bench.input(Input::StoreDone { minute: failed, stored: false });
    bench.answers = true;
    bench.run(secs(12));
    assert!(!bench.stores().is_empty(), "a record that nobody took is published again");
}

#[test]
fn waking_up_looks_at_once() {
    let mut bench = Bench::at(Config::default(), early());
    bench.run(secs(400));
    bench.forget();
    // The machine slept for an hour: the monotonic clock stood still.
    bench.now.unix += secs(3600);
    bench.tracker.handle_timeout(bench.now);
    bench.drain();
    let minute = bench.now.minute();
    assert!(bench.lookups().iter().any(|(_, looked)| *looked == minute));
    bench.run(secs(5));
    assert_eq!(bench.stores()[0].1, minute);
}

#[test]
fn a_new_address_is_published_within_the_minute() {
    let mut bench = Bench::at(Config::default(), early());
    bench.input(Input::AddressChanged);
    bench.run(secs(20));
    bench.forget();
    bench.input(Input::AddressChanged);
    bench.run(secs(3));
    assert_eq!(bench.stores().len(), 1);
    (0..50).for_each(|_| bench.input(Input::AddressChanged));
    bench.run(secs(9));
    assert!(bench.stores().len() <= 2, "however often it changes");
}

#[test]
fn equal_seeds_give_equal_actions() {
    let run = || {
        let mut bench = Bench::at(Config::default(), early()).with(record(early().minute(), 1, &[2, 3, 4], &[]));
        bench.run(secs(300));
        bench.log
    };
    assert_eq!(run(), run());
}
