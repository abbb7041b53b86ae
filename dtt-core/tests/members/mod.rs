//! Nodes that share many topics, for the tests of `make test` and those of `make soak`.
#![allow(dead_code, unreachable_pub)]

use std::time::{Duration, Instant};

use dtt_core::{Event, Events, JoinOptions, Node, Testnet, Topic, TopicConfig};
use futures_util::future::join_all;
use rand::seq::SliceRandom;
use tokio::time::timeout;

use crate::common::*;

/// These tests count what the whole process holds.
pub static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A member of every topic, with its events on each.
pub struct Member {
    pub node: Node,
    pub topics: Vec<(Topic, Events)>,
}

/// Nodes of one process share a DHT client if their options are the same. Nodes of several processes do not, and the
/// nodes of these tests should be like them.
pub async fn node_with_a_dht_client_of_its_own(testnet: &Testnet, number: u64) -> Node {
    let dht = Testnet::dht_config_for(testnet.bootstrap());
    let patience = dht.request_timeout() + Duration::from_millis(number);
    let dht = dtt_core::DhtConfig::builder()
        .bootstrap(dht.bootstrap().clone())
        .bind_address(dht.bind_address())
        .request_timeout(patience)
        .build();
    let config =
        Testnet::node_config_for(testnet.bootstrap()).topics(TopicConfig::builder().dht_config(dht).build()).build();
    Node::spawn(config).await.expect("a node starts on loopback")
}

pub async fn open(node: &Node, number: usize) -> (Topic, Events) {
    let topic = node.join(format!("many {number}"), SECRET, JoinOptions::default()).await.expect("a topic opens");
    let events = topic.subscribe();
    (topic, events)
}

impl Member {
    pub async fn new(testnet: &Testnet, number: u64, topics: usize) -> Self {
        let node = node_with_a_dht_client_of_its_own(testnet, number).await;
        let topics = join_all((0..topics).map(|number| open(&node, number))).await;
        Self { node, topics }
    }
}

pub async fn members(testnet: &Testnet, nodes: u64, topics: usize) -> Vec<Member> {
    join_all((0..nodes).map(|number| Member::new(testnet, number, topics))).await
}

/// Waits until all members have a neighbor on every topic. Returns when each had one.
pub async fn all_joined(members: &[Member], limit: u64) -> Vec<Duration> {
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

/// One member broadcasts on every topic. Returns on how many topics of the other members the message did not arrive
/// within these seconds.
pub async fn not_received(members: &mut [Member], speaker: usize, what: &str, seconds: u64) -> usize {
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
    join_all(heard).await.into_iter().filter(|missed| *missed).count()
}

pub async fn everyone_hears(members: &mut [Member], speaker: usize, what: &str) {
    assert_eq!(not_received(members, speaker, what, 60).await, 0, "topics on which a message of {speaker} is missing");
}

/// Nodes that join at once may begin as several small swarms, which then merge. A node that comes back may lose a
/// neighbor for a moment.
pub async fn become_whole(members: &mut [Member], what: &str) {
    let begin = Instant::now();
    let mut round = 0;
    loop {
        let missing = not_received(members, 0, &format!("{what} whole {round}"), 5).await;
        if missing == 0 {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(180), "the swarms are whole");
        round += 1;
    }
}

/// Closes a random half of the topics of one member and opens them again.
pub async fn reopen_half(member: &mut Member) {
    let mut numbers: Vec<usize> = (0..member.topics.len()).collect();
    numbers.shuffle(&mut rand::rng());
    numbers.truncate(member.topics.len() / 2);
    join_all(numbers.iter().map(|number| member.topics[*number].0.close())).await;
    for number in numbers {
        member.topics[number] = open(&member.node, number).await;
    }
}

pub fn say_times(what: &str, times: &[Duration]) {
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("{what}: joined after {:?} (median), {:?} (9 of 10), {:?} (all)", at(0.5), at(0.9), at(1.0));
}

pub async fn meet_and_talk(nodes: u64, topics: usize) {
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
    // The fixed cost of a node weighs too much if the topics are fewer.
    assert!(topics < 1000 || each < 100.0, "{each:.1} KiB for a topic and node");
    join_all(members.iter().map(|member| member.node.close())).await;
}
