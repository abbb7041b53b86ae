//! Staying findable.

use std::{cmp::Ordering, collections::BTreeSet};

use super::*;
use crate::config::{BootstrapConfig, PublisherConfig};

#[test]
fn a_node_without_neighbors_stays_findable_and_looks_up_ever_less() {
    let mut bench = Bench::at(v1().build(), early());
    let start = bench.now.minute();
    bench.run(secs(600));
    let stores = bench.stores();
    let minutes: Vec<u64> = stores.iter().map(|(_, minute, _)| *minute).collect();
    assert_eq!(minutes, (start..start + 10).collect::<Vec<_>>(), "one record in every minute");
    assert!(stores.iter().all(|(_, _, content)| *content == GossipRecordContent::default()));
    let rounds: BTreeSet<Duration> = bench.lookups().iter().map(|(at, _)| *at).collect();
    let early = rounds.iter().filter(|at| **at < secs(2)).count();
    assert!(early >= 3, "two nodes that start at once must meet soon: {rounds:?}");
    let late = bench.lookups().iter().filter(|(at, _)| *at > secs(120)).count();
    assert!(late <= 8 * 5, "{late} lookups in the last 8 minutes");
    assert_eq!(bench.states(), [TopicState::LookingUp]);
}

#[test]
fn the_first_record_waits_for_an_address_but_not_forever() {
    let mut waits = Bench::at(v1().build(), early());
    waits.run(secs(5));
    assert_eq!(waits.stores()[0].0, secs(1));
    let mut knows = Bench::at(v1().build(), early());
    knows.run(Duration::from_millis(300));
    knows.input(Input::AddressChanged);
    knows.run(secs(5));
    assert_eq!(knows.stores()[0].0, Duration::from_millis(300), "the slot was looked up already");
}

#[test]
fn a_node_that_finds_only_stale_records_keeps_looking_and_stays_findable() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute, 9, &[8, 7], &[1]));
    bench.run(secs(200));
    assert!(bench.stores().len() >= 3);
    assert!(bench.lookups().last().unwrap().0 > secs(100), "the node never gives up");
}

#[test]
fn a_record_that_was_overwritten_is_published_again_now_and_then() {
    let mut bench = Bench::at(v1().build(), early());
    let minute = early().minute();
    bench.input(Input::AddressChanged);
    bench.run(Duration::from_millis(500));
    bench.input(Input::StoreDone { slot: minute, stored: true });
    bench.run(secs(35));
    let overwritten = bench.stores().iter().filter(|(_, stored, _)| *stored == minute).count();
    assert!((2..=4).contains(&overwritten), "{overwritten} stores in one minute");

    let mut standing = Bench::at(v1().build(), early());
    standing.input(Input::AddressChanged);
    standing.run(Duration::from_millis(150));
    standing.input(Input::StoreDone { slot: minute, stored: true });
    standing.own = true;
    standing.run(secs(35));
    assert_eq!(standing.stores().len(), 1, "a record that stands is left alone");
}

/// A tracker whose slots are full of records of nodes that are unknown here.
fn crowded() -> Bench {
    let first = early().minute();
    let others = (first..first + 250).flat_map(|minute| (11..=15).map(move |n| record(minute, n, &[n + 10], &[])));
    others.fold(Bench::at(v1().build(), early()), Bench::with)
}

#[test]
fn five_records_of_others_are_enough() {
    let mut newcomer = crowded();
    newcomer.run(Duration::from_millis(1500));
    assert!(newcomer.stores().is_empty());
    let mut member = crowded();
    member.input(Input::NeighborUp(id(11)));
    member.run(secs(3600));
    assert_eq!(member.stores(), [], "a neighbor's record speaks for the slot");
}

#[test]
fn records_that_lead_nowhere_do_not_keep_a_node_from_publishing() {
    // The node dialed the records' nodes in vain, so the records may be lies.
    let mut alone = crowded();
    alone.run(secs(90));
    assert!((1..=3).contains(&alone.stores().len()), "{:?}", alone.stores());
    // The records show no sign of this swarm.
    let mut member = crowded();
    (1..=5).for_each(|n| member.input(Input::NeighborUp(id(n))));
    member.run(secs(4 * 3600));
    assert!((8..=40).contains(&member.stores().len()), "{} records in four hours", member.stores().len());
    // A record that names a received message does.
    let mut hearer = crowded();
    hearer.dht.values_mut().for_each(|records| records[0].hashes.push([77; 32]));
    (1..=5).for_each(|n| hearer.input(Input::NeighborUp(id(n))));
    hearer.input(Input::Received([77; 32]));
    hearer.run(secs(3600));
    assert!(hearer.stores().len() <= 3, "{:?}", hearer.stores());
    assert!(hearer.lookups().len() <= 12, "the node reads full slots more rarely: {}", hearer.lookups().len());
}

