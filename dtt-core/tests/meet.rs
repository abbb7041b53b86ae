//! Nodes that meet over an embedded DHT and exchange messages, on real sockets.

mod common;

use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Wake},
    time::Duration,
};

use common::*;
use dtt_core::{
    AddressHints, DeliveryScope, Dht, Error, ErrorKind, Event, GossipRecordContent, JoinOptions, Node, NodeConfig,
    Record, RecordContent, Relays, RotationHandle, SecretRotation, Testnet, Topic, TopicConfig, TopicId, TopicState,
    parse, unix_minute,
    wire::{Slot, TopicKeys},
};
use ed25519_dalek::SigningKey;
use iroh::EndpointAddr;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_start_at_once_meet_and_talk_both_ways() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let (one, two) = (join(&a, "meet").await, join(&b, "meet").await);
    let (mut first, mut second) = (one.subscribe(), two.subscribe());
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();

    one.broadcast("to the swarm").await.unwrap();
    hear(&mut second, b"to the swarm").await;
    two.broadcast_neighbors(vec![7; 3]).await.unwrap();
    let scope = wait_for(&mut first, |event| match event {
        Event::Received(message) => {
            assert_eq!(message.content, [7; 3][..]);
            assert_eq!(message.delivered_from, b.id());
            Some(message.scope)
        }
        _ => None,
    })
    .await;
    assert_eq!(scope, DeliveryScope::Neighbors);
    assert_eq!(one.neighbors(), HashSet::from([b.id()]));

    let stats = two.stats();
    assert_eq!((stats.joined, stats.received, stats.sent, stats.neighbors), (1, 1, 1, 1));
    let health = a.stats().await;
    assert_eq!(health.topics, 1);
    assert!(health.dht.routing_table >= 8 && health.dht.lookups_answered > 0, "{health:?}");
    assert!(health.dht.last_success.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_sees_everything_since_the_topic_was_joined() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let (one, two) = (join(&a, "order").await, join(&b, "order").await);
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    two.broadcast("early").await.unwrap();
    until("the message has come", async || one.stats().received == 1).await;

    let mut since_birth = one.subscribe();
    assert_eq!(since_birth.next().await, Some(Event::StateChanged(TopicState::LookingUp)));
    assert_eq!(since_birth.next().await, Some(Event::NeighborUp(b.id())));
    assert_eq!(since_birth.next().await, Some(Event::StateChanged(TopicState::Joined)));
    hear(&mut since_birth, b"early").await;
    let mut from_now = one.subscribe();
    assert_eq!(from_now.next().await, Some(Event::StateChanged(TopicState::Joined)));
    assert_eq!(from_now.next().await, Some(Event::NeighborUp(b.id())));
    assert_eq!(from_now.try_next(), None);

    two.close().await;
    wait_for(&mut from_now, |event| (event == Event::NeighborDown(b.id())).then_some(())).await;
    wait_for(&mut from_now, |event| (event == Event::StateChanged(TopicState::Alone)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_topics_on_one_node_keep_apart() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let mut pairs = Vec::new();
    for n in 0..10 {
        let name = format!("topic {n}");
        pairs.push((join(&a, &name).await, join(&b, &name).await));
    }
    for (n, (one, two)) in pairs.iter().enumerate() {
        within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
        let mut events = two.subscribe();
        let text = format!("only for {n}").into_bytes();
        one.broadcast(text.clone()).await.unwrap();
        hear(&mut events, &text).await;
        assert_eq!(two.stats().received, 1);
    }
    assert_eq!(a.stats().await.topics, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_never_joins() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let one = join(&a, "closed circle").await;
    until("the record stands", async || one.stats().stores > 0).await;
    let options = JoinOptions::default().timeout(Duration::from_secs(5));
    let error = b.join("closed circle", "a guess", options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let text = error.to_string();
    assert!(text.starts_with("join did not finish within 5000 ms: values found: "), "{text}");
    assert!(text.contains("none opens with this secret") && !text.contains("a guess"), "{text}");
    assert_eq!(b.stats().await.topics, 0, "a join that timed out leaves nothing behind");
    assert!(!one.is_joined());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_in_vain_says_how_far_it_came() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let in_vain = async |node: &Node, name: &str, options: JoinOptions| {
        let joined = node.join(name, SECRET, options.timeout(Duration::from_secs(5))).await;
        let error = joined.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        error.to_string()
    };
    let text = in_vain(&a, "nobody else", JoinOptions::default()).await;
    assert!(text.contains("the DHT answers, but no record of another member was found"), "{text}");
    // Between two lookups the topic learns nothing new.
    let before = a.stats().await.dht.lookups_answered;
    let alone = join(&a, "nobody again").await;
    until("a lookup is answered", async || a.stats().await.dht.lookups_answered > before).await;
    let text = alone.joined_within(Duration::ZERO).await.unwrap_err().to_string();
    assert!(text.contains("within 0 ms: the DHT answers, but no record"), "{text}");
    a.pause().await;
    let text = alone.joined_within(Duration::from_millis(10)).await.unwrap_err().to_string();
    assert!(text.ends_with("the node is paused, and does not look for other members until it is resumed"), "{text}");
    a.resume().await;

    // The records name no address, and there is no other way to look one up.
    let config = TopicConfig::builder().dht_config(testnet.dht_config()).address_hints(AddressHints::Off).build();
    let hidden = || JoinOptions::default().config(config.clone());
    let one = a.join("hidden", SECRET, hidden()).await.unwrap();
    until("the record stands", async || one.stats().stores > 0).await;
    let two = b.join("hidden", SECRET, hidden()).await.unwrap();
    let told = async || two.joined_within(Duration::from_millis(10)).await.unwrap_err().to_string();
    until("the dials have failed", async || told().await.contains(" could not be reached")).await;
    let text = told().await;
    assert!(text.contains("records found: "), "{text}");
    assert!(text.contains(", of 1 node, which named no neighbor of its own; "), "{text}");
    assert!(text.contains(" to 1 node: 1 could not be reached; these nodes are gone"), "{text}");

    // A socket that nobody reads stands in for a DHT that is not there.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let bootstrap = [silent.local_addr().unwrap().to_string()];
    let c = Node::spawn(Testnet::node_config_for(&bootstrap).build()).await.unwrap();
    let text = in_vain(&c, "unreachable", JoinOptions::default()).await;
    assert!(text.starts_with("join did not finish within 5000 ms: no DHT node answered"), "{text}");
    assert_eq!(c.stats().await.dht.last_success, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_the_clock_if_others_are_in_another_minute() {
    let testnet = Testnet::new().unwrap();
    let a = node(&testnet).await;
    let dht = Dht::new(&testnet.dht_config());
    let in_vain =
        async |name: &str| join(&a, name).await.joined_within(Duration::from_secs(5)).await.unwrap_err().to_string();
    // Minutes may pass meanwhile.
    for (side, offset, told) in [
        ("ahead", 4, ["is 4 minutes ahead of this", "is 3 minutes ahead of this"]),
        ("behind", -4, ["is 4 minutes old: no member", "is 5 minutes old: no member"]),
    ] {
        let mut text = String::new();
        // On a busy machine, the answers to a topic's only look may come too late. Then another topic looks.
        for attempt in 0..10 {
            let name = format!("{side} {attempt}");
            let keys = TopicKeys::new(TopicId::new(name.as_str()), SECRET, None);
            let keys = keys.minute(unix_minute(offset));
            let content = RecordContent::from_arbitrary(&GossipRecordContent::default()).unwrap();
            let (slot, other) = (keys.slot(), SigningKey::from_bytes(&[7; 32]));
            let record = Record::sign_content(TopicId::new(name.as_str()).hash(), slot.minute(), content, &other);
            let value = keys.seal(&record).unwrap();
            dht.put_mutable(slot.signing_key().clone(), Some(slot.salt().to_vec()), value, Slot::SEQ).await.unwrap();
            text = in_vain(&name).await;
            if text.contains("clock may be off by ") {
                break;
            }
        }
        assert!(told.iter().any(|told| text.contains(told)), "{text}");
        assert!(text.contains("clock may be off by "), "{text}");
    }
    let told = "there is none yet, or it uses another topic name";
    assert!(in_vain("nobody").await.contains(told));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_dialed_remembers_the_address_of_the_other() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    // The records name no address.
    let config = TopicConfig::builder().dht_config(testnet.dht_config()).address_hints(AddressHints::Off).build();
    let hidden = || JoinOptions::default().config(config.clone());
    let one = a.join("hidden", SECRET, hidden()).await.unwrap();
    let two = b.join("hidden", SECRET, hidden()).await.unwrap();
    two.join_peers([a.addr()]).await.unwrap();
    one.joined().await.unwrap();
    until("the address is known", async || a.stats().await.known_addresses == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_with_a_limit_leaves_the_topic_open() {
    let testnet = Testnet::new().unwrap();
    let a = node(&testnet).await;
    let one = join(&a, "first member").await;
    let error = one.joined_within(Duration::from_millis(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let b = node(&testnet).await;
    let two = join(&b, "first member").await;
    let limit = Duration::from_secs(JOIN);
    tokio::try_join!(one.joined_within(limit), two.joined_within(limit)).unwrap();
}

#[derive(Debug)]
struct Shifted;

impl SecretRotation for Shifted {
    fn derive(&self, topic: [u8; 32], minute: u64, secret_hash: [u8; 32]) -> [u8; 32] {
        std::array::from_fn(|i| topic[i] ^ secret_hash[31 - i] ^ minute.to_le_bytes()[i % 8])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_of_the_application_is_used_on_both_sides() {
    let testnet = Testnet::new().unwrap();
    let (a, b, c) = (node(&testnet).await, node(&testnet).await, node(&testnet).await);
    let rotated = || JoinOptions::default().rotation(RotationHandle::new(Shifted));
    let one = a.join("rotated", SECRET, rotated()).await.unwrap();
    let two = b.join("rotated", SECRET, rotated()).await.unwrap();
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    let other = join(&c, "rotated").await;
    until("the default rotation has seen the others' records", async || other.stats().records_refused.sealed > 0).await;
    assert!(!other.is_joined());
}

struct Panics;

impl SecretRotation for Panics {
    fn derive(&self, _: [u8; 32], _: u64, _: [u8; 32]) -> [u8; 32] {
        panic!("a rotation that the application got wrong")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_panics_closes_its_topic_and_nothing_else() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let options = JoinOptions::default().rotation(RotationHandle::new(Panics));
    let broken = a.join("broken", SECRET, options).await.unwrap();
    let error = within(10, broken.joined()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let (one, two) = (join(&a, "sound").await, join(&b, "sound").await);
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_limit_is_exact() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let (one, two) = (join(&a, "size").await, join(&b, "size").await);
    let mut events = two.subscribe();
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    let limit = one.max_message_size();
    assert_eq!(limit, 4057);
    for size in [limit, 0, 1] {
        let content = vec![0xEE; size];
        one.broadcast(content.clone()).await.unwrap();
        hear(&mut events, &content).await;
    }
    for error in [
        one.broadcast(vec![0; limit + 1]).await.unwrap_err(),
        one.broadcast_neighbors(vec![0; limit + 1]).await.unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "message: 4058 bytes, the limit is 4057 bytes");
        assert!(matches!(error, Error::TooLarge { size: 4058, limit: 4057 }));
    }
    one.broadcast("still there").await.unwrap();
    hear(&mut events, b"still there").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_twice_gives_one_topic_with_independent_queues() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let (one, again) = (join(&a, "twice").await, join(&a, "twice").await);
    let two = join(&b, "twice").await;
    let (mut first, mut second, mut third) = (one.subscribe(), one.subscribe(), again.subscribe());
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    two.broadcast("to all three").await.unwrap();
    for events in [&mut first, &mut second, &mut third] {
        hear(events, b"to all three").await;
    }
    assert_eq!(a.stats().await.topics, 1);
    drop((one, first, second));
    two.broadcast("to the one left").await.unwrap();
    hear(&mut third, b"to the one left").await;
    again.close().await;
    while within(5, third.next()).await.is_some() {}
    assert!(third.is_finished());
    let fresh = join(&a, "twice").await;
    within(JOIN, fresh.joined()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_times_out_leaves_the_topic_of_another_caller_open() {
    let testnet = Testnet::new().unwrap();
    let a = node(&testnet).await;
    let impatient = a.join("shared", SECRET, JoinOptions::default().timeout(Duration::from_secs(2)));
    let patient = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        join(&a, "shared").await
    };
    let (refused, topic) = tokio::join!(impatient, patient);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Timeout);
    let b = node(&testnet).await;
    let other = join(&b, "shared").await;
    within(JOIN, async { tokio::try_join!(topic.joined(), other.joined()) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_with_its_key_and_port_meets_others_again() {
    let testnet = Testnet::new().unwrap();
    let port = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let key = parse::secret_key(&[0x21; 32]).unwrap();
    let config =
        || Testnet::node_config_for(testnet.bootstrap()).secret_key(key.clone()).bind_addresses(vec![port]).build();
    let b = node(&testnet).await;
    let two = join(&b, "back").await;
    let mut events = two.subscribe();
    let old = Node::spawn(config()).await.unwrap();
    let first = join(&old, "back").await;
    within(JOIN, first.joined()).await.unwrap();
    wait_for(&mut events, |event| (event == Event::NeighborUp(old.id())).then_some(())).await;
    tokio::join!(old.close(), old.close());
    wait_for(&mut events, |event| (event == Event::NeighborDown(old.id())).then_some(())).await;
    let id = old.id();
    drop((old, first));
    let mut again = None;
    until("the port is free", async || {
        again = Node::spawn(config()).await.ok();
        again.is_some()
    })
    .await;
    let again = again.unwrap();
    let third = join(&again, "back").await;
    within(JOIN, third.joined()).await.unwrap();
    assert_eq!(again.id(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_queues_are_forgotten_even_on_a_quiet_topic() {
    let testnet = Testnet::new().unwrap();
    let a = node(&testnet).await;
    let topic = join(&a, "quiet").await;
    for _ in 0..100 {
        drop(topic.subscribe());
    }
    let kept = topic.subscribe();
    assert_eq!(topic.stats().subscribers, 1);
    drop(kept);
}

#[test]
fn nobody_waits_forever_when_the_runtime_shuts_down() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let testnet = Testnet::new().unwrap();
    let topic = runtime.block_on(async { join(&node(&testnet).await, "doomed").await });
    let mut events = topic.subscribe();
    runtime.shutdown_background();
    let other = tokio::runtime::Runtime::new().unwrap();
    other.block_on(async {
        within(20, async { while events.next().await.is_some() {} }).await;
        assert_eq!(within(20, topic.joined()).await.unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_the_application_knows_need_no_dht() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    // With different secrets, neither node can read the other's records.
    let one = a.join("direct", "secret of a", JoinOptions::default()).await.unwrap();
    let two = b.join("direct", "secret of b", JoinOptions::default()).await.unwrap();
    one.join_peers([b.addr()]).await.unwrap();
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_in_vain_uses_a_better_address_as_soon_as_it_is_known() {
    let (one, two) = (Testnet::new().unwrap(), Testnet::new().unwrap());
    let (a, b) = (node(&one).await, node(&two).await);
    let (first, second) = (join(&a, "address").await, join(&b, "address").await);
    // A socket that never answers.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nowhere = EndpointAddr::new(b.id()).with_ip_addr(silent.local_addr().unwrap());
    first.join_peers([nowhere]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!first.is_joined());
    // The dial would be given up only after 30 s, and only then could another one begin.
    first.join_peers([b.addr()]).await.unwrap();
    within(20, async { tokio::try_join!(first.joined(), second.joined()) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_record_waits_for_the_relay_but_not_forever() {
    let testnet = Testnet::new().unwrap();
    let bootstrap = testnet.bootstrap();
    // No relay listens there.
    let relay = Relays::Custom(vec!["http://127.0.0.1:9".into()]);
    let waits = Node::spawn(Testnet::node_config_for(bootstrap).relays(relay).build()).await.unwrap();
    let topic = join(&waits, "relay").await;
    until("the record has gone out", async || topic.stats().first_store.is_some()).await;
    let wait = TopicConfig::default().bootstrap_config().address_wait();
    let took = topic.stats().first_store.unwrap();
    assert!(took >= wait, "the first record went out after {took:?}, with no relay in it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_topic_and_a_closed_node_say_so() {
    let testnet = Testnet::new().unwrap();
    let a = node(&testnet).await;
    let (topic, again) = (join(&a, "end").await, join(&a, "end").await);
    let mut events = topic.subscribe();
    topic.close().await;
    topic.close().await;
    assert_eq!((topic.state(), again.state()), (None, None), "closing one closes every handle");
    assert_eq!(topic.broadcast("x").await.unwrap_err().to_string(), "the topic is closed");
    assert_eq!(topic.joined().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        within(5, events.next()).await,
        Some(Event::StateChanged(TopicState::LookingUp)),
        "what was queued is kept"
    );
    assert_eq!(within(5, events.next()).await, None);
    assert!(events.is_finished());

    let second = join(&a, "second").await;
    within(10, a.close()).await;
    within(10, a.close()).await;
    assert!(a.is_closed());
    assert_eq!(within(5, second.joined()).await.unwrap_err().kind(), ErrorKind::Closed);
    let error = a.join("third", SECRET, JoinOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the node is closed");
}

/// Is woken when a queue has an event or ends, and reads the state of the topic at once.
struct Looks {
    topic: Topic,
    saw: Mutex<Option<TopicState>>,
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        *self.saw.lock().unwrap() = self.topic.state();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_queue_ends_finds_the_topic_closed() {
    let testnet = Testnet::new().unwrap();
    let a = node(&testnet).await;
    let topic = join(&a, "ends").await;
    let mut events = topic.subscribe();
    assert_eq!(within(5, events.next()).await, Some(Event::StateChanged(TopicState::LookingUp)));
    let looks = Arc::new(Looks { topic: topic.clone(), saw: Mutex::new(topic.state()) });
    let mut next = pin!(events.next());
    assert!(next.as_mut().poll(&mut Context::from_waker(&looks.clone().into())).is_pending());
    within(5, topic.close()).await;
    assert_eq!(within(5, next).await, None);
    assert_eq!(*looks.saw.lock().unwrap(), None, "when its queue ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_configurations_are_refused_at_once() {
    let message = |config: NodeConfig| async move { Node::spawn(config).await.unwrap_err().to_string() };
    let testnet = Testnet::new().unwrap();
    let on = || Testnet::node_config_for(testnet.bootstrap());
    assert_eq!(
        message(on().relays(Relays::Custom(vec![])).build()).await,
        "relays: the list is empty, at least 1 URL is needed; disabled stands for no relay"
    );
    assert!(message(on().relays(Relays::Custom(vec!["::".into()])).build()).await.contains("\"::\" is not an https"));
    assert_eq!(
        message(on().max_message_size(100).build()).await,
        "max_message_size: 100 is given, 512 to 1MiB are possible"
    );
    assert_eq!(
        message(on().topics(TopicConfig::builder().event_capacity(0).build()).build()).await,
        "event_capacity: 0 is given, 1 to 4294967295 are possible"
    );
    let twice = vec![parse::socket_addr("127.0.0.1:0").unwrap(), parse::socket_addr("127.0.0.1:0").unwrap()];
    assert!(message(on().bind_addresses(twice).build()).await.contains("bind_addresses: 2 IPv4 addresses are given"));
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = Node::spawn(on().bind_addresses(vec![taken.local_addr().unwrap()]).build()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bind);
    assert_eq!(Testnet::with_nodes(1).unwrap_err().to_string(), "nodes: 1 is given, 2 to 256 are possible");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_key_makes_the_node_s_id_and_no_secret_is_shown() {
    let testnet = Testnet::new().unwrap();
    let key = parse::secret_key(&[0x5A; 32]).unwrap();
    let a = Node::spawn(Testnet::node_config_for(testnet.bootstrap()).secret_key(key.clone()).build()).await.unwrap();
    assert_eq!(a.id(), key.public());
    let topic = a.join("quiet", "do not show me", JoinOptions::default()).await.unwrap();
    let shown = format!("{a:?} {topic:?} {:?}", topic.subscribe());
    assert!(shown.len() < 500, "a line, not pages: {shown}");
    let hash = dtt_core::wire::secret_hash(b"do not show me");
    for secret in ["do not show me", "5a5a5a5a", "90, 90, 90, 90", &format!("{:?}", &hash[..4])[1..15]] {
        assert!(!shown.to_lowercase().contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_equal_configuration_share_a_dht_client() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    until("both see one client's lookups", async || {
        let _topic = join(&a, "shared").await;
        let (first, second) = (a.stats().await.dht, b.stats().await.dht);
        first.lookups > 0 && first.lookups == second.lookups
    })
    .await;
}
