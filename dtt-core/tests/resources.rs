//! Nothing stays behind: no threads, descriptors, memory and tasks of this process. The tests share the process, one at
//! a time.
#![cfg(target_os = "linux")]

mod common;
mod liar;

use std::time::Duration;

use common::*;
use dtt_core::{JoinOptions, Node, Testnet, TopicStats};
use liar::{Liar, shuffle};

/// These tests count what the whole process holds.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[test]
fn cycles_leave_nothing_behind() {
    // `make soak` asks for hundreds.
    let cycles = std::env::var("DTT_CYCLES").map_or(60, |cycles| cycles.parse().unwrap());
    let runtime = runtime();
    runtime.block_on(async {
        let _guard = ONE_AT_A_TIME.lock().await;
        let testnet = Testnet::with_nodes(8).unwrap();
        let standing = node(&testnet).await;
        let member = join(&standing, "cycle").await;
        let visitor = node(&testnet).await;
        let cycle = async |n: usize| {
            // Every tenth visitor is a node of its own. The others join and leave on one node.
            if n.is_multiple_of(10) {
                let guest = node(&testnet).await;
                let topic = join(&guest, "cycle").await;
                within(JOIN, topic.joined()).await.unwrap();
                guest.close().await;
            } else {
                let topic = visitor.join("cycle", SECRET, JoinOptions::default()).await.unwrap();
                let _events = topic.subscribe();
                if n.is_multiple_of(5) {
                    within(JOIN, topic.joined()).await.unwrap();
                }
                topic.close().await;
            }
        };
        for n in 0..30 {
            cycle(n).await;
        }
        // Connections that nobody needs are closed after 10 s.
        tokio::time::sleep(Duration::from_secs(14)).await;
        let before = Held::now();
        for n in 0..cycles {
            cycle(n).await;
        }
        let start = std::time::Instant::now();
        let mut after = Held::now();
        while start.elapsed() < Duration::from_secs(150) && !after.is_back(&before) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            after = Held::now();
        }
        after.assert_back(&before);
        drop((member, visitor));
    });
}

#[test]
fn when_everything_is_dropped_all_background_work_ends_within_two_seconds() {
    let runtime = runtime();
    runtime.block_on(async {
        let _guard = ONE_AT_A_TIME.lock().await;
        let testnet = Testnet::with_nodes(8).unwrap();
        let before = Held::now();
        let (a, b) = (node(&testnet).await, node(&testnet).await);
        let (one, two) = (join(&a, "drop").await, join(&b, "drop").await);
        let events = one.subscribe();
        within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
        chat(&one, &two).await;
        drop((a, b, one, two));
        assert!(tasks() > before.tasks, "the queue keeps its topic alive");
        drop(events);

        let start = std::time::Instant::now();
        let still = || tasks() > before.tasks || Held::now().descriptors > before.descriptors;
        while still() && start.elapsed() < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!("ended after {:?}", start.elapsed());
        assert!(!still(), "{:?}, {before:?} before", Held::now());
    });
}

#[test]
fn a_topic_keeps_its_node_and_an_ended_topic_frees_its_task_at_once() {
    let runtime = runtime();
    runtime.block_on(async {
        let _guard = ONE_AT_A_TIME.lock().await;
        let testnet = Testnet::with_nodes(8).unwrap();
        let b = node(&testnet).await;
        let two = join(&b, "keep").await;
        let one = {
            let a: Node = node(&testnet).await;
            join(&a, "keep").await
        };
        within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
        let joined = tasks();
        two.close().await;
        until("the topic's task is gone", async || tasks() < joined).await;
    });
}

/// A node that is paused looks up and stores nothing. A topic that is joined meanwhile waits, and messages of the
/// application still go out.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_node_is_silent_and_then_catches_up() {
    let _guard = ONE_AT_A_TIME.lock().await;
    let testnet = Testnet::new().unwrap();
    let (alice, bob) = (node(&testnet).await, node(&testnet).await);
    let hers = join(&alice, "rest").await;
    let his = join(&bob, "rest").await;
    within(JOIN, async { tokio::try_join!(hers.joined(), his.joined()) }).await.unwrap();

    bob.pause().await;
    bob.pause().await;
    assert!(bob.is_paused());
    let late = join(&bob, "late").await;
    let also_late = join(&alice, "late").await;
    let mut events = hers.subscribe();
    his.broadcast("while at rest").await.unwrap();
    hear(&mut events, b"while at rest").await;
    until("alice looks for someone", async || also_late.stats().lookups >= 2).await;
    let before = (his.stats(), late.stats());
    until("alice looks again", async || also_late.stats().lookups >= 6).await;
    let after = (his.stats(), late.stats());
    let work = |stats: &TopicStats| (stats.lookups, stats.stores, stats.dials_bootstrap, stats.dials_bubble);
    assert_eq!((work(&before.0), work(&before.1)), (work(&after.0), work(&after.1)));
    assert_eq!(work(&after.1), (0, 0, 0, 0), "a topic that starts paused has done nothing");
    assert!(!late.is_joined() && his.is_joined());

    bob.resume().await;
    assert!(!bob.is_paused());
    within(JOIN, async { tokio::try_join!(late.joined(), also_late.joined()) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_asks_but_never_reads_fills_no_memory() {
    let _guard = ONE_AT_A_TIME.lock().await;
    let testnet = Testnet::with_nodes(8).unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let (one, two) = (join(&a, "asked").await, join(&b, "asked").await);
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    let liar = Liar::to(&a, 2048).await;
    let mut stream = liar.stream("asked").await;
    let question = shuffle(&liar.endpoint.id());
    let before = Held::now().resident_kib;
    let ask = async {
        let frame = [&(question.len() as u32).to_be_bytes()[..], &question].concat();
        for _ in 0..2000 {
            stream.write_all(&frame.repeat(200)).await?;
        }
        anyhow::Ok(())
    };
    // The node may let go of the peer meanwhile, which is fine.
    let _ = within(120, ask).await;
    let grown = Held::now().resident_kib.saturating_sub(before);
    println!("400,000 questions: {grown} KiB more");
    assert!(grown < 64 * 1024, "{grown} KiB more");
    let mut events = two.subscribe();
    one.broadcast("unmoved").await.unwrap();
    hear(&mut events, b"unmoved").await;
    tokio::join!(a.close(), b.close());
}
