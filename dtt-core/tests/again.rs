//! Peers that were there before. The gossip layer may remember something about them that is no longer true, and that
//! must not stop it.

mod common;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use common::*;
use dtt_core::{
    CancellationToken, EndpointAddr, Event, Node, NodeConfig, PublisherConfig, Record, RecordPublisher, SecretKey,
    Testnet, Topic, TopicConfig, parse, tracker::SeenRecord, unix_minute,
};
use ed25519_dalek::SigningKey;
use iroh::{Endpoint, endpoint::presets};

/// Pause between two joins of the application, which is not told whether a join had no effect.
const AGAIN: Duration = Duration::from_secs(3);
/// Connections have to stand for longer than two seconds: if two nodes dial each other at the same time, their
/// connections are left alone for that long.
const STOOD: Duration = Duration::from_millis(2500);
/// By then, the members' first records stand.
const PUBLISHED: Duration = Duration::from_secs(6);
/// Others notice after 30 s at the earliest that a member was killed, and look for it then.
const UNNOTICED: u64 = 20;

/// A node without a DHT, so that nobody is found by records: only dials count here.
fn config(key: &SecretKey, port: u16) -> NodeConfig {
    let nowhere = [format!("127.0.0.1:{}", free_port())];
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Testnet::node_config_for(&nowhere).secret_key(key.clone()).bind_addresses(vec![address]).build()
}

async fn alone(key: &SecretKey, port: u16) -> (Node, Topic) {
    let (node, mut topics) = with_topics(key, port, 1).await;
    (node, topics.remove(0))
}

async fn with_topics(key: &SecretKey, port: u16, count: usize) -> (Node, Vec<Topic>) {
    let node = Node::spawn(config(key, port)).await.expect("a node starts on loopback");
    let mut topics = Vec::new();
    for number in 0..count {
        topics.push(join(&node, &format!("again {number}")).await);
    }
    (node, topics)
}

/// Joins a peer until it is a neighbor on both sides.
async fn join_until_met(from: &Topic, to: &Topic, address: EndpointAddr) {
    within(40, async {
        while !from.is_joined() || !to.is_joined() {
            from.join_peers([address.clone()]).await.unwrap();
            let met = async { tokio::try_join!(from.joined(), to.joined()) };
            let _ = tokio::time::timeout(AGAIN, met).await;
        }
    })
    .await;
}

