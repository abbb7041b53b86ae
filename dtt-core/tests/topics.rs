//! Many topics between few nodes: everyone joins, every message arrives, and nothing stays behind.
#![cfg(target_os = "linux")]

mod common;

use std::time::{Duration, Instant};

use common::*;
use dtt_core::{
    AutoDiscoveryGossip, Config, Event, Events, JoinOptions, Node, RecordPublisher, SecretKey, Testnet, Topic,
};
use ed25519_dalek::SigningKey;
use futures_util::future::join_all;
use iroh::{
    Endpoint,
    endpoint::{PortmapperConfig, presets},
    protocol::Router,
};
use iroh_gossip::net::Gossip;
use rand::seq::SliceRandom;
use tokio::time::timeout;

/// These tests count what the whole process holds.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A member of every topic, and what it hears on each.
struct Member {
    node: Node,
    topics: Vec<(Topic, Events)>,
}

/// Nodes of one process share a DHT client if their options are the same. Nodes of several processes do not, and these shall be
/// like them.
async fn node_with_a_dht_client_of_its_own(testnet: &Testnet, number: u64) -> Node {
    let dht = Testnet::dht_config_for(testnet.bootstrap());
    let patience = dht.request_timeout() + Duration::from_millis(number);
    let dht = dtt_core::DhtConfig::builder()
        .bootstrap(dht.bootstrap().clone())
        .bind_address(dht.bind_address())
        .request_timeout(patience)
        .build();
    let config =
        Testnet::node_config_for(testnet.bootstrap()).topics(Config::builder().dht_config(dht).build()).build();
    Node::spawn(config).await.expect("a node starts on loopback")
}

async fn open(node: &Node, number: usize) -> (Topic, Events) {
    let topic = node.join(format!("many {number}"), SECRET, JoinOptions::default()).await.expect("a topic opens");
    let events = topic.subscribe();
    (topic, events)
}

impl Member {
    async fn new(testnet: &Testnet, number: u64, topics: usize) -> Self {
        let node = node_with_a_dht_client_of_its_own(testnet, number).await;
        let topics = join_all((0..topics).map(|number| open(&node, number))).await;
        Self { node, topics }
    }
}

async fn members(testnet: &Testnet, nodes: u64, topics: usize) -> Vec<Member> {
    join_all((0..nodes).map(|number| Member::new(testnet, number, topics))).await
}

/// Waits until everyone has a neighbor on every topic; when each had.
async fn all_joined(members: &[Member], limit: u64) -> Vec<Duration> {
    let begin = Instant::now();
    let topics = members.iter().flat_map(|member| &member.topics);
    let joined = topics.map(async |(topic, _)| {
        topic.joined().await.expect("the topic is open");
        begin.elapsed()
    });
    let mut times = within(limit, join_all(joined)).await;
    times.sort();
    times
}

/// One member says something on every topic; how many of the others have not heard it on their topics within these seconds.
async fn deaf(members: &mut [Member], speaker: usize, what: &str, seconds: u64) -> usize {
    let said = |topic: usize| format!("{what} {speaker} {topic}");
    for (number, (topic, _)) in members[speaker].topics.iter().enumerate() {
        topic.broadcast(said(number)).await.expect("the gossip layer takes it");
    }
    let hearers = members.iter_mut().enumerate().filter(|(at, _)| *at != speaker);
    let queues = hearers.flat_map(|(_, member)| member.topics.iter_mut().enumerate());
    let heard = queues.map(async |(number, (_, events))| {
        let said = said(number);
        let hear = async {
            while let Some(event) = events.next().await {
                if matches!(event, Event::Received(message) if message.content == said.as_bytes()) {
                    return;
                }
            }
            panic!("topic {number} ended");
        };
        timeout(Duration::from_secs(seconds), hear).await.is_err()
    });
    join_all(heard).await.into_iter().filter(|deaf| *deaf).count()
}

async fn everyone_hears(members: &mut [Member], speaker: usize, what: &str) {
    assert_eq!(deaf(members, speaker, what, 60).await, 0, "topics on which somebody did not hear {speaker}");
}

/// Those who joined at once may begin as several swarms of a few, which then merge; and who comes back may lose a neighbor for a moment.
async fn become_whole(members: &mut [Member], what: &str) {
    let begin = Instant::now();
    let mut round = 0;
    loop {
        let deaf = deaf(members, 0, &format!("{what} whole {round}"), 5).await;
        if deaf == 0 {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(180), "the swarms are whole");
        round += 1;
    }
}

/// Closes a random half of the topics of one member and opens them again.
async fn reopen_half(member: &mut Member) {
    let mut numbers: Vec<usize> = (0..member.topics.len()).collect();
    numbers.shuffle(&mut rand::rng());
    numbers.truncate(member.topics.len() / 2);
    join_all(numbers.iter().map(|number| member.topics[*number].0.leave())).await;
    for number in numbers {
        member.topics[number] = open(&member.node, number).await;
    }
}

fn say_times(what: &str, times: &[Duration]) {
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("{what}: joined after {:?} (median), {:?} (9 of 10), {:?} (all)", at(0.5), at(0.9), at(1.0));
}

