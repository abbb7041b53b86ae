//! Reaching a first neighbor.

use std::collections::BTreeSet;

use super::*;
use crate::config::BootstrapConfig;

#[test]
fn two_nodes_that_start_together_find_each_other() {
    let mut bench = Bench::at(v1().build(), early());
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
fn a_standing_member_is_dialed_when_its_record_arrives() {
    let minute = START.minute();
    let mut bench = Bench::new(v1().build()).with(record(minute - 1, 1, &[], &[]));
    bench.run(secs(1));
    let joins = bench.joins(JoinReason::Bootstrap);
    assert_eq!(joins[0], (LATENCY, vec![id(1)]));
    bench.input(Input::NeighborUp(id(1)));
    bench.forget();
    bench.run(secs(9));
    assert!(bench.joins(JoinReason::Bootstrap).is_empty(), "a joined node dials nobody");
}

#[test]
fn a_node_that_only_a_record_of_the_minute_before_names_is_dialed_again() {
    let minute = START.minute();
    let mut bench = Bench::new(v1().build()).with(record(minute - 1, 1, &[], &[]));
    bench.run(secs(10));
    let before = bench.lookups().iter().filter(|(_, looked)| *looked == minute - 1).count();
    assert_eq!(before, 1, "little changes in a slot whose minute is over");
    let joins = bench.joins(JoinReason::Bootstrap);
    assert!(joins.len() >= 2, "{joins:?}");
    assert!(joins[1].0 - joins[0].0 >= secs(2), "{joins:?}");
}

#[test]
fn a_node_that_finds_only_its_own_earlier_record_dials_the_neighbors_in_it() {
    let minute = START.minute();
    let mut bench = Bench::new(v1().build()).with(record(minute, 0, &[1, 2], &[]));
    bench.run(secs(1));
    let mut dialed: Vec<PeerId> = bench.joins(JoinReason::Bootstrap).into_iter().flat_map(|(_, peers)| peers).collect();
    dialed.sort();
    assert_eq!(dialed, [id(1), id(2)]);
    // Another record of its own replaces the earlier one, and names no neighbor.
    bench.dht.insert(minute, vec![record(minute, 0, &[], &[])]);
    bench.forget();
    bench.run(secs(20));
    assert!(bench.joins(JoinReason::Bootstrap).len() >= 2, "{:?}", bench.log);
}

#[test]
fn newcomers_spread_over_a_populated_swarm() {
    let minute = START.minute();
    let first: BTreeSet<PeerId> = (0..64)
        .map(|seed| {
            let mut tracker = Tracker::new(id(0), &v1().build(), seed, START);
            tracker.handle(START, Input::Record(record(minute, 1, &[2, 3, 4, 5, 6], &[])));
            std::iter::from_fn(|| tracker.next_action())
                .find_map(|action| match action {
                    Action::Join { peers, .. } => Some(peers[0]),
                    _ => None,
                })
                .unwrap()
        })
        .collect();
    assert_eq!(first.len(), 6, "the publisher and each of its peers are dialed first by some newcomer");
}

#[test]
fn stale_records_are_tried_gently_and_a_live_one_among_them_is_reached() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early());
    for dead in 10..20 {
        bench = bench.with(record(minute - 1, dead, &[dead + 100], &[]));
    }
    bench = bench.with(record(minute, 1, &[], &[]));
    bench.run(secs(20));
    let joins = bench.joins(JoinReason::Bootstrap);
    let live = joins.iter().find(|(_, peers)| peers == &[id(1)]).expect("the live node is dialed");
    assert!(live.0 < secs(4), "{:?}", live.0);
    assert!(joins.iter().all(|(_, peers)| peers.len() == 1), "one at a time");
    for pair in joins.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= Duration::from_millis(100), "a settle time apart");
    }
    let to_one = joins.iter().filter(|(_, peers)| peers == &[id(10)]).count();
    assert!((1..=4).contains(&to_one), "a silent peer is dialed {to_one} times in 20 s");
}