/// A node and its topics on a thread that stops for good when the sender is dropped. From then on the node sends
/// nothing, and it says no goodbye.
fn doomed<F: Future<Output = (Node, Vec<Topic>)>>(
    begin: impl FnOnce() -> F + Send + 'static,
) -> (EndpointAddr, Vec<Topic>, tokio::sync::oneshot::Sender<()>) {
    let (tell, ready) = std::sync::mpsc::channel();
    let (life, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (node, topics) = begin().await;
            tell.send((node.addr(), topics)).unwrap();
            let _ = end.await;
            std::mem::forget(node);
        });
        std::mem::forget(runtime);
    });
    let (address, topics) = ready.recv().unwrap();
    (address, topics, life)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_and_comes_back_with_its_key_is_a_neighbor_again() {
    let key = parse::secret_key(&[0x31; 32]).unwrap();
    let (stays, one) = alone(&SecretKey::generate(), 0).await;
    let mut events = one.subscribe();
    let (address, two, life) = doomed({
        let key = key.clone();
        async move || with_topics(&key, 0, 1).await
    });
    // The side that dialed is the one that does not answer later.
    join_until_met(&one, &two[0], address).await;
    drop(life);
    let (back, three) = alone(&key, 0).await;
    assert!(one.is_joined(), "no node knows yet that the other was killed");
    three.join_peers([stays.addr()]).await.unwrap();
    within(20, three.joined()).await.unwrap();
    for event in [Event::NeighborDown(back.id()), Event::NeighborUp(back.id())] {
        wait_for(&mut events, |other| (other == event).then_some(())).await;
    }
    std::mem::forget(two);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_and_comes_back_has_its_neighbors_on_every_topic_again() {
    const TOPICS: usize = 8;
    let key = parse::secret_key(&[0x33; 32]).unwrap();
    let (stays, standing) = with_topics(&SecretKey::generate(), 0, TOPICS).await;
    let (address, lost, life) = doomed({
        let key = key.clone();
        async move || with_topics(&key, 0, TOPICS).await
    });
    // Each of the two nodes joins the other on half of the topics. On these topics it is the one that does not answer
    // later.
    for (number, (one, two)) in standing.iter().zip(&lost).enumerate() {
        match number % 2 {
            0 => join_until_met(one, two, address.clone()).await,
            _ => join_until_met(two, one, stays.addr()).await,
        }
    }
    tokio::time::sleep(STOOD).await;
    drop(life);
    let (back, topics) = with_topics(&key, 0, TOPICS).await;
    for topic in &topics {
        topic.join_peers([stays.addr()]).await.unwrap();
    }
    within(20, futures_util::future::try_join_all(topics.iter().map(Topic::joined))).await.unwrap();
    for topic in &standing {
        until("the other side counts it as a neighbor as well", async || topic.neighbors().contains(&back.id())).await;
    }
    std::mem::forget(lost);
}

/// On a network of last writers, a slot shows one record, and after a crash that may be the node's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_and_finds_only_its_own_record_dials_the_neighbors_in_it() {
    let testnet = Testnet::new().unwrap();
    let key = parse::secret_key(&[0x34; 32]).unwrap();
    // With an interval of more than a minute, the node takes no turns and publishes as soon as it has joined.
    let interval = Duration::from_secs(61);
    let publisher = PublisherConfig::builder().initial_delay(Duration::ZERO).base_interval(interval).build();
    let config = TopicConfig::builder().dht_config(testnet.dht_config()).publisher_config(publisher).build();
    let nodes = Testnet::node_config_for(testnet.bootstrap()).topics(config.clone());
    let begin = {
        let nodes = nodes.secret_key(key.clone()).build();
        async move || {
            let node = Node::spawn(nodes).await.unwrap();
            let topic = join(&node, "again").await;
            (node, vec![topic])
        }
    };
    let stays = node(&testnet).await;
    let minute = unix_minute(0);
    let one = join(&stays, "again").await;
    until("the node has published", async || one.stats().stores > 0).await;
    let (_, two, life) = doomed(begin.clone());
    within(JOIN, two[0].joined()).await.unwrap();
    // From now on this node neither publishes nor dials.
    stays.pause().await;
    let reader = RecordPublisher::new("again", SigningKey::from_bytes(&[1; 32]), None, SECRET, config);
    let read = async |minute| reader.get_records(minute, CancellationToken::new()).await.unwrap_or_default();
    until("its record names the neighbor, and is the only one", async || {
        let records: Vec<Record> = read(unix_minute(0)).await.into_iter().chain(read(unix_minute(-1)).await).collect();
        let own = |record: &SeenRecord| record.publisher == *key.public().as_bytes();
        let records: Vec<SeenRecord> =
            records.iter().map(|record| SeenRecord::of(record.unix_minute(), record)).collect();
        // When another minute has begun, the neighbor's record is in another slot, which is good enough.
        let alone = records.iter().all(own) || unix_minute(0) != minute;
        alone && records.iter().any(|record| own(record) && !record.peers.is_empty())
    })
    .await;
    drop(life);
    let (_back, three) = begin().await;
    within(JOIN, three[0].joined()).await.unwrap();
    std::mem::forget(two);
}

