//! DHT nodes that lie, next to every slot of a topic. A node that can read an honest record still meets its writer.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod liars;

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use common::*;
use dtt_core::{Node, Testnet, Topic};
use liars::{Liars, Lie};

/// These tests count what the whole process holds, so they run one at a time.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Panics of any thread since the first test, including those that are caught.
static PANICS: LazyLock<&AtomicU64> = LazyLock::new(|| {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        COUNT.fetch_add(1, Ordering::Relaxed);
        usual(panic);
    }));
    &COUNT
});

/// The turn of a test. Until its end, nothing may panic.
struct Turn {
    _guard: tokio::sync::MutexGuard<'static, ()>,
    panics: u64,
}

impl Turn {
    async fn take() -> Self {
        Self { _guard: ONE_AT_A_TIME.lock().await, panics: PANICS.load(Ordering::Relaxed) }
    }

    fn end(self) {
        assert_eq!(PANICS.load(Ordering::Relaxed), self.panics, "something panicked meanwhile");
    }
}

/// A node that enters the DHT by liars as well as by honest nodes.
async fn node_among(testnet: &Testnet, liars: &Liars) -> Node {
    let bootstrap = [&testnet.bootstrap()[..2], &liars.bootstrap()].concat();
    Node::spawn(Testnet::node_config_for(&bootstrap).build()).await.expect("a node starts on loopback")
}

/// A node and its topic.
struct Member {
    node: Node,
    topic: Topic,
}

impl Member {
    async fn join(name: &str, testnet: &Testnet, liars: &Liars) -> Self {
        let node = node_among(testnet, liars).await;
        let topic = join(&node, name).await;
        Self { node, topic }
    }
}

/// Two nodes that start at once and meet in spite of all liars.
async fn two_meet(name: &str, testnet: &Testnet, liars: &Liars) -> [Member; 2] {
    let start = Instant::now();
    let (one, two) = (Member::join(name, testnet, liars).await, Member::join(name, testnet, liars).await);
    within(240, async { tokio::try_join!(one.topic.joined(), two.topic.joined()) }).await.unwrap();
    println!("{name}: met after {:?}", start.elapsed());
    let (asked, questions) = liars.asked();
    println!("{name}: {asked} liars answered {questions} questions; {:?}", two.topic.stats());
    assert!(asked > 0, "no node met a liar");
    [one, two]
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_that_any_dht_node_can_tell_are_not_even_read() {
    let turn = Turn::take().await;
    use Lie::*;
    let lies = [Signature, Key, Salt, Noise, Nested, Types, ReadOnly, Elsewhere, Transaction, Silent];
    let testnet = Testnet::new().unwrap();
    let liars = Liars::start("wire lies", SECRET, &lies, 10).await;
    for member in two_meet("wire lies", &testnet, &liars).await {
        assert_eq!(member.topic.stats().records_refused.total(), 0);
    }
    turn.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_bad_value_is_refused_and_counted() {
    let turn = Turn::take().await;
    use Lie::*;
    let lies = [Oversized, Malformed, Sealed, OtherTopic, OtherMinute, Forged, BadHints];
    let testnet = Testnet::new().unwrap();
    let liars = Liars::start("value lies", SECRET, &lies, 10).await;
    let [_one, two] = two_meet("value lies", &testnet, &liars).await;
    until("every kind has been counted", async || {
        two.node.network_changed().await;
        let (stats, refused) = (two.topic.stats(), two.topic.stats().records_refused);
        let kinds = [refused.malformed, refused.sealed, refused.topic, refused.minute, refused.signature];
        kinds.iter().all(|count| *count > 0) && stats.hints_malformed > 0
    })
    .await;
    turn.end();
}

/// What this process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    threads: usize,
    resident_kib: usize,
}

impl Held {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self { threads: of("Threads:"), resident_kib: of("VmRSS:") }
    }
}

/// Watches a member under a flood for a while. The values that it judges stay within its budget, and what it holds
/// within bounds.
async fn stands_a_flood(name: &str, member: &Member, joined_at: Instant) {
    let before = Held::now();
    let until = Instant::now() + Duration::from_secs(12);
    while Instant::now() < until {
        // Each of these calls makes the member look again at once.
        member.node.network_changed().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (after, stats) = (Held::now(), member.topic.stats());
    let judged = stats.records_refused.total() + stats.records_accepted;
    println!("{name}: {judged} values judged in {:?}; {before:?}, then {after:?}", joined_at.elapsed());
    assert!(judged as f64 <= 256.0 + 200.0 * joined_at.elapsed().as_secs_f64(), "{judged} values judged");
    assert!(after.threads <= before.threads + 8, "{before:?}, then {after:?}");
    assert!(after.resident_kib <= before.resident_kib + 64 * 1024, "{before:?}, then {after:?}");
}

/// A member whose record was stored before anyone lied.
async fn standing_member(name: &str, testnet: &Testnet) -> Member {
    let member = Member::join(name, testnet, &Liars::start(name, SECRET, &[], 0).await).await;
    until("the record stands", async || member.topic.stats().stores > 0).await;
    member
}

/// A newcomer among the liars joins a standing member, and then withstands a flood itself.
async fn newcomer_joins(name: &str, lies: &[Lie], names: usize) {
    let turn = Turn::take().await;
    let testnet = Testnet::new().unwrap();
    let _member = standing_member(name, &testnet).await;
    let liars = Liars::start(name, SECRET, lies, names).await;
    let start = Instant::now();
    let newcomer = Member::join(name, &testnet, &liars).await;
    within(240, newcomer.topic.joined()).await.unwrap();
    let stats = newcomer.topic.stats();
    println!("{name}: met after {:?}; {:?} liars and their answers; {stats:?}", start.elapsed(), liars.asked());
    stands_a_flood(name, &newcomer, start).await;
    assert!(liars.asked().0 > 0, "the newcomer met no liar");
    turn.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_joins_through_a_flood_of_noise() {
    // There are more liars than values that may be judged at once, and each liar names the next ones.
    newcomer_joins("noise", &[Lie::Sealed; 600], 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_joins_through_records_of_nodes_that_do_not_exist() {
    newcomer_joins("inventions", &[Lie::Invented; 14], 14).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_joins_through_hundreds_of_records_of_one_member() {
    newcomer_joins("chatter", &[Lie::Chatter; 200], 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_meet_although_invented_records_fill_every_slot() {
    let turn = Turn::take().await;
    let testnet = Testnet::new().unwrap();
    // Each liar also names as many nodes that do not exist. With 20 of each, no honest node would be among the nearest
    // ones, where stores and lookups go: an attacker that controls a part of the DHT can hide what is stored there.
    let liars = Liars::start("invented", SECRET, &[Lie::Invented; 7], 7).await;
    two_meet("invented", &testnet, &liars).await;
    turn.end();
}