#[test]
fn losing_the_last_neighbor_starts_bootstrap_again() {
    let mut bench = Bench::at(v1().build(), early());
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
fn a_peer_that_has_just_left_is_dialed_later_and_not_at_once() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute, 1, &[2], &[]));
    bench.run(secs(1));
    (1..=2).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(5));
    bench.forget();
    let left = bench.now.mono;
    (1..=2).for_each(|n| bench.input(Input::NeighborDown(id(n))));
    assert_eq!(bench.states(), [TopicState::Alone]);
    bench.run(secs(20));
    let joins = bench.joins(JoinReason::Bootstrap);
    assert!(bench.lookups().iter().any(|(at, _)| *at < left + secs(1)), "it looks for others at once");
    assert!([[id(1)], [id(2)]].iter().any(|peer| joins[0].1 == peer), "its record still stands, and it may be back");
    assert!((secs(2)..secs(12)).contains(&(joins[0].0 - left)), "{:?}", joins[0].0 - left);
}

#[test]
fn a_slot_full_of_dead_nodes_does_not_put_off_the_next_lookup() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early());
    for dead in 10..70 {
        bench = bench.with(record(minute, dead, &[dead + 60, dead + 120], &[]));
    }
    bench.run(secs(38));
    let late = bench.lookups().iter().filter(|(at, looked)| *looked == minute && *at > secs(5)).count();
    assert!(late >= 8, "{:?}", bench.lookups());
}

#[test]
fn a_member_whose_clock_is_a_minute_ahead_is_found() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute + 1, 1, &[], &[]));
    bench.run(secs(10));
    assert_eq!(bench.joins(JoinReason::Bootstrap)[0].1, [id(1)]);
    let ahead = bench.lookups().iter().filter(|(_, looked)| *looked == minute + 1).count();
    assert!(ahead * 3 <= bench.lookups().len(), "at a low rate");
}

#[test]
fn older_records_come_first_when_the_option_is_set() {
    let bootstrap = BootstrapConfig::builder().check_older_records_first_on_startup(true).build();
    let bench = Bench::at(v1().bootstrap_config(bootstrap).build(), early());
    let minute = early().minute();
    assert_eq!(bench.lookups(), [(Duration::ZERO, minute - 1), (Duration::ZERO, minute - 2)]);
}

#[test]
fn a_silent_dht_is_asked_again_soon_and_its_return_is_noticed() {
    let mut bench = Bench::at(v1().build(), early());
    bench.answers = false;
    bench.run(secs(300));
    let rounds: Vec<Duration> = bench.lookups().iter().map(|(at, _)| *at).filter(|at| *at > secs(60)).collect();
    assert!(rounds.windows(2).all(|pair| pair[1] - pair[0] <= secs(14)), "{rounds:?}");
    let failed = bench.stores().last().unwrap().1;
    bench.forget();
    bench.input(Input::StoreDone { slot: failed, stored: false });
    bench.answers = true;
    bench.run(secs(12));
    assert!(!bench.stores().is_empty(), "a record that nobody took is published again");
}

#[test]
fn a_dht_that_comes_late_is_used_at_once() {
    let mut bench = Bench::at(v1().build(), early());
    bench.answers = false;
    bench.run(secs(60));
    bench.forget();
    let came = bench.now.mono;
    bench.answers = true;
    bench.run(secs(10));
    let answered = bench.lookups()[0].0;
    assert!(answered - came <= Duration::from_millis(6250), "{:?}", answered - came);
    let soon = |at: &Duration| *at - answered <= secs(2);
    assert!(bench.stores().iter().any(|(at, ..)| soon(at)), "the node becomes findable: {:?}", bench.stores());
    let looks = bench.lookups().iter().filter(|(at, _)| soon(at)).count();
    assert!(looks >= 3, "the node looks as if it had just started: {:?}", bench.lookups());
}

#[test]
fn a_dht_that_answers_every_other_time_is_not_read_without_end() {
    let mut bench = Bench::at(v1().build(), early());
    for _ in 0..600 {
        bench.answers = !bench.answers;
        bench.run(secs(1));
    }
    assert!(bench.lookups().len() <= 600, "{} lookups in ten minutes", bench.lookups().len());
}

