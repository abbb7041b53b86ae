//! Many topics between few nodes: everyone joins, every message arrives, and nothing stays behind.
#![cfg(target_os = "linux")]

mod common;

use std::time::{Duration, Instant};

use common::*;
use dtt_core::{Config, Event, Events, JoinOptions, Node, Testnet, Topic};
use futures_util::future::join_all;
use tokio::time::timeout;

/// These tests take all that the machine has.
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

/// Those who joined at once may begin as several swarms of a few, which then merge.
async fn become_whole(members: &mut [Member]) {
    let begin = Instant::now();
    let mut round = 0;
    loop {
        let deaf = deaf(members, 0, &format!("whole {round}"), 5).await;
        println!("{deaf} do not hear the first one after {:?}", begin.elapsed());
        if deaf == 0 {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(180), "the swarms are whole");
        round += 1;
    }
}

fn say_times(what: &str, times: &[Duration]) {
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("{what}: joined after {:?} (median), {:?} (9 of 10), {:?} (all)", at(0.5), at(0.9), at(1.0));
}

async fn meet_and_talk(nodes: u64, topics: usize) {
    let _guard = ONE_AT_A_TIME.lock().await;
    let testnet = Testnet::with_nodes(8).unwrap();
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
    become_whole(&mut members).await;
    let begin = Instant::now();
    for speaker in 0..members.len() {
        everyone_hears(&mut members, speaker, "hello").await;
    }
    println!("every message arrived within {:?}", begin.elapsed());
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
