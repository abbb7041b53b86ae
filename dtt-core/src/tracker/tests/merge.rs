//! Keeping the swarm whole.

use super::*;
use crate::config::{BubbleMergeConfig, MergeConfig, MessageOverlapMergeConfig, PublisherConfig};

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
