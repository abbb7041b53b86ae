//! Pausing while the application is in the background.

use super::*;

fn busy(bench: &Bench) -> bool {
    !(bench.lookups().is_empty() && bench.stores().is_empty() && bench.joins(JoinReason::Bootstrap).is_empty())
}

#[test]
fn a_paused_node_neither_looks_up_nor_stores_nor_dials() {
    let minute = early().minute();
    let mut bench = Bench::at(v1().build(), early()).with(record(minute, 1, &[2], &[]));
    bench.input(Input::Paused);
    bench.forget();
    // An answer that was already on its way changes nothing.
    bench.input(Input::Record(record(minute, 3, &[], &[])));
    bench.input(Input::LookupDone { slot: minute, answered: true });
    bench.input(Input::NetworkChanged);
    bench.input(Input::AddressChanged);
    bench.run(secs(600));
    assert!(!busy(&bench), "{:?}", bench.log);
    assert_eq!(bench.tracker.next_deadline(), None, "nothing wakes the tracker");
}

#[test]
fn neighbors_that_go_and_come_during_a_pause_are_noticed() {
    let mut bench = Bench::at(v1().build(), early());
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(100));
    bench.input(Input::Paused);
    bench.forget();
    bench.input(Input::NeighborDown(id(1)));
    bench.run(secs(100));
    bench.input(Input::NeighborUp(id(2)));
    bench.input(Input::NeighborDown(id(2)));
    assert_eq!(bench.states(), [TopicState::Alone, TopicState::Joined, TopicState::Alone]);
    assert!(!busy(&bench), "{:?}", bench.log);
}

#[test]
fn a_node_that_lost_all_neighbors_looks_at_once_after_the_pause() {
    let mut bench = Bench::at(v1().build(), early());
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(100));
    bench.input(Input::Paused);
    bench.input(Input::NeighborDown(id(1)));
    bench.run(secs(1000));
    let minute = bench.now.minute();
    bench = bench.with(record(minute, 5, &[], &[]));
    bench.forget();
    let since = bench.now.mono;
    bench.input(Input::Resumed);
    bench.run(secs(3));
    assert_eq!(bench.joins(JoinReason::Bootstrap)[0], (since + LATENCY, vec![id(5)]));
    assert!(bench.stores().iter().any(|(_, stored, _)| *stored == minute), "the node can be found again");
}

#[test]
fn a_node_that_still_has_neighbors_publishes_soon_after_the_pause() {
    let mut bench = Bench::at(v1().build(), early());
    bench.run(secs(1));
    bench.input(Input::NeighborUp(id(1)));
    bench.run(secs(100));
    bench.input(Input::Paused);
    bench.run(secs(1000));
    bench.forget();
    bench.input(Input::Resumed);
    bench.run(secs(3));
    assert!(bench.states().is_empty(), "the neighbor stayed");
    assert_eq!(bench.stores()[0].1, bench.now.minute());
}

#[test]
fn pausing_twice_and_resuming_twice_is_fine() {
    let mut bench = Bench::at(v1().build(), early());
    for input in [Input::Paused, Input::Paused, Input::Resumed, Input::Resumed] {
        bench.input(input);
    }
    bench.forget();
    bench.run(secs(5));
    assert!(!bench.tracker.is_paused() && busy(&bench));
}