#[test]
fn neighbors_take_turns() {
    let joined = |me: u8| {
        let others = (0..3).filter(|other| *other != me);
        let mut bench = Bench::of(id(me), v1().build(), early());
        others.for_each(|other| bench.input(Input::NeighborUp(id(other))));
        bench.run(secs(120));
        bench.forget();
        bench.run(secs(3600));
        bench
    };
    let benches: Vec<Bench> = (0..3).map(joined).collect();
    let minutes: Vec<u64> = benches.iter().flat_map(Bench::stores).map(|(_, minute, _)| minute).collect();
    let distinct: BTreeSet<u64> = minutes.iter().copied().collect();
    assert_eq!(distinct.len(), minutes.len(), "no minute has two records: {minutes:?}");
    assert!((44..=60).contains(&minutes.len()), "few minutes have none: {}", minutes.len());
    for bench in &benches {
        assert!((12..=28).contains(&bench.stores().len()), "each has its share: {}", bench.stores().len());
        assert_eq!(bench.lookups().len(), bench.stores().len(), "the node looks up nothing else");
    }
}

#[test]
fn a_joined_topic_publishes_its_neighbors_and_messages() {
    let mut bench = Bench::at(v1().build(), early());
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
    assert!(
        *at < Duration::from_millis(2_700),
        "a record that names the swarm soon follows the one without neighbors: {at:?}"
    );
    assert_eq!(content.peers().collect::<Vec<_>>(), [&id(1)]);
    let hashes: Vec<u8> = content.hashes().map(|hash| hash[0]).collect();
    assert_eq!(hashes, [3, 4, 5, 6, 7], "the last five that were received, oldest first, and none that the node sent");
}

#[test]
fn a_record_without_neighbors_waits_until_the_nodes_of_the_slot_were_dialed() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute, 9, &[8, 7], &[]));
    bench.input(Input::AddressChanged);
    bench.run(secs(20));
    let last = bench.joins(JoinReason::Bootstrap)[..3].iter().map(|(at, _)| *at).max().unwrap();
    let stored = bench.stores()[0].0;
    assert!(stored > last && stored < secs(3), "dialed until {last:?}, stored after {stored:?}");
}

#[test]
fn many_dead_nodes_hold_up_a_record_without_neighbors_for_three_seconds() {
    let minute = early().minute();
    let dead = (10..60).map(|dead| record(minute - 1, dead, &[dead + 60, dead + 120], &[]));
    let mut bench = dead.fold(Bench::at(v1().build(), early()), Bench::with);
    bench.run(secs(5));
    // The record goes out with the first dial that is due after the round's time.
    let stored = bench.stores()[0].0;
    assert!(stored >= secs(3) && stored <= Duration::from_millis(3500), "{stored:?}");
}

#[test]
fn a_node_that_joined_by_a_record_leaves_the_slot_as_it_is() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute, 1, &[2], &[]));
    bench.run(Duration::from_millis(300));
    bench.input(Input::NeighborUp(id(2)));
    bench.run(secs(30));
    assert_eq!(bench.stores(), [], "most nodes that are killed are killed soon");
}

#[test]
fn a_node_that_joined_although_the_slot_led_nowhere_corrects_the_slot() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute, 9, &[8], &[]));
    bench.run(Duration::from_millis(1600));
    bench.forget();
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(3));
    let stores = bench.stores();
    assert_eq!((stores.len(), stores[0].1), (1, minute));
    assert_eq!(stores[0].2.peers().collect::<Vec<_>>(), [&id(1)]);
}

#[test]
fn records_of_nodes_that_stay_are_stored_before_their_minute() {
    let mut bench = Bench::at(v1().build(), early());
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(3600));
    let minute_of = |at: Duration| (early().unix + at).as_secs() / 60;
    let later: Vec<_> = bench.stores().into_iter().filter(|(at, ..)| *at > secs(60)).collect();
    assert!(later.len() >= 15, "{} records in an hour", later.len());
    for (at, minute, _) in later {
        let ahead = minute * 60 - (early().unix + at).as_secs();
        assert!(minute == minute_of(at) + 1 && (4..=20).contains(&ahead), "{ahead} s before minute {minute}");
    }
}

