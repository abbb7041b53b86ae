//! Staying findable.

use std::collections::BTreeSet;

use super::*;
use crate::config::{BootstrapConfig, PublisherConfig};

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
    bench.run(secs(2));
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(30));
    assert!(bench.stores().is_empty());
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
fn no_record_on_startup_when_asked_but_a_lonely_node_becomes_findable() {
    let bootstrap = BootstrapConfig::builder().publish_record_on_startup(false).build();
    let mut bench = Bench::at(Config::builder().bootstrap_config(bootstrap).build(), early());
    bench.run(secs(1));
    assert_eq!(bench.stores(), []);
    bench.run(secs(5));
    assert_eq!(bench.stores().len(), 1);
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