#[test]
fn a_node_that_finds_records_looks_every_few_seconds() {
    let first = early().minute();
    let dead = (first..first + 10).map(|minute| record(minute, 9, &[8], &[]));
    let mut bench = dead.fold(Bench::at(v1().build(), early()), Bench::with);
    bench.run(secs(300));
    let rounds: BTreeSet<Duration> = bench.lookups().iter().map(|(at, _)| *at).collect();
    let rounds: Vec<Duration> = rounds.into_iter().collect();
    assert!(rounds.windows(2).all(|pair| pair[1] - pair[0] <= secs(8)), "{rounds:?}");
    let mut lone = Bench::at(v1().build(), early());
    lone.own = true;
    lone.run(secs(300));
    assert!(lone.lookups().len() < 25, "its own record is no sign of others: {}", lone.lookups().len());
}

#[test]
fn a_record_of_two_minutes_ago_is_found_when_there_is_no_later_one() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute - 2, 1, &[], &[]));
    bench.run(secs(2));
    assert_eq!(bench.joins(JoinReason::Bootstrap)[0].1, [id(1)]);
}

#[test]
fn waking_up_looks_at_once() {
    let mut bench = Bench::at(v1().build(), early());
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
fn equal_seeds_give_equal_actions() {
    let run = || {
        let mut bench = Bench::at(v1().build(), early()).with(record(early().minute(), 1, &[2, 3, 4], &[]));
        bench.run(secs(300));
        bench.log
    };
    assert_eq!(run(), run());
}

#[test]
fn the_publisher_of_a_record_is_dialed_before_most_of_its_neighbors() {
    let minute = early().minute();
    let records = [(10, [11, 12, 13, 14, 15]), (20, [21, 22, 23, 24, 25]), (30, [31, 32, 33, 34, 35])];
    let mut bench = Bench::at(v1().build(), early());
    for (publisher, peers) in records {
        bench = bench.with(record(minute, publisher, &peers, &[]));
    }
    bench.run(secs(3));
    let dialed: Vec<PeerId> = bench.joins(JoinReason::Bootstrap).into_iter().flat_map(|(_, peers)| peers).collect();
    for (publisher, _) in records {
        assert!(dialed[..6].contains(&id(publisher)), "{publisher}: its neighbors may all have been killed");
    }
}

#[test]
fn a_dial_that_fails_gives_its_turn_to_the_next() {
    let minute = START.minute();
    let peers: Vec<u8> = (2..60).collect();
    let records = || peers.chunks(5).map(|five| record(minute, five[0] + 100, five, &[])).collect::<Vec<_>>();
    let mut bench = Bench::new(v1().build());
    bench.dht.insert(minute, records());
    bench.run(LATENCY + Duration::from_millis(1));
    let (mut failed, at) = (0, bench.now.mono);
    while let Some((_, peers)) = bench.joins(JoinReason::Bootstrap).get(failed).cloned() {
        bench.input(Input::Unreachable(peers[0]));
        failed += 1;
    }
    assert_eq!(bench.now.mono, at, "all of it happens at once");
    assert_eq!(failed, 33, "a record may name any number of nodes without an address, so this has an end");
}

#[test]
fn a_dial_that_fails_takes_no_time_from_the_dials_before_it() {
    let minute = START.minute();
    let mut bench = Bench::new(v1().build());
    bench.dht.insert(minute, vec![record(minute, 1, &[2], &[])]);
    bench.run(LATENCY + Duration::from_millis(1));
    let first = bench.joins(JoinReason::Bootstrap);
    assert_eq!(first.len(), 1);
    // The failure of a node that was not dialed changes nothing.
    bench.input(Input::Unreachable(id(9)));
    assert_eq!(bench.joins(JoinReason::Bootstrap).len(), 1);
    bench.run(Duration::from_millis(100));
    let both = bench.joins(JoinReason::Bootstrap);
    assert_eq!(both.len(), 2);
    // The last one fails at once. The first one may still answer, so nothing is looked up again before its time is over.
    let lookups = bench.lookups().len();
    bench.input(Input::Unreachable(both[1].1[0]));
    bench.run(Duration::from_millis(380));
    assert_eq!(bench.lookups().len(), lookups);
    // The failure of the first one comes late, and nobody waits for it alone.
    bench.input(Input::Unreachable(both[0].1[0]));
    bench.run(secs(4));
    assert!(bench.lookups().len() > lookups);
}