async fn meet_and_talk(nodes: u64, topics: usize) {
    let _guard = ONE_AT_A_TIME.lock().await;
    let testnet = Testnet::with_nodes(8).unwrap();
    let before = Held::now();
    let begin = Instant::now();
    let mut members = members(&testnet, nodes, topics).await;
    let times = all_joined(&members, 240).await;
    say_times(
        &format!("{nodes} nodes, {topics} topics, opened after {:?}", begin.elapsed() - times[times.len() - 1]),
        &times,
    );
    for member in &members {
        let dht = member.node.stats().await.dht;
        let seconds = begin.elapsed().as_secs_f64();
        println!("{:.1} lookups/s, {:.1} stores/s", dht.lookups as f64 / seconds, dht.stores as f64 / seconds);
    }
    become_whole(&mut members, "first").await;
    let begin = Instant::now();
    for speaker in 0..members.len() {
        everyone_hears(&mut members, speaker, "hello").await;
    }
    println!("every message arrived within {:?}", begin.elapsed());
    let grown = Held::now().resident_kib.saturating_sub(before.resident_kib) as f64;
    let each = grown / (nodes * topics as u64) as f64;
    println!("{each:.1} KiB for a topic and node, with their part of the DHT's nodes");
    // What a node needs once, whatever its topics, weighs too much among fewer.
    assert!(topics < 1000 || each < 100.0, "{each:.1} KiB for a topic and node");
    join_all(members.iter().map(|member| member.node.shutdown())).await;
}

/// QUIC lets a peer open 100 streams unless it is told otherwise. The gossip layer needs one for each topic and direction.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_talk_on_three_hundred_topics() {
    meet_and_talk(2, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: make soak"]
async fn two_nodes_talk_on_a_thousand_topics() {
    meet_and_talk(2, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: make soak"]
async fn eight_nodes_talk_on_three_hundred_topics() {
    meet_and_talk(8, 300).await;
}

/// Closing and opening leaves streams, tasks and connections as they were, whatever the gossip layer forgets.
#[test]
#[ignore = "long: make soak"]
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
            // What the first ones leave is what a node needs that has been running for a while.
            if cycle == CYCLES - 1 {
                before = settled(None).await;
            }
        }
        let after = settled(Some(before)).await;
        println!("before {before:?}; after {after:?}");
        assert!(after.threads <= before.threads, "{before:?} {after:?}");
        assert!(after.descriptors <= before.descriptors, "{before:?} {after:?}");
        assert!(after.tasks <= before.tasks + SLACK, "{before:?} {after:?}");
        let grown = after.resident_kib.saturating_sub(before.resident_kib);
        assert!(grown < 10 * 1024, "{grown} KiB more than before: {before:?} {after:?}");
    });
}

/// What is held when connections that nobody needs have been closed, which takes some 15 s; more if it is still above another time's.
async fn settled(than: Option<Held>) -> Held {
    tokio::time::sleep(Duration::from_secs(16)).await;
    let begin = Instant::now();
    let above = |before: Held| {
        let now = Held::now();
        now.threads > before.threads || now.descriptors > before.descriptors || now.tasks > before.tasks + SLACK
    };
    while than.is_some_and(above) && begin.elapsed() < Duration::from_secs(100) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Held::now()
}

/// A program with an endpoint of its own, which allows a peer QUIC's default of 100 streams.
async fn others_topics(testnet: &Testnet, topics: usize) -> (Router, Vec<Topic>) {
    let secret = SecretKey::generate();
    let endpoint = Endpoint::builder(presets::Minimal)
        .secret_key(secret.clone())
        .portmapper_config(PortmapperConfig::Disabled)
        .clear_ip_transports()
        .bind_addr((std::net::Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .bind()
        .await
        .unwrap();
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let router = Router::builder(endpoint.clone()).accept(iroh_gossip::ALPN, gossip.clone()).spawn();
    let config = Config::builder().dht_config(testnet.dht_config()).build();
    let open = (0..topics).map(|number| {
        let key = SigningKey::from_bytes(&secret.to_bytes());
        let publisher = RecordPublisher::builder(format!("many {number}"), key, SECRET)
            .config(config.clone())
            .endpoint(endpoint.clone())
            .build();
        gossip.subscribe_and_join_with_auto_discovery_no_wait(publisher)
    });
    let topics = join_all(open).await.into_iter().map(|topic| topic.expect("a topic opens")).collect();
    (router, topics)
}

/// The gossip layer sends nothing to anybody while it waits for a stream. A peer that allows too few must not silence others.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_allows_too_few_streams_silences_nobody_else() {
    let _guard = ONE_AT_A_TIME.lock().await;
    let testnet = Testnet::with_nodes(8).unwrap();
    let (alice, bob) = (node(&testnet).await, node(&testnet).await);
    let (hers, his) = (join(&alice, "apart").await, join(&bob, "apart").await);
    within(JOIN, async { tokio::try_join!(hers.joined(), his.joined()) }).await.unwrap();
    let _many = join_all((0..200).map(|number| open(&alice, number))).await;
    let (_router, theirs) = others_topics(&testnet, 200).await;
    until("more topics have met than there are streams", async || {
        theirs.iter().filter(|topic| topic.stats().joined > 0).count() > 90
    })
    .await;
    let mut events = his.subscribe();
    for number in 0..20 {
        // A message may wait while the stream is waited for.
        let _ = hers.broadcast(format!("apart {number}")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    hear(&mut events, b"apart 19").await;
}
