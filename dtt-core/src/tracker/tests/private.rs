//! Protocol version 2: slots of periods, in which every storing node keeps the newest record.

use super::*;
use crate::wire::v2::{PERIOD, Period};

fn v2() -> TopicConfig {
    TopicConfig::builder().protocol(Protocol::V2).build()
}

/// A moment this many seconds after the beginning of a period that begins with a minute.
fn at(seconds: u64) -> Now {
    Now { mono: Duration::ZERO, unix: secs(1_000_000 * PERIOD + seconds) }
}

/// A record that a node with another clock made at this moment.
fn made(now: Now, ahead: i64, publisher: u8, peers: &[u8], hashes: &[u8]) -> SeenRecord {
    let clock = now.unix.as_secs().saturating_add_signed(ahead);
    let of_publisher = record(clock / 60, publisher, peers, hashes);
    SeenRecord { slot: Period::at(clock).number(), ..of_publisher }
}

#[test]
fn the_first_lookup_reads_the_slots_of_all_clocks() {
    for (seconds, slots) in [(0, [0, -1]), (899, [0, -1]), (900, [0, 1]), (1_799, [0, 1])] {
        let bench = Bench::at(v2(), at(seconds));
        let looked: Vec<i64> = bench.lookups().iter().map(|(_, slot)| *slot as i64 - 1_000_000).collect();
        assert_eq!(looked, slots);
    }
}

#[test]
fn clocks_that_are_ten_minutes_off_find_each_other_in_the_first_lookup() {
    for seconds in [5, 400, 899, 901, 1_400, 1_795] {
        for ahead in [-600, 600] {
            let now = at(seconds);
            let mut bench = Bench::at(v2(), now).with(made(now, ahead, 1, &[], &[]));
            bench.run(secs(1));
            assert_eq!(bench.joins(JoinReason::Bootstrap)[0], (LATENCY, vec![id(1)]), "{seconds} {ahead}");
        }
    }
}

#[test]
fn a_lonely_node_stores_at_once_and_then_every_five_minutes() {
    let mut bench = Bench::at(v2(), at(100));
    bench.own = true;
    bench.run(secs(3_600));
    let stores = bench.stores();
    assert!((11..=14).contains(&stores.len()), "{} stores in an hour", stores.len());
    assert!(stores[0].0 <= secs(2));
    let lookups = bench.lookups().iter().filter(|(at, _)| *at > secs(600)).count();
    assert!(lookups <= 50 * 2, "{lookups} lookups in 50 minutes");
}

#[test]
fn two_lonely_nodes_that_cannot_reach_each_other_replace_each_others_record_ever_more_rarely() {
    let mut bench = Bench::at(v2(), at(100));
    for _ in 0..240 {
        let other = made(bench.now, 0, 1, &[], &[]);
        bench.dht = BTreeMap::from([(other.slot, vec![other])]);
        bench.run(secs(15));
    }
    let stores = bench.stores().len();
    assert!((8..=25).contains(&stores), "{stores} stores in an hour");
}

#[test]
fn a_member_stores_unless_the_slot_shows_a_record_of_this_minute() {
    let stores_in_an_hour = |shows: &dyn Fn(Now) -> Option<SeenRecord>| {
        let mut bench = Bench::at(v2(), at(100));
        (1..=2).for_each(|n| bench.input(Input::NeighborUp(id(n))));
        for _ in 0..720 {
            bench.dht = shows(bench.now).map(|record| (record.slot, vec![record])).into_iter().collect();
            bench.run(secs(5));
        }
        bench.stores().len()
    };
    let alone = stores_in_an_hour(&|_| None);
    assert!((15..=60).contains(&alone), "three nodes take turns: {alone}");
    let old = stores_in_an_hour(&|now| Some(made(now, -120, 1, &[0, 2], &[])));
    assert!((15..=60).contains(&old), "{old}");
    let fresh = stores_in_an_hour(&|now| Some(made(now, 0, 1, &[0, 2], &[])));
    assert!(fresh <= 3, "a neighbor's record is enough: {fresh}");
}

#[test]
fn a_record_that_no_lookup_shows_any_more_is_forgotten() {
    let mut bench = Bench::at(v2(), at(100)).with(made(at(100), 0, 1, &[2], &[]));
    bench.run(secs(1));
    assert_eq!(bench.tracker.footprint().records, 1);
    bench.dht.clear();
    bench.run(secs(200));
    assert_eq!(bench.tracker.footprint().records, 0);
}

#[test]
fn a_clock_that_is_ten_minutes_off_is_no_sign_of_a_split() {
    for ahead in [-600, 600] {
        let mut bench = Bench::at(v2(), at(300));
        (1..=4).for_each(|n| bench.input(Input::NeighborUp(id(n))));
        for n in 0..240u32 {
            bench.input(Input::Received([n as u8; 32]));
            // A member with few common neighbors has received the same messages a moment ago.
            let heard: Vec<u8> = (n.saturating_sub(4)..=n).map(|n| n as u8).collect();
            let record = made(bench.now, ahead, 9, &[20, 21, 22, 23, 24], &heard);
            bench.dht = BTreeMap::from([(record.slot, vec![record])]);
            bench.run(secs(5));
        }
        assert_eq!(bench.joins(JoinReason::Overlap), [], "{ahead}");
    }
}

#[test]
fn a_member_of_another_part_is_joined() {
    let mut bench = Bench::at(v2(), at(300));
    (1..=4).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    for n in 0..240u32 {
        bench.input(Input::Received([n as u8 % 100; 32]));
        let heard: Vec<u8> = (0..5).map(|at| 100 + (n as u8 % 100) + at).collect();
        let record = made(bench.now, 0, 9, &[20, 21], &heard);
        bench.dht = BTreeMap::from([(record.slot, vec![record])]);
        bench.run(secs(5));
    }
    let joined: Vec<PeerId> = [JoinReason::Overlap, JoinReason::Bubble]
        .into_iter()
        .flat_map(|reason| bench.joins(reason))
        .flat_map(|(_, peers)| peers)
        .collect();
    assert!(joined.iter().any(|peer| [9, 20, 21].map(id).contains(peer)), "{:?}", bench.log);
}
