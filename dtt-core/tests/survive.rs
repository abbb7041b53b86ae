//! Troubles that must not stop a topic: hostile slots, a DHT that goes and comes, readers that do not read.

mod common;

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use common::*;
use dtt_core::{
    DhtConfig, EndpointAddr, Event, GossipRecordContent, JoinOptions, Node, NodeConfig, Record, RotationHandle,
    SecretKey, Testnet, Topic, TopicConfig, TopicId, encryption_keypair, unix_minute,
    wire::{RecordContent, Slot, secret_hash},
};
use ed25519_dalek::SigningKey;
use futures_util::StreamExt;
use mainline::{Dht, MutableItem, RequestFilter, RequestSpecific, ServerSettings, async_dht::AsyncDht};

/// Decides which storing node keeps whose values. The client of each squatter has a storing node to itself; everyone
/// else has the other nodes.
#[derive(Debug, Clone)]
struct Keeps {
    node: usize,
    squatters: Arc<Mutex<HashMap<u16, usize>>>,
    reserved: usize,
}

impl RequestFilter for Keeps {
    fn allow_request(&self, request: &RequestSpecific, from: SocketAddrV4) -> bool {
        // The type of a request is not public, but its name in the debug text is.
        let is_put = format!("{:?}", request.request_type).starts_with("Put");
        match self.squatters.lock().unwrap().get(&from.port()) {
            _ if !is_put => true,
            Some(node) => *node == self.node,
            None => self.node >= self.reserved,
        }
    }
}

struct HostileNet {
    nodes: Vec<AsyncDht>,
    bootstrap: Vec<String>,
    squatters: Vec<AsyncDht>,
}

impl HostileNet {
    /// A DHT of 16 nodes in which `reserved` nodes keep the values of one squatter each.
    async fn new(reserved: usize) -> Self {
        let ports: Arc<Mutex<HashMap<u16, usize>>> = Arc::default();
        let (mut nodes, mut bootstrap) = (Vec::new(), Vec::new());
        for node in 0..16 {
            let filter = Box::new(Keeps { node, squatters: ports.clone(), reserved });
            let settings = ServerSettings { filter, ..Default::default() };
            let mut builder = Dht::builder();
            builder.server_mode().server_settings(settings).bind_address(Ipv4Addr::LOCALHOST);
            if node == 0 {
                builder.no_bootstrap()
            } else {
                builder.bootstrap(&bootstrap)
            };
            nodes.push(builder.build().unwrap().as_async());
            if node == 0 {
                bootstrap.push(nodes[0].info().await.local_addr().to_string());
            }
        }
        until("the first node knows the others", async || nodes[0].to_bootstrap().await.len() >= 15).await;
        let mut squatters = Vec::new();
        for node in 0..reserved {
            let mut builder = Dht::builder();
            builder.bootstrap(&bootstrap).bind_address(Ipv4Addr::LOCALHOST).request_timeout(Duration::from_millis(250));
            let client = builder.build().unwrap().as_async();
            let port = client.info().await.local_addr().port();
            ports.lock().unwrap().insert(port, node);
            squatters.push(client);
        }
        Self { nodes, bootstrap, squatters }
    }

    async fn squat(&self, squatter: usize, slot: &Slot, value: Vec<u8>) {
        let item = MutableItem::new(slot.signing_key().clone(), &value, Slot::SEQ, Some(slot.salt()));
        let client = &self.squatters[squatter];
        // On a busy machine, the one node may answer too late. The client stores at the nodes that answered its last
        // lookup, so the next attempt begins with another lookup.
        until("the squatter's value is stored", async || {
            match client.put_mutable(item.clone(), Some(Slot::SEQ)).await {
                Ok(stored) => {
                    assert_eq!(stored.stored_at, 1, "exactly its own node keeps a squatter's value");
                    true
                }
                Err(_) => {
                    client.get_mutable(&slot.public_key(), Some(slot.salt()), None).collect::<Vec<_>>().await;
                    false
                }
            }
        })
        .await;
    }
}

/// A sealed record that an attacker makes.
fn sealed(topic: &str, secret: &[u8], sealed_for: u64, signed_for: u64, key: u8, content: Vec<u8>) -> Vec<u8> {
    let id = TopicId::new(topic);
    let record =
        Record::sign_content(id.hash(), signed_for, RecordContent(content), &SigningKey::from_bytes(&[key; 32]));
    let key = encryption_keypair(&id, &RotationHandle::default(), secret_hash(secret), sealed_for);
    record.encrypt(&key).to_bytes().unwrap()
}

