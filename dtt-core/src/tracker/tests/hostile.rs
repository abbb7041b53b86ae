//! Neighbors, members and clocks that are hostile or broken.

use super::*;

fn bytes_of(n: u64) -> PeerId {
    let mut id = [9; 32];
    id[..8].copy_from_slice(&n.to_le_bytes());
    id
}

#[test]
fn a_neighbor_that_comes_and_goes_makes_us_neither_read_nor_dial_more() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute, 5, &[6, 7, 8], &[]));
    bench.run(secs(10));
    bench.forget();
    for _ in 0..200 {
        bench.input(Input::NeighborUp(id(1)));
        bench.run(Duration::from_millis(50));
        bench.input(Input::NeighborDown(id(1)));
        bench.run(Duration::from_millis(50));
    }
    let lookups = bench.lookups().len();
    assert!(lookups <= 12, "{lookups} lookups in 20 s");
    let dials = bench.joins(JoinReason::Bootstrap).len();
    assert!(dials <= 12, "{dials} dials in 20 s of the 4 nodes that the record names");
    bench.forget();
    bench.run(secs(15));
    assert!(!bench.lookups().is_empty(), "the search goes on when that has ended");
}

#[test]
fn a_flooded_slot_shuts_no_honest_record_out() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early());
    for n in 0..1000 {
        let flood = SeenRecord { slot: minute, minute, publisher: bytes_of(n), peers: Vec::new(), hashes: Vec::new() };
        bench.input(Input::Record(flood));
    }
    bench.input(Input::Record(record(minute, 1, &[], &[])));
    assert!(bench.tracker.core.slots.records(minute).iter().any(|known| known.publisher == id(1)));
    let footprint = bench.tracker.footprint();
    assert!(footprint.records <= 64 && footprint.peers < 400, "{footprint:?}");
}

#[test]
fn records_that_lead_nowhere_do_not_keep_us_unfindable() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early());
    for n in 0..20 {
        bench = bench.with(record(minute, n + 10, &[n + 40, n + 80], &[]));
    }
    bench.run(secs(3));
    assert!(bench.stores().is_empty(), "at first the node believes the records");
    bench.run(secs(22));
    assert_eq!(bench.stores()[0].1, minute, "no neighbor came, so the record goes out in the same minute");
}

#[test]
fn peers_that_were_not_dialed_yet_come_before_peers_that_were_dialed_in_vain() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early());
    for n in 0..40 {
        bench = bench.with(record(minute, n + 10, &[n + 60, n + 110], &[]));
    }
    bench.run(secs(11));
    let in_vain = bench.joins(JoinReason::Bootstrap);
    assert!(in_vain.len() > 20, "a round of dials: {}", in_vain.len());
    bench = bench.with(record(minute, 1, &[], &[]));
    bench.forget();
    bench.run(secs(20));
    let joins = bench.joins(JoinReason::Bootstrap);
    let found = joins.iter().position(|(_, peers)| peers == &[id(1)]).expect("the member is dialed");
    let again = joins[..found].iter().filter(|(_, peers)| in_vain.iter().any(|(_, before)| before == peers)).count();
    assert!(again * 4 <= found, "{again} of the {found} dials before it");
}

#[test]
fn a_liar_that_keeps_inventing_nodes_does_not_take_every_dial() {
    let minute = early().minute();
    let member = record(minute, 1, &[], &[]);
    let mut bench = Bench::at(v1().build(), early());
    // The member's first dial fails. From then on, each lookup shows the member and a hundred nodes that were never
    // heard of.
    for second in 0..45 {
        let inventions = (0..17).map(|n| SeenRecord {
            publisher: bytes_of(1000 * second + n),
            peers: (1..=5).map(|at| bytes_of(1_000_000 * at + 1000 * second + n)).collect(),
            ..member.clone()
        });
        bench.dht.insert(minute, inventions.chain([member.clone()]).collect());
        bench.run(secs(1));
    }
    let joins = bench.joins(JoinReason::Bootstrap);
    let of_member = joins.iter().filter(|(_, peers)| peers == &[id(1)]).count();
    assert!((3..=8).contains(&of_member), "{of_member} of {} dials in 45 s", joins.len());
}

#[test]
fn a_publisher_of_ever_new_records_fills_no_memory() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early());
    for n in 0..1000 {
        let peers = (1..=5).map(|at| bytes_of(n * 5 + at)).collect();
        bench.input(Input::Record(SeenRecord { slot: minute, minute, publisher: id(1), peers, hashes: Vec::new() }));
    }
    let footprint = bench.tracker.footprint();
    assert!(footprint.records == 1 && footprint.peers < 300, "{footprint:?}");
}

#[test]
fn a_clock_that_is_set_again_and_again_leaves_few_lookups_under_way() {
    let mut bench = Bench::at(v1().build(), early());
    for _ in 0..500 {
        bench.now.unix += secs(3600);
        bench.tracker.handle_timeout(bench.now);
        bench.drain();
    }
    let lookups = bench.lookups().len();
    assert!(lookups <= 16, "{lookups} lookups without an answer");
    bench.run(secs(120));
    assert!(bench.lookups().len() > lookups, "the search goes on when they have ended");
}

#[test]
fn a_neighbor_that_comes_and_goes_does_not_keep_us_from_others() {
    for (up, down) in [(50, 7000), (50, 50), (5000, 1000)] {
        let minute = early().minute();
        let mut bench = (minute..minute + 8)
            .fold(Bench::at(v1().build(), early()), |bench, minute| bench.with(record(minute, 5, &[6, 7, 8], &[])));
        bench.run(secs(2));
        bench.forget();
        let end = bench.now.mono + secs(300);
        while bench.now.mono < end {
            bench.input(Input::NeighborUp(id(1)));
            bench.run(Duration::from_millis(up));
            bench.input(Input::NeighborDown(id(1)));
            bench.run(Duration::from_millis(down));
        }
        let (lookups, dials) = (bench.lookups().len(), bench.joins(JoinReason::Bootstrap).len());
        assert!(lookups >= 4, "{up} ms up, {down} ms down: {lookups} lookups in five minutes");
        assert!(dials >= 4, "{up} ms up, {down} ms down: {dials} dials of others in five minutes");
    }
}

#[test]
fn a_liar_that_copies_messages_does_not_silence_a_swarm() {
    let first = early().minute();
    let copied = |minute: u64, n: u8| SeenRecord { hashes: vec![[77; 32]], ..record(minute, n, &[n + 10], &[]) };
    let records = (first..first + 1500).flat_map(|minute| (11..=15).map(move |n| copied(minute, n)));
    let mut bench = records.fold(Bench::at(v1().build(), early()), Bench::with);
    bench.input(Input::Received([77; 32]));
    (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(24 * 3600));
    assert!((4..=60).contains(&bench.stores().len()), "{} records in a day", bench.stores().len());
}

#[test]
fn a_stranger_that_stays_one_is_tried_a_few_times() {
    // The stranger sends messages but names none: a publisher does not name its own messages.
    let first = early().minute();
    let mut bench = (first..first + 200)
        .fold(Bench::at(v1().build(), early()), |bench, minute| bench.with(record(minute, 30, &[31, 32, 33], &[])));
    (1..=5).for_each(|n| bench.input(Input::NeighborUp(id(n))));
    bench.run(secs(3 * 3600));
    let joins = bench.joins(JoinReason::Bubble).len();
    assert!((3..=12).contains(&joins), "{joins} joins in three hours");
}
