//! The targets at sizes that take seconds. `make sim` checks all of them.

use super::*;
use crate::{
    network::Partition,
    queue::{MINUTE, SECOND},
    scenario::Arrival,
};

fn scenario(name: &str) -> Scenario {
    Scenario::all().into_iter().find(|scenario| scenario.name == name).expect("it is a scenario")
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    measure::percentile(&figures, 0.5).expect("there are figures")
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let options = |seed: &str| {
        let arguments = ["--runs", "2", "--seed", seed, "at-once-10", "skewed-stream-10"];
        options(arguments.into_iter().map(String::from)).expect("they are options")
    };
    let report = |seed| serde_json::to_string(&simulate(&options(seed))).expect("figures are JSON");
    let first = report("5");
    assert_eq!(first, report("5"));
    assert_ne!(first, report("6"));
}

#[test]
fn a_thousand_nodes_at_once_are_one_component_within_ten_seconds() {
    let scenario = Scenario { duration: MINUTE, ..scenario("at-once-1000") };
    let times = (1..=3).map(|seed| world::run(&scenario, Rules::Dtt, seed).one_component.unwrap_or(f64::INFINITY));
    let median = median(times.collect());
    assert!(median <= 10.0, "the median is {median} s");
}

#[test]
fn a_split_is_healed_within_three_minutes() {
    for groups in [2, 10] {
        let partition = Some((Partition { groups, dht: true }, MINUTE, 4 * MINUTE));
        let scenario =
            Scenario { nodes: 200, partition, duration: 8 * MINUTE, messages: 0.5, ..scenario("split-all-1000") };
        let outcome = world::run(&scenario, Rules::Dtt, 1);
        assert!(outcome.outside > 0.1, "it was split: {outcome:?}");
        assert!(outcome.heal.is_some_and(|seconds| seconds <= 180.0), "{groups} groups: {:?}", outcome.heal);
    }
}

#[test]
fn a_split_of_a_silent_swarm_is_healed_too() {
    for seed in 1..=5 {
        let outcome = world::run(&scenario("split-silent-12"), Rules::Dtt, seed);
        assert!(outcome.heal.is_some_and(|seconds| seconds <= 180.0), "seed {seed}: {:?}", outcome.heal);
    }
}

#[test]
fn a_healthy_swarm_hardly_reads_the_dht() {
    for (name, seeds) in [("at-once-2", 9), ("at-once-10", 3), ("at-once-100", 1)] {
        let scenario = Scenario { duration: 30 * MINUTE, ..scenario(name) };
        let reads = (1..=seeds).filter_map(|seed| world::run(&scenario, Rules::Dtt, seed).healthy_reads);
        let median = median(reads.collect());
        assert!(median <= 0.5, "{name}: {median} reads per node and minute");
    }
}

#[test]
fn a_busy_topic_raises_no_false_alarm_with_our_rules_and_many_with_the_peers() {
    let scenario = Scenario { nodes: 30, duration: 4 * MINUTE, messages: 40.0, ..scenario("busy-200") };
    assert_eq!(world::run(&scenario, Rules::Dtt, 1).false_alarms, 0);
    assert!(world::run(&scenario, Rules::Peer, 1).false_alarms > 10, "the measure can see them");
}

#[test]
fn newcomers_join_whatever_a_squatter_writes() {
    for name in ["squatter-garbage-100", "squatter-ghosts-100", "squatter-mimic-100"] {
        let scenario = Scenario { arrival: Arrival::Stream(3 * MINUTE), duration: 5 * MINUTE, ..scenario(name) };
        let outcome = world::run(&scenario, Rules::Dtt, 1);
        assert_eq!((outcome.never_joined, outcome.one_component.is_some()), (0, true), "{name}");
        assert!(outcome.join_median.is_some_and(|seconds| seconds < 5.0), "{name}: {:?}", outcome.join_median);
    }
}

#[test]
fn churn_leaves_hardly_anyone_outside() {
    let scenario =
        Scenario { nodes: 100, churn: 3.0, duration: 30 * MINUTE, sample: SECOND, runs: 1, ..scenario("churn-1000") };
    let outcome = world::run(&scenario, Rules::Dtt, 1);
    assert!(outcome.outside < 0.05, "{} of the node time is spent outside", outcome.outside);
}

#[test]
fn unknown_options_are_refused() {
    for wrong in [&["--seed"][..], &["--seed", "x"], &["--wrong"], &["nothing"]] {
        assert!(options(wrong.iter().map(|text| text.to_string())).is_err(), "{wrong:?}");
    }
}
