//! Two processes with one key: both are told, and nobody else can make a node believe it.

mod common;

use std::time::{Duration, Instant};

use common::*;
use dtt_core::{Error, Event, Events, Node, SecretKey, Testnet};

/// A node that keeps its key.
async fn with_key(bootstrap: &[String], key: &SecretKey) -> Node {
    Node::spawn(Testnet::node_config_for(bootstrap).secret_key(key.clone()).build()).await.unwrap()
}

async fn told(events: &mut Events) {
    wait_for(events, |event| (event == Event::KeyInUse).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_one_key_learn_of_each_other_from_a_record() {
    let (testnet, key) = (Testnet::new().unwrap(), SecretKey::generate());
    let (a, b) = (with_key(testnet.bootstrap(), &key).await, with_key(testnet.bootstrap(), &key).await);
    let one = join(&a, "twins").await;
    until("the first one's record stands", async || one.stats().stores > 0).await;
    let (came, two) = (Instant::now(), join(&b, "twins").await);
    let (mut first, mut second) = (one.subscribe(), two.subscribe());
    within(JOIN, async { tokio::join!(told(&mut first), told(&mut second)) }).await;
    println!("both were told after {:.1} s", came.elapsed().as_secs_f64());
    match two.joined_within(Duration::from_millis(10)).await {
        Err(Error::NotJoined { why, .. }) => assert!(why.starts_with("another process uses this node's key"), "{why}"),
        other => panic!("{other:?}"),
    }
    // A subscriber and a topic that come later are told, too.
    told(&mut one.subscribe()).await;
    told(&mut join(&a, "another topic").await.subscribe()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_one_key_learn_of_each_other_from_a_common_neighbor() {
    let (nowhere, key) = ([format!("127.0.0.1:{}", free_port())], SecretKey::generate());
    let member = with_key(&nowhere, &SecretKey::generate()).await;
    let middle = join(&member, "twins").await;
    let (a, b) = (with_key(&nowhere, &key).await, with_key(&nowhere, &key).await);
    let (one, two) = (join(&a, "twins").await, join(&b, "twins").await);
    let (mut first, mut second) = (one.subscribe(), two.subscribe());
    one.join_peers([member.addr()]).await.unwrap();
    within(JOIN, middle.joined()).await.unwrap();
    let came = Instant::now();
    two.join_peers([member.addr()]).await.unwrap();
    within(JOIN, async { tokio::join!(told(&mut first), told(&mut second)) }).await;
    println!("both were told after {:.1} s", came.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_key_makes_a_node_believe_in_another_process() {
    let (nowhere, key) = ([format!("127.0.0.1:{}", free_port())], SecretKey::generate());
    let node = with_key(&nowhere, &key).await;
    let topic = join(&node, "alone").await;
    let mut events = topic.subscribe();
    let stranger = endpoint_on_loopback().bind().await.unwrap();
    for signature in [[0; 64], SecretKey::generate().sign(b"something").to_bytes(), key.sign(b"something").to_bytes()] {
        let connection = stranger.connect(node.addr(), b"dtt/key/1").await.unwrap();
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&[[7; 16].as_slice(), &signature].concat()).await.unwrap();
        send.finish().unwrap();
        let answer = within(20, receive.read_to_end(64)).await;
        assert!(answer.is_err() || answer.unwrap().is_empty(), "a stranger gets no answer");
    }
    assert_eq!(events.try_next(), Some(Event::StateChanged(dtt_core::TopicState::LookingUp)));
    assert_eq!(events.try_next(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_process_that_is_gone_is_no_other_process() {
    let (testnet, key) = (Testnet::new().unwrap(), SecretKey::generate());
    let a = with_key(testnet.bootstrap(), &key).await;
    let one = join(&a, "again").await;
    until("the record stands", async || one.stats().stores > 0).await;
    a.close().await;
    let b = with_key(testnet.bootstrap(), &key).await;
    let two = join(&b, "again").await;
    let mut events = two.subscribe();
    until("the lookups have ended, and a record was stored", async || two.stats().stores > 0).await;
    // The question is given up after 3 s.
    tokio::time::sleep(Duration::from_secs(4)).await;
    while let Some(event) = events.try_next() {
        assert_ne!(event, Event::KeyInUse);
    }
}
