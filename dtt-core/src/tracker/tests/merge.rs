//! Keeping the swarm whole.

use super::*;
use crate::config::{BubbleMergeConfig, MergeConfig, MessageOverlapMergeConfig, PublisherConfig};

/// A joined tracker with four neighbors that has received `messages`, one each second.
fn hearing(messages: impl Iterator<Item = MessageHash>) -> Bench {
    let mut bench = Bench::at(v1().build(), early());
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
fn the_last_steady_neighbor_is_asked_again() {
    let mut bench = Bench::at(v1().build(), early());
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(70));
    (2..=4).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(5));
    bench.forget();
    bench.input(Input::NeighborDown(id(1)));
    bench.run(secs(10));
    assert_eq!(bench.joins(JoinReason::Bubble)[0].1, [id(1)], "{:?}", bench.log);
    bench.input(Input::NeighborUp(id(1)));
    bench.forget();
    bench.run(secs(30));
    assert!(bench.joins(JoinReason::Bubble).iter().all(|(_, peers)| peers != &[id(1)]), "the neighbor is back");
}

#[test]
fn a_node_joins_two_unknown_peers_if_it_has_few_neighbors_and_looks_nothing_up_if_it_has_enough() {
    let quiet = v1().publisher_config(PublisherConfig::Disabled).build();
    let mut few = Bench::at(quiet.clone(), early());
    few.run(secs(2));
    few.input(Input::NeighborUp(id(1)));
    few.run(secs(20));
    let minute = few.now.minute();
    few = few.with(record(minute, 1, &[0, 2, 3, 4], &[]));
    few.forget();
    few.run(secs(13));
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
fn many_nodes_that_start_at_once_do_not_stay_in_small_groups() {
    let minute = early().minute();
    let found = |bench: Bench| (10..20).fold(bench, |bench, n| bench.with(record(minute, n, &[], &[])));
    // The bootstrap has found the peers, so no lookup is needed.
    let mut pair = found(Bench::at(v1().build(), early()));
    pair.run(Duration::from_millis(150));
    pair.input(Input::NeighborUp(id(10)));
    pair.run(secs(5));
    assert_eq!(pair.joins(JoinReason::Bubble)[0].1.len(), 2);
    assert_eq!(pair.lookups().len(), 2, "the lookups of the bootstrap");
    // A node that looked before the others had published looks once more.
    let mut first = Bench::at(v1().build(), early());
    first.run(Duration::from_millis(150));
    first.input(Input::NeighborUp(id(10)));
    let mut first = found(first);
    first.run(secs(9));
    assert_eq!(first.joins(JoinReason::Bubble)[0].1.len(), 2);
    assert_eq!(first.lookups().len(), 3);
    // Two nodes that are alone in the world look once more too, and then no more.
    let mut two = Bench::at(v1().build(), early());
    two.run(Duration::from_millis(150));
    two.input(Input::NeighborUp(id(10)));
    two.run(secs(9));
    assert_eq!((two.joins(JoinReason::Bubble), two.lookups().len()), (vec![], 3));
}

#[test]
fn after_the_first_check_the_merges_use_the_lookups_of_the_publisher() {
    let mut bench = hearing((0..60).map(numbered));
    let minute = bench.now.minute();
    for minute in minute..minute + 70 {
        bench = bench.with(record(minute, 1, &[], &[]));
    }
    bench.run(secs(120));
    bench.forget();
    bench.run(secs(3600));
    let lookups = bench.lookups().len();
    assert!((5..=20).contains(&lookups), "{lookups} lookups in an hour, with four neighbors");
    assert_eq!(lookups, bench.stores().len(), "each lookup is for a record");
}

#[test]
fn unknown_messages_mark_a_split() {
    let mut bench = hearing((0..180).map(numbered));
    for minute in bench.now.minute()..bench.now.minute() + 30 {
        // Other messages in every minute.
        let said = (minute % 250) as u8;
        bench = bench.with(record(minute, 20, &[21], &[said, said + 1]));
    }
    bench.run(secs(1500));
    let joins = bench.joins(JoinReason::Overlap);
    assert!(!joins.is_empty());
    assert!(joins[0].1.iter().all(|peer| [id(20), id(21)].contains(peer)));
}

#[test]
fn without_messages_a_split_shows_in_the_neighbors_that_records_name() {
    let hour = early().minute()..early().minute() + 70;
    let member = |others: &dyn Fn(u64) -> SeenRecord| {
        let mut bench = hour.clone().fold(Bench::at(v1().build(), early()), |bench, m| bench.with(others(m)));
        bench.input(Input::Received(numbered(1)));
        (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
        bench.run(secs(3600));
        bench.joins(JoinReason::Bubble)
    };
    // The record names six others that are unknown here. A message from before the split tells nothing about the
    // present.
    let said = SeenRecord { hashes: vec![numbered(1)], ..record(0, 20, &[21, 22, 23, 24, 25], &[]) };
    let joins = member(&|minute| SeenRecord { slot: minute, minute, ..said.clone() });
    assert!(joins[0].0 < secs(600) && joins.iter().all(|(_, peers)| peers.len() == 1), "{joins:?}");
    assert!(joins[0].1.iter().all(|peer| (20..=25).any(|n| *peer == id(n))));
    // The record names a neighbor of ours; or it is a newcomer's, which will find us by itself.
    assert_eq!(member(&|minute| record(minute, 20, &[21, 22, 23, 24, 5], &[])), []);
    assert_eq!(member(&|minute| record(minute, 20, &[], &[])), []);
}

/// A member joins nodes that records name, at its first check. Either one of them becomes a neighbor, or none does.
/// Returns how many more nodes it joins soon after that.
fn more_joins(neighbors: u8, somebody_comes: bool) -> usize {
    let minutes = early().minute()..early().minute() + 30;
    let mut bench = minutes.fold(Bench::at(v1().build(), early()), |bench, minute| {
        bench.with(record(minute, 20, &[21, 22], &[])).with(record(minute, 30, &[31, 32], &[]))
    });
    (1..=neighbors).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(20));
    bench.forget();
    while bench.joins(JoinReason::Bubble).is_empty() {
        assert!(bench.now.mono < secs(1200), "nobody is joined");
        bench.run(secs(1));
    }
    if somebody_comes {
        bench.input(Input::NeighborUp(id(99)));
    }
    let lookups = bench.lookups().len();
    bench.run(secs(18));
    assert_eq!(bench.lookups().len(), lookups, "no further lookup is needed");
    bench.joins(JoinReason::Bubble).len() - 1
}

#[test]
fn a_node_that_joined_nodes_that_do_not_exist_tries_others_soon() {
    // A liar's records may keep naming new nodes, more than all other records together.
    assert_eq!(more_joins(3, false), 4);
    assert_eq!(more_joins(3, true), 0, "there are enough neighbors now");
    assert_eq!(more_joins(5, false), 4);
    assert_eq!(more_joins(5, true), 0, "the stranger, or a neighbor of it, is there");
}

#[test]
fn a_heartbeat_of_equal_messages_is_heard_each_time() {
    let mut bench = Bench::at(v1().build(), early());
    (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    for _ in 0..40 {
        bench.input(Input::Received(numbered(1)));
        let minute = bench.now.minute();
        let seen = SeenRecord { hashes: vec![numbered(1)], ..record(minute, 20, &[21, 22], &[]) };
        bench.dht.insert(minute, vec![seen.clone()]);
        bench.dht.insert(minute + 1, vec![SeenRecord { slot: minute + 1, minute: minute + 1, ..seen }]);
        bench.run(secs(60));
    }
    assert_eq!(bench.joins(JoinReason::Bubble), []);
}

#[test]
fn a_message_heard_lately_makes_a_stranger_a_member() {
    let mut bench = Bench::at(v1().build(), early());
    (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    for n in 0..3600 {
        bench.input(Input::Received(numbered(n)));
        let minute = bench.now.minute();
        let seen = SeenRecord { hashes: vec![numbered(n.saturating_sub(20))], ..record(minute, 20, &[21, 22], &[]) };
        bench.dht.insert(minute, vec![seen]);
        bench.run(secs(1));
    }
    assert!(bench.lookups().len() > 10);
    assert_eq!(bench.joins(JoinReason::Bubble), []);
}

#[test]
fn a_busy_topic_does_not_look_split() {
    let mut bench = Bench::at(v1().build(), early());
    (1..=4).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    let start = bench.now;
    // A hundred messages a second. Each minute's record was made at its start, and names the messages of that moment.
    for second in 0..1500u32 {
        for n in 0..100 {
            let hash = numbered(second * 100 + n);
            bench.tracker.handle(bench.now, if n % 10 == 0 { Input::Sent(hash) } else { Input::Received(hash) });
        }
        if (start.unix.as_secs() + u64::from(second)).is_multiple_of(60) {
            let minute = bench.now.minute();
            let hashes = (1..=5).map(|n| numbered(second * 100 + n)).collect();
            let seen = SeenRecord { slot: minute, minute, publisher: id(30), peers: vec![id(31)], hashes };
            bench.dht.insert(minute, vec![seen]);
        }
        bench.run(secs(1));
    }
    assert!(bench.lookups().len() >= 4, "records were compared");
    assert_eq!(bench.joins(JoinReason::Overlap), []);
}

#[test]
fn records_that_cannot_be_judged_mark_no_split() {
    // The node has joined only now: the swarm's last messages are older than that.
    let mut newcomer = Bench::at(v1().build(), early());
    (1..=4).for_each(|n| newcomer.input(Input::NeighborUp(id(n))));
    for minute in early().minute()..early().minute() + 30 {
        newcomer = newcomer.with(record(minute, 20, &[21], &[201]));
    }
    newcomer.run(secs(1500));
    assert_eq!(newcomer.joins(JoinReason::Overlap), []);
    // A record of a neighbor, or of a neighbor's neighbor, is connected whatever messages it names.
    let mut connected = hearing((0..180).map(numbered));
    for minute in connected.now.minute()..connected.now.minute() + 30 {
        connected = connected.with(record(minute, 1, &[40], &[201])).with(record(minute, 41, &[2], &[202]));
    }
    connected.run(secs(1500));
    assert_eq!(connected.joins(JoinReason::Overlap), []);
}

#[test]
fn a_sender_that_received_nothing_since_marks_no_split() {
    // Its record names messages from before this node came: its own messages are not in it. It differs from a split in
    // that it stays the same.
    let mut listener = hearing((0..180).map(numbered));
    for minute in listener.now.minute()..listener.now.minute() + 40 {
        listener = listener.with(record(minute, 50, &[51], &[211, 212, 213, 214, 215]));
    }
    listener.merges_compare_from_now();
    listener.run(secs(2000));
    assert_eq!(listener.joins(JoinReason::Overlap), []);
    // The same holds for messages from a time when this node was away.
    let mut returned = hearing((0..180).map(numbered));
    (1..=4).for_each(|n| returned.input(Input::NeighborDown(id(n))));
    (1..=4).for_each(|n| returned.input(Input::NeighborUp(id(n))));
    for minute in returned.now.minute()..returned.now.minute() + 40 {
        returned = returned.with(record(minute, 60, &[61], &[221]));
    }
    returned.input(Input::Received(numbered(999)));
    returned.run(secs(2000));
    assert_eq!(returned.joins(JoinReason::Overlap), []);
}

#[test]
fn a_message_marks_a_split_only_a_few_times() {
    let mut bench = hearing((0..180).map(numbered));
    bench.run(secs(1800));
    for minute in bench.now.minute()..bench.now.minute() + 300 {
        bench = bench.with(record(minute, 20, &[21], &[201]));
    }
    bench.run(secs(5 * 3600));
    let joins = bench.joins(JoinReason::Overlap).len();
    assert!((1..=5).contains(&joins), "{joins} joins for one strange message in five hours");
}

#[test]
fn disabled_parts_do_nothing() {
    let config = v1()
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

/// A tracker with four neighbors. Two of them go, with `apart` between them, and then two others come.
fn losing_two(apart: Duration) -> Bench {
    let mut bench = Bench::at(v1().build(), early());
    (1..=4).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(60));
    bench.input(Input::NeighborDown(id(1)));
    bench.run(apart);
    bench.input(Input::NeighborDown(id(2)));
    (5..=6).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.forget();
    bench
}

#[test]
fn neighbors_that_went_at_the_same_moment_are_asked_until_one_is_back() {
    let mut bench = losing_two(secs(5));
    bench.run(secs(300));
    let joins = bench.joins(JoinReason::Bubble);
    assert!((7..=15).contains(&joins.len()), "every 20 to 40 s: {joins:?}");
    assert!(joins.iter().all(|(_, peers)| peers.len() == 1 && [id(1), id(2)].contains(&peers[0])), "{joins:?}");
    bench.input(Input::NeighborUp(id(2)));
    bench.forget();
    bench.run(secs(300));
    assert_eq!(bench.joins(JoinReason::Bubble), []);

    let mut in_vain = losing_two(secs(5));
    in_vain.run(secs(16 * 60));
    in_vain.forget();
    in_vain.run(secs(600));
    assert_eq!(in_vain.joins(JoinReason::Bubble), [], "they are given up");

    let mut apart = losing_two(secs(9));
    apart.run(secs(300));
    assert_eq!(apart.joins(JoinReason::Bubble), [], "single neighbors come and go");
}

#[test]
fn neighbors_that_went_are_forgotten_when_a_record_of_this_swarm_names_them() {
    let bench = losing_two(secs(5));
    let minute = bench.now.minute();
    // Records of the minute in which the neighbors went, or of the next one: their publisher may not have noticed yet.
    let mut bench = bench.with(record(minute, 3, &[1, 2], &[])).with(record(minute + 1, 3, &[1, 2], &[]));
    bench.run(secs(100));
    assert!(!bench.joins(JoinReason::Bubble).is_empty());
    let mut bench = (minute + 2..minute + 12).fold(bench, |bench, later| bench.with(record(later, 3, &[1, 2], &[])));
    bench.run(secs(300));
    bench.forget();
    bench.run(secs(300));
    assert_eq!(bench.joins(JoinReason::Bubble), []);
}

#[test]
fn messages_from_before_the_cut_show_nothing() {
    let mut bench = Bench::at(v1().build(), early());
    (1..=4).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(60));
    bench.input(Input::Received([9; 32]));
    (1..=2).for_each(|n| bench.input(Input::NeighborDown(id(n))));
    (5..=6).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    let minute = bench.now.minute();
    // Records of the other side, which repeat the last messages from before the cut.
    let mut bench = (minute..minute + 12).fold(bench, |bench, later| bench.with(record(later, 1, &[2], &[9])));
    bench.run(secs(300));
    bench.forget();
    bench.run(secs(300));
    assert!(!bench.joins(JoinReason::Bubble).is_empty());
}

#[test]
fn a_neighbor_that_comes_and_goes_after_the_cut_changes_nothing() {
    let mut bench = losing_two(secs(5));
    bench.run(secs(60));
    bench.input(Input::NeighborDown(id(5)));
    bench.input(Input::NeighborUp(id(5)));
    bench.forget();
    bench.run(secs(120));
    let joins = bench.joins(JoinReason::Bubble);
    assert!(joins.len() >= 2 && joins.iter().all(|(_, peers)| [id(1), id(2)].contains(&peers[0])), "{joins:?}");
}