#[test]
fn newcomers_are_not_counted_on() {
    // Five newcomers come every half minute. They are gone before they could have had a turn.
    let mut bench = Bench::at(v1().build(), early());
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(60));
    bench.input(Input::NeighborDown(id(1)));
    bench.forget();
    for round in 0..120u8 {
        let newcomers = (0..5).map(|n| id(10 + (round % 40) * 5 + n));
        newcomers.clone().for_each(|peer| bench.input(Input::NeighborUp(peer)));
        bench.run(secs(30));
        newcomers.for_each(|peer| bench.input(Input::NeighborDown(peer)));
    }
    let minutes: BTreeSet<u64> = bench.stores().iter().map(|(_, minute, _)| *minute).collect();
    assert!(minutes.len() >= 50, "{} of 60 minutes have a record", minutes.len());
}

#[test]
fn a_node_that_stays_stores_again_while_many_newcomers_come() {
    let mut bench = Bench::at(v1().build(), early());
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(4));
    let come = |bench: &mut Bench, round: u8| {
        let three = |round: u8| (0..3).map(move |n| id(10 + round * 3 + n));
        three(round).for_each(|peer| bench.input(Input::NeighborUp(peer)));
        // Those of the round before are killed.
        round.checked_sub(1).into_iter().flat_map(three).for_each(|peer| bench.input(Input::NeighborDown(peer)));
        bench.run(secs(1));
    };
    let of = |bench: &Bench, wanted: Ordering| {
        let order = |(at, minute, _): &(Duration, u64, _)| minute.cmp(&((early().unix + *at).as_secs() / 60));
        bench.stores().iter().filter(|store| order(store) == wanted).count()
    };
    let present = |bench: &Bench| of(bench, Ordering::Equal);
    bench.forget();
    (0..5).for_each(|round| come(&mut bench, round));
    assert_eq!(present(&bench), 0, "the node is a newcomer itself");
    bench.run(secs(5));
    come(&mut bench, 5);
    // No other node that stays could be drawn.
    bench.input(Input::NeighborDown(id(1)));
    // The slots are full, which makes no difference.
    let minute = bench.now.minute();
    for publisher in 200..210 {
        for minute in minute..minute + 3 {
            bench.dht.entry(minute).or_default().push(record(minute, publisher, &[], &[]));
        }
    }
    bench.forget();
    (6..36).for_each(|round| come(&mut bench, round));
    let stores = present(&bench);
    assert!((5..=10).contains(&stores), "{stores} in 30 s");
    let before = of(&bench, Ordering::Less);
    assert!((1..=2).contains(&before), "{before} after a minute's end");
    bench.run(secs(10));
    bench.forget();
    for round in 36..42 {
        come(&mut bench, round);
        bench.run(secs(60));
    }
    bench.forget();
    for _ in 0..20 {
        bench.input(Input::NeighborUp(id(219)));
        bench.input(Input::NeighborDown(id(219)));
    }
    bench.run(secs(2));
    assert_eq!(present(&bench), 0, "a neighbor that comes and goes is no crowd");
    for peer in 220..235 {
        bench.input(Input::NeighborUp(id(peer)));
        bench.run(secs(11));
        bench.input(Input::NeighborDown(id(peer)));
    }
    assert_eq!(present(&bench), 0, "a newcomer now and then is no crowd");
}

/// The minutes that got a record before they began, over an hour in which something happens in each minute's last seconds.
fn opened(mut happens: impl FnMut(&mut Bench)) -> BTreeSet<u64> {
    let mut bench = Bench::at(v1().build(), early());
    bench.input(Input::AddressChanged);
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(44));
    for _ in 0..60 {
        happens(&mut bench);
        bench.run(secs(60));
    }
    let is_early = |(at, minute, _): &(Duration, u64, _)| *minute > (early().unix + *at).as_secs() / 60;
    bench.stores().iter().filter(|store| is_early(store)).map(|(_, minute, _)| *minute).collect()
}