fn dead_peers() -> GossipRecordContent {
    let peers: Vec<[u8; 32]> =
        (100..105).map(|n| SigningKey::from_bytes(&[n; 32]).verifying_key().to_bytes()).collect();
    GossipRecordContent::new(&peers, [])
}

fn bytes_of(content: &GossipRecordContent) -> Vec<u8> {
    RecordContent::from_arbitrary(content).unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_full_of_garbage_do_not_keep_anyone_out() {
    const TOPIC: &str = "besieged";
    let net = HostileNet::new(8).await;
    let now = unix_minute(0);
    for minute in now - 1..=now + 2 {
        let slot = Slot::new(&TopicId::new(TOPIC), minute);
        let empty = bytes_of(&GossipRecordContent::default());
        // Sealed with the key of this topic, but with the record of another topic inside.
        let foreign = {
            let key = encryption_keypair(&TopicId::new(TOPIC), &RotationHandle::default(), secret_hash(SECRET), minute);
            let record =
                Record::sign([9; 32], minute, GossipRecordContent::default(), &SigningKey::from_bytes(&[4; 32]));
            record.unwrap().encrypt(&key).to_bytes().unwrap()
        };
        let forged = {
            let key = encryption_keypair(&TopicId::new(TOPIC), &RotationHandle::default(), secret_hash(SECRET), minute);
            let id = TopicId::new(TOPIC);
            let record =
                Record::sign(id.hash(), minute, GossipRecordContent::default(), &SigningKey::from_bytes(&[4; 32]));
            let mut bytes = record.unwrap().to_bytes();
            bytes[80] ^= 1;
            Record::from_bytes(bytes).unwrap().encrypt(&key).to_bytes().unwrap()
        };
        let broken_hints = [empty.clone(), vec![0xD7, 0x01, 0x02, 200]].concat();
        let values = [
            vec![0xAA; 604],
            vec![0xBB; 1000],
            foreign,
            sealed(TOPIC, b"another secret", minute, minute, 5, empty),
            sealed(TOPIC, SECRET, minute, minute - 5, 6, bytes_of(&dead_peers())),
            forged,
            sealed(TOPIC, SECRET, minute, minute, 7, bytes_of(&dead_peers())),
            sealed(TOPIC, SECRET, minute, minute, 8, broken_hints),
        ];
        let squat = |(squatter, value): (usize, &Vec<u8>)| net.squat(squatter, &slot, value.clone());
        futures_util::future::join_all(values.iter().enumerate().map(squat)).await;
    }
    let config = || Testnet::node_config_for(&net.bootstrap).build();
    let a = Node::spawn(config()).await.unwrap();
    let one = join(&a, TOPIC).await;
    until("the standing node's record is there", async || one.stats().stores > 0).await;
    let b = Node::spawn(config()).await.unwrap();
    let two = join(&b, TOPIC).await;
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    let mut events = two.subscribe();
    one.broadcast("through the siege").await.unwrap();
    hear(&mut events, b"through the siege").await;

    // An answer may come after the neighbor, or belong to another lookup.
    let unseen = || {
        let (refused, stats) = (one.stats().records_refused, one.stats());
        let counts = [
            ("malformed", refused.malformed),
            ("sealed", refused.sealed),
            ("topic", refused.topic),
            ("minute", refused.minute),
            ("signature", refused.signature),
            ("hints", stats.hints_malformed),
        ];
        counts.into_iter().filter(|(_, count)| *count == 0).map(|(what, _)| what).collect::<Vec<_>>()
    };
    let start = std::time::Instant::now();
    while !unseen().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(240), "nothing was refused as {:?}", unseen());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(net.nodes.len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_dead_peers_only_cost_their_turn() {
    const TOPIC: &str = "graveyard";
    let net = HostileNet::new(8).await;
    let now = unix_minute(0);
    for minute in now - 1..=now + 1 {
        let slot = Slot::new(&TopicId::new(TOPIC), minute);
        // Four publishers for each minute, so that the slots still take the records of the living: five would fill a
        // slot.
        for squatter in 0..4 {
            let value = sealed(TOPIC, SECRET, minute, minute, 30 + squatter as u8, bytes_of(&dead_peers()));
            net.squat(squatter, &slot, value).await;
        }
    }
    let config = || Testnet::node_config_for(&net.bootstrap).build();
    let (a, b) = (Node::spawn(config()).await.unwrap(), Node::spawn(config()).await.unwrap());
    let two = join(&b, TOPIC).await;
    until("the dead have been tried", async || two.stats().dials_bootstrap >= 4).await;
    assert!(!two.is_joined());
    let one = join(&a, TOPIC).await;
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
}

/// A small DHT whose first node has a given port.
async fn dht_at(port: u16) -> Vec<AsyncDht> {
    let first = Dht::builder().server_mode().no_bootstrap().port(port).bind_address(Ipv4Addr::LOCALHOST).build();
    let mut nodes = vec![first.unwrap().as_async()];
    for _ in 1..6 {
        let mut builder = Dht::builder();
        builder.server_mode().bootstrap(&[format!("127.0.0.1:{port}")]).bind_address(Ipv4Addr::LOCALHOST);
        nodes.push(builder.build().unwrap().as_async());
    }
    nodes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dht_that_is_not_there_yet_is_found_when_it_comes() {
    let port = free_port();
    let bootstrap = vec![format!("127.0.0.1:{port}")];
    let config = || Testnet::node_config_for(&bootstrap).build();
    let (a, b) = (Node::spawn(config()).await.unwrap(), Node::spawn(config()).await.unwrap());
    let (one, two) = (join(&a, "patience").await, join(&b, "patience").await);
    until("both have asked in vain", async || {
        one.stats().lookups_unanswered >= 2 && two.stats().lookups_unanswered >= 2
    })
    .await;
    assert!(!one.is_joined());
    let _dht = dht_at(port).await;
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_dht_begins_with_an_empty_bootstrap_list() {
    let ports = [free_port(), free_port(), free_port()];
    let first = format!("127.0.0.1:{}", ports[0]);
    let (mut nodes, mut topics) = (Vec::new(), Vec::new());
    for port in ports {
        let bootstrap = if port == ports[0] { vec![] } else { vec![first.clone()] };
        let dht = DhtConfig::builder().bootstrap(Some(bootstrap)).server_mode(true).port(Some(port));
        let dht = dht.bind_address(Some(Ipv4Addr::LOCALHOST)).request_timeout(Duration::from_millis(250)).build();
        let config = Testnet::node_config_for(&[]).topics(TopicConfig::builder().dht_config(dht).build()).build();
        let node = Node::spawn(config).await.unwrap();
        topics.push(join(&node, "own").await);
        // The first node learns of others as they enter, which each does only once in a quarter of an hour, so it has
        // to run before they do.
        until("its DHT node runs", async || node.stats().await.dht.lookups > 0).await;
        nodes.push(node);
    }
    within(JOIN, futures_util::future::try_join_all(topics.iter().map(Topic::joined))).await.unwrap();
    until("the others entered by the first", async || nodes[0].stats().await.dht.routing_table >= 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_on_when_the_dht_is_gone() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let (one, two) = (join(&a, "without").await, join(&b, "without").await);
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    drop(testnet);
    let mut events = two.subscribe();
    for n in 0..20 {
        let text = format!("message {n}").into_bytes();
        one.broadcast(text.clone()).await.unwrap();
        hear(&mut events, &text).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(one.is_joined() && two.is_joined());
}

#[tokio::test(flavor = "multi_thread")]
async fn bootstrap_names_that_do_not_resolve_are_tried_again() {
    let dht = DhtConfig::builder().bootstrap(Some(vec!["no-such-host.invalid:6881".into()]));
    let dht = dht.bind_address(Some(Ipv4Addr::LOCALHOST)).build();
    let testnet = Testnet::new().unwrap();
    let config = Testnet::node_config_for(testnet.bootstrap()).topics(TopicConfig::builder().dht_config(dht).build());
    let a = Node::spawn(config.build()).await.unwrap();
    let topic = join(&a, "nowhere").await;
    until("lookups end unanswered", async || topic.stats().lookups_unanswered >= 4).await;
    until("the store has failed", async || topic.stats().stores_failed >= 1).await;
    within(5, topic.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_never_reads_harms_nobody_and_learns_what_it_missed() {
    const MESSAGES: u64 = 2000;
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let small = TopicConfig::builder().dht_config(testnet.dht_config()).event_capacity(64).build();
    let one = join(&a, "slow").await;
    let two = b.join("slow", SECRET, JoinOptions::default().config(small)).await.unwrap();
    let (mut slow, mut quick) = (two.subscribe(), two.subscribe());
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    let heard = Arc::new(AtomicU64::new(0));
    let reader = tokio::spawn({
        let heard = heard.clone();
        async move {
            while heard.load(Relaxed) < MESSAGES {
                match quick.next().await.expect("the topic is open") {
                    Event::Received(_) => drop(heard.fetch_add(1, Relaxed)),
                    Event::Lagged(n) => panic!("the quick reader missed {n:?}"),
                    _ => {}
                }
            }
        }
    });
    for n in 0..MESSAGES {
        one.broadcast(n.to_le_bytes().to_vec()).await.unwrap();
        // This tests a reader that keeps up, so it gets the time to.
        if n % 16 == 15 {
            until("the messages have come", async || heard.load(Relaxed) > n || reader.is_finished()).await;
        }
    }
    within(60, reader).await.unwrap();

    let missed = match slow.try_next() {
        Some(Event::Lagged(Some(missed))) => missed,
        other => panic!("expected to be told of the lag, not {other:?}"),
    };
    assert_eq!(missed, MESSAGES - 64 + 3, "all but the newest 64, and the three events before them");
    let rest: Vec<u64> = std::iter::from_fn(|| slow.try_next())
        .map(|event| match event {
            Event::Received(message) => u64::from_le_bytes(message.content[..].try_into().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(rest, (MESSAGES - 64..MESSAGES).collect::<Vec<_>>(), "in order, to the newest");
    assert_eq!(two.stats().lagged, missed);
}

/// A node whose close may take long, so that the time it takes shows what it waited for.
fn patient(testnet: &Testnet) -> NodeConfig {
    Testnet::node_config_for(testnet.bootstrap()).close_timeout(Duration::from_secs(30)).build()
}

/// Dialing a peer that has just closed would hold up the end for as long as a handshake waits: 3 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_closes_right_after_its_last_neighbor_does_not_wait_for_it() {
    let testnet = Testnet::new().unwrap();
    let mut waits = Vec::new();
    for pause in [0, 20, 200] {
        for longer in ["the one that knows the other's record", "the one that was found"] {
            let (a, b) = (Node::spawn(patient(&testnet)).await.unwrap(), Node::spawn(patient(&testnet)).await.unwrap());
            let name = format!("closing {pause} {longer}");
            let one = join(&a, &name).await;
            until("the first record stands", async || one.stats().stores > 0).await;
            let two = join(&b, &name).await;
            within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
            chat(&one, &two).await;
            let (first, second) = if longer.contains("knows") { (&a, &b) } else { (&b, &a) };
            first.close().await;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let start = Instant::now();
            second.close().await;
            waits.push((pause, start.elapsed()));
        }
    }
    println!("pause in ms before the second close, and how long that took: {waits:?}");
    assert!(waits.iter().all(|(_, wait)| *wait < Duration::from_secs(2)), "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_that_nobody_answers_does_not_hold_up_a_close_and_neighbors_are_told() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (Node::spawn(patient(&testnet)).await.unwrap(), node(&testnet).await);
    let (one, two) = (join(&a, "telling").await, join(&b, "telling").await);
    let mut events = two.subscribe();
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    chat(&one, &two).await;
    // A socket that nobody reads stands in for a node that is gone.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let gone = EndpointAddr::new(SecretKey::generate().public()).with_ip_addr(silent.local_addr().unwrap());
    one.join_peers([gone]).await.unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    silent.recv(&mut [0; 2048]).expect("the gone node is dialed");
    let start = Instant::now();
    a.close().await;
    let took = start.elapsed();
    println!("the close took {took:?} with a dial under way");
    assert!(took < Duration::from_secs(2), "{took:?}");
    wait_for(&mut events, |event| (event == Event::NeighborDown(a.id())).then_some(())).await;
    let noticed = start.elapsed();
    assert!(noticed < Duration::from_secs(10), "noticed by a time-out after {noticed:?}, without being told");
}

/// Pauses that grew while no DHT node answered say nothing about who is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_dht_that_comes_long_after_the_nodes_is_used_at_once() {
    let port = free_port();
    let config = || Testnet::node_config_for(&[format!("127.0.0.1:{port}")]).build();
    let (one, two) = (Node::spawn(config()).await.unwrap(), Node::spawn(config()).await.unwrap());
    let (one, two) = (join(&one, "late").await, join(&two, "late").await);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let testnet = Testnet::new().unwrap();
    let mut entry = Dht::builder();
    entry.server_mode().port(port).bind_address(Ipv4Addr::LOCALHOST).bootstrap(testnet.bootstrap());
    let entry = entry.build().unwrap().as_async();
    assert!(entry.bootstrapped().await, "the entry node knows the others");
    let came = Instant::now();
    // The promise is 10 s. A busy machine may be a little slower. Without this feature, it could take a minute.
    within(30, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    println!("joined {:.1} s after the DHT came", came.elapsed().as_secs_f64());
}