/// The members of a topic, in the order in which they join. The last record may be that of the one that is killed, and it
/// may name the others without an address.
async fn comes_back_at_once(members: usize, killed: usize) {
    let testnet = Testnet::new().unwrap();
    let key = parse::secret_key(&[0x40 + (members * 8 + killed) as u8; 32]).unwrap();
    let begin = {
        let config = Testnet::node_config_for(testnet.bootstrap()).secret_key(key).build();
        async move || {
            let node = Node::spawn(config).await.unwrap();
            let topic = join(&node, "back").await;
            (node, vec![topic])
        }
    };
    let (mut nodes, mut topics, mut life) = (Vec::new(), Vec::new(), None);
    for place in 0..members {
        if place == killed {
            let (_, mut topic, end) = doomed(begin.clone());
            topics.push(topic.remove(0));
            life = Some(end);
        } else {
            nodes.push(node(&testnet).await);
            topics.push(join(nodes.last().unwrap(), "back").await);
        }
        if place == 0 {
            until("the first record stands", async || topics[0].stats().stores > 0).await;
        } else {
            within(JOIN, topics[place].joined()).await.unwrap();
        }
    }
    tokio::time::sleep(PUBLISHED).await;
    drop(life);
    let (_back, three) = begin().await;
    within(UNNOTICED, three[0].joined()).await.unwrap();
    std::mem::forget(topics);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_two_members_is_killed_and_back_at_once() {
    comes_back_at_once(2, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_members_is_killed_and_back_at_once() {
    comes_back_at_once(2, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_members_is_killed_and_back_at_once() {
    tokio::join!(comes_back_at_once(3, 0), comes_back_at_once(3, 1), comes_back_at_once(3, 2));
}

/// The gossip layer lets go of a connection when one of its topics ends, and dials again for the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_closes_one_topic_stays_a_neighbor_on_another() {
    let (_a, standing) = with_topics(&SecretKey::generate(), 0, 2).await;
    let (b, mut others) = with_topics(&SecretKey::generate(), 0, 2).await;
    for (one, two) in standing.iter().zip(&others) {
        join_until_met(one, two, b.addr()).await;
    }
    tokio::time::sleep(STOOD).await;
    let (mut left, mut stays) = (standing[0].subscribe(), standing[1].subscribe());
    others.remove(0).close().await;
    wait_for(&mut left, |event| (event == Event::NeighborDown(b.id())).then_some(())).await;
    others[0].broadcast("still here").await.unwrap();
    wait_for(&mut stays, |event| {
        assert_ne!(event, Event::NeighborDown(b.id()), "the neighbor is there all the time");
        matches!(event, Event::Received(message) if message.content == "still here").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_a_dial_did_not_reach_is_dialed_again() {
    let (key, port) = (parse::secret_key(&[0x32; 32]).unwrap(), free_port());
    // This endpoint answers, but does not speak the gossip protocol.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let endpoint = Endpoint::builder(presets::Minimal).secret_key(key.clone()).clear_ip_transports();
    let endpoint = endpoint.bind_addr(address).unwrap().alpns(vec![b"other".to_vec()]).bind().await.unwrap();
    let (_a, one) = alone(&SecretKey::generate(), 0).await;
    one.join_peers([EndpointAddr::new(key.public()).with_ip_addr(address)]).await.unwrap();
    within(20, async { endpoint.accept().await.unwrap().await.map(drop).expect_err("no protocol in common") }).await;
    endpoint.close().await;
    drop(endpoint);
    until("its port is free", async || std::net::UdpSocket::bind(address).is_ok()).await;
    let (b, two) = alone(&key, port).await;
    join_until_met(&one, &two, b.addr()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_left_and_joined_again_on_the_same_node_has_its_neighbor_again() {
    let (_a, one) = alone(&SecretKey::generate(), 0).await;
    let (b, first) = alone(&SecretKey::generate(), 0).await;
    let mut events = one.subscribe();
    join_until_met(&one, &first, b.addr()).await;
    first.close().await;
    wait_for(&mut events, |event| (event == Event::NeighborDown(b.id())).then_some(())).await;
    // This join gets no answer, and nobody needs the connection, so it is closed after a while.
    one.join_peers([b.addr()]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let second = join(&b, "again 0").await;
    join_until_met(&one, &second, b.addr()).await;
}