#[test]
fn a_record_that_is_asked_for_costs_no_minute_the_one_before_it() {
    let usual = opened(|_| {});
    assert!(usual.len() >= 15, "{usual:?}");
    let moving = opened(|bench| bench.input(Input::AddressChanged));
    assert_eq!(usual.difference(&moving).collect::<Vec<_>>(), Vec::<&u64>::new());
}

#[test]
fn an_early_record_that_no_node_took_is_tried_again_for_its_minute() {
    let mut bench = Bench::at(v1().build(), early());
    bench.input(Input::AddressChanged);
    bench.input(Input::NeighborUp(id(1)));
    let mut failed = 0;
    for _ in 0..600 {
        bench.forget();
        bench.run(secs(1));
        let present = bench.now.minute();
        let Some((_, minute, _)) = bench.stores().pop().filter(|(_, minute, _)| *minute > present) else { continue };
        bench.forget();
        bench.input(Input::StoreDone { slot: minute, stored: false });
        bench.run(secs(14));
        assert!(bench.stores().iter().any(|(_, again, _)| *again == minute), "{:?}", bench.stores());
        failed += 1;
    }
    assert!(failed >= 3, "{failed}");
}

#[test]
fn a_silent_listener_publishes_nothing() {
    let config = v1()
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
fn the_minute_turns_while_a_slot_is_looked_up() {
    let late = Now { mono: Duration::ZERO, unix: secs(1_750_000_020 + 59) + Duration::from_millis(950) };
    let mut bench = Bench::at(v1().build(), late);
    bench.input(Input::AddressChanged);
    bench.run(secs(3));
    let minutes: Vec<u64> = bench.stores().iter().map(|(_, minute, _)| *minute).collect();
    assert_eq!(minutes, [late.minute() + 1], "the record goes into the minute in which it is stored");
    let looked: BTreeSet<u64> = bench.lookups().iter().map(|(_, minute)| *minute).collect();
    assert!(looked.contains(&(late.minute() + 1)));
}

#[test]
fn without_a_record_on_startup_a_node_without_neighbors_still_becomes_findable() {
    let bootstrap = BootstrapConfig::builder().publish_record_on_startup(false).build();
    let mut bench = Bench::at(v1().bootstrap_config(bootstrap).build(), early());
    bench.run(secs(1));
    assert_eq!(bench.stores(), []);
    bench.run(secs(5));
    assert_eq!(bench.stores().len(), 1);
}

#[test]
fn a_new_address_is_published_within_the_minute() {
    let mut bench = Bench::at(v1().build(), early());
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
fn no_record_is_stored_if_none_is_allowed() {
    let bootstrap = BootstrapConfig::builder().max_bootstrap_records(0).build();
    let config = v1().bootstrap_config(bootstrap).build();
    let mut bench = Bench::at(config, early());
    bench.run(secs(100));
    (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(3600));
    assert_eq!(bench.stores(), []);
}

#[test]
fn the_first_record_goes_out_although_a_neighbor_came_before_it() {
    let mut bench = Bench::at(v1().build(), early());
    bench.run(Duration::from_millis(500));
    (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(2));
    assert_eq!(bench.stores().len(), 1, "at the end of the wait for an address");
}

#[test]
fn a_node_that_held_back_becomes_findable_within_the_minute_when_it_is_alone() {
    let mut bench = crowded();
    bench.input(Input::NeighborUp(id(11)));
    bench.run(secs(15));
    assert_eq!(bench.stores(), [], "a neighbor's record speaks for the slot");
    bench.input(Input::NeighborDown(id(11)));
    bench.run(secs(30));
    let minute = early().minute();
    assert!(bench.stores().iter().any(|(_, stored, _)| *stored == minute), "{:?}", bench.stores());
}

#[test]
fn rare_turns_are_not_shared() {
    let publisher = PublisherConfig::builder().base_interval(secs(300)).max_jitter(Duration::ZERO).build();
    let mut bench = Bench::at(v1().publisher_config(publisher).build(), early());
    (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(3600));
    assert!((11..=13).contains(&bench.stores().len()), "{} records in an hour", bench.stores().len());
}

#[test]
fn tiny_intervals_do_not_make_the_publisher_spin() {
    let publisher =
        PublisherConfig::builder().base_interval(Duration::from_millis(1)).max_jitter(Duration::ZERO).build();
    let mut bench = Bench::at(v1().publisher_config(publisher).build(), early());
    (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    // The bench itself fails after 100,000 calls.
    bench.run(secs(3600));
    assert!(bench.stores().len() <= 61);
}
