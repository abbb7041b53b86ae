//! Tests with many topics that take minutes: `make soak`.
#![cfg(target_os = "linux")]

mod common;
mod members;

use std::time::{Duration, Instant};

use common::*;
use dtt_core::Testnet;
use members::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_talk_on_a_thousand_topics() {
    meet_and_talk(2, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_nodes_talk_on_three_hundred_topics() {
    meet_and_talk(8, 300).await;
}

/// Closing and opening topics must leave no streams, tasks and connections behind, whatever the gossip layer forgets.
#[test]
fn half_of_the_topics_closed_and_opened_ten_times_leave_nothing_behind() {
    const CYCLES: usize = 10;
    let runtime = runtime();
    runtime.block_on(async {
        let _guard = ONE_AT_A_TIME.lock().await;
        let testnet = Testnet::with_nodes(8).unwrap();
        let mut members = members(&testnet, 2, 150).await;
        all_joined(&members, 240).await;
        let mut before = Held::now();
        for cycle in 0..2 * CYCLES {
            reopen_half(&mut members[cycle % 2]).await;
            all_joined(&members, 240).await;
            become_whole(&mut members, &format!("cycle {cycle}")).await;
            // The first cycles leave what any node holds that has been running for a while.
            if cycle == CYCLES - 1 {
                before = settled(None).await;
            }
        }
        let after = settled(Some(before)).await;
        after.assert_back(&before);
    });
}

/// What is held after unneeded connections have been closed, which takes some 15 s. If it is still more than at the
/// other time, this waits longer.
async fn settled(than: Option<Held>) -> Held {
    tokio::time::sleep(Duration::from_secs(16)).await;
    let begin = Instant::now();
    while than.is_some_and(|before| !Held::now().is_back(&before)) && begin.elapsed() < Duration::from_secs(100) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Held::now()
}
