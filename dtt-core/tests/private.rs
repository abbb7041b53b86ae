//! Private topics (protocol version 2) on real sockets: members meet and know who speaks, and nobody else gets in.

mod common;

use std::time::Duration;

use common::*;
use dtt_core::{
    DeliveryScope, Dht, Event, Events, JoinOptions, Message, Node, Protocol, RotationHandle, SecretRotation, Testnet,
    Ticket, Topic,
    options::Options,
    wire::v2::{Period, Root, TopicKeys},
};
use iroh::{EndpointAddr, endpoint::Connection};

const NAME: &str = "private";

fn version(protocol: &str) -> JoinOptions {
    let mut options = Options::new();
    options.set("protocol", protocol).unwrap();
    JoinOptions::default().options(options)
}

fn v2() -> JoinOptions {
    version("v2")
}

async fn join_v2(node: &Node) -> Topic {
    node.join(NAME, SECRET, v2()).await.unwrap()
}

async fn both_joined(one: &Topic, two: &Topic) {
    within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
}

async fn message(events: &mut Events) -> Message {
    wait_for(events, |event| match event {
        Event::Received(message) => Some(message),
        _ => None,
    })
    .await
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_meet_and_each_message_has_its_author() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let (one, two) = (join_v2(&a).await, join_v2(&b).await);
    assert_eq!((one.protocol(), one.id()), (Protocol::V2, two.id()));
    both_joined(&one, &two).await;
    let mut heard = two.subscribe();
    one.broadcast("same").await.unwrap();
    one.broadcast("same").await.unwrap();
    one.broadcast_neighbors("near").await.unwrap();
    let mut sessions = Vec::new();
    for (number, content) in ["same", "same", "near"].into_iter().enumerate() {
        let message = message(&mut heard).await;
        let origin = message.origin.expect("a private topic's messages have an origin");
        assert_eq!(message.content, content.as_bytes());
        assert_eq!((origin.author, origin.number, origin.signed), (a.id(), number as u64, true));
        assert_eq!(message.scope == DeliveryScope::Neighbors, content == "near");
        let age = origin.sent_at.elapsed().unwrap_or_default();
        assert!(age < Duration::from_secs(60), "{age:?}");
        sessions.push(origin.session);
    }
    assert!(sessions.iter().all(|session| *session == sessions[0] && session.abs_diff(now() * 1_000) < 300_000));
    assert_eq!((two.stats().received, two.stats().messages_refused.total()), (3, 0));
    assert_eq!(one.max_message_size(), 3_935);
    one.broadcast(vec![7; 3_935]).await.unwrap();
    assert_eq!(message(&mut heard).await.content.len(), 3_935);
    let error = one.broadcast(vec![7; 3_936]).await.unwrap_err();
    assert_eq!(error.to_string(), "message: 3936 bytes, the limit is 3935 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_joined_again_begins_a_later_session() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let listener = join_v2(&b).await;
    let mut heard = listener.subscribe();
    let mut before = 0;
    for _ in 0..3 {
        let topic = join_v2(&a).await;
        within(JOIN, topic.joined()).await.unwrap();
        topic.broadcast("hello").await.unwrap();
        let origin = message(&mut heard).await.origin.unwrap();
        assert!(origin.session > before && origin.number == 0, "{origin:?} after {before}");
        before = origin.session;
        topic.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_another_topic_and_leaves_no_trace() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let one = join_v2(&a).await;
    let two = b.join(NAME, b"another secret", v2()).await.unwrap();
    assert_ne!(one.id(), two.id());
    until("both have published", async || one.stats().stores > 0 && two.stats().stores > 0).await;
    let error = two.joined_within(Duration::from_secs(3)).await.unwrap_err().to_string();
    assert!(error.contains("no record of another member was found"), "{error}");
    let refused = two.stats().records_refused;
    assert_eq!((two.stats().records_accepted, refused.total()), (0, 0), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_can_be_in_both_versions_of_a_topic_at_once() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let v1 = async |node: &Node| node.join(NAME, SECRET, version("v1")).await.unwrap();
    let old = [v1(&a).await, v1(&b).await];
    let new = [join_v2(&a).await, join_v2(&b).await];
    both_joined(&old[0], &old[1]).await;
    both_joined(&new[0], &new[1]).await;
    let (mut heard_old, mut heard_new) = (old[1].subscribe(), new[1].subscribe());
    old[0].broadcast("old").await.unwrap();
    new[0].broadcast("new").await.unwrap();
    let (old, new) = (message(&mut heard_old).await, message(&mut heard_new).await);
    assert_eq!((&old.content[..], old.origin), (&b"old"[..], None));
    assert_eq!((&new.content[..], new.origin.map(|origin| origin.author)), (&b"new"[..], Some(a.id())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_with_addresses_lets_in_without_a_dht() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let one = join_v2(&a).await;
    let ticket = one.ticket(true).unwrap();
    assert_eq!((ticket.name(), ticket.nodes().len()), (Some(NAME), 1));
    assert_eq!(one.ticket(false).unwrap().nodes(), []);
    drop(testnet);
    let received: Ticket = ticket.to_text().parse().unwrap();
    let two = b.join_ticket(&received, JoinOptions::default()).await.unwrap();
    both_joined(&one, &two).await;
    assert_eq!(two.ticket(false).unwrap(), one.ticket(false).unwrap());
    let mut heard = one.subscribe();
    two.broadcast("by ticket").await.unwrap();
    hear(&mut heard, b"by ticket").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_ticket_is_a_topic_of_its_own() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let ticket = Ticket::random();
    let one = a.join_ticket(&ticket, JoinOptions::default()).await.unwrap();
    let two = b.join_ticket(&ticket, JoinOptions::default()).await.unwrap();
    both_joined(&one, &two).await;
    let v1 = a.join(NAME, SECRET, version("v1")).await.unwrap();
    let error = v1.ticket(false).unwrap_err().to_string();
    assert_eq!(error, "protocol: v1, but only topics of v2 have tickets");
}

/// An outsider's stream to a member, beginning with these 32 bytes, and a request to be a neighbor. Returns whether the
/// member opens a stream in answer.
async fn is_answered(connection: &Connection, header: [u8; 32]) -> bool {
    /// iroh-gossip's request to join, without addresses.
    const JOIN: &[u8] = &[0, 0, 0, 3, 0, 0, 0];
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(&[&32u32.to_be_bytes()[..], &header, JOIN].concat()).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(2), connection.accept_uni()).await;
    answer.is_ok_and(|stream| stream.is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outsider_that_knows_everything_but_the_secret_gets_no_answer() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let topic = join_v2(&a).await;
    let keys = TopicKeys::from_secret(NAME.as_bytes(), SECRET, None).unwrap();
    let other = TopicKeys::new(Root::random(), None);
    assert_eq!(keys.topic_id(), topic.id());
    let outsider = endpoint_on_loopback().bind().await.unwrap();
    let connection = outsider.connect(a.addr(), iroh_gossip::ALPN).await.unwrap();
    let second = outsider.connect(a.addr(), iroh_gossip::ALPN).await.unwrap();
    let exported = |connection: &Connection, opener: &iroh::EndpointId| {
        let mut exported = [0; 32];
        connection.export_keying_material(&mut exported, b"dtt/2 stream", opener.as_bytes()).unwrap();
        exported
    };
    let mine = exported(&connection, &outsider.id());
    let period = |seconds| keys.period(Period::at(seconds));
    for (what, header) in [
        ("the topic id", keys.topic_id().hash()),
        ("the slot's target and noise", [7; 32]),
        ("another topic's proof", other.period(Period::at(now())).stream_proof(&mine)),
        ("a proof of another connection", period(now()).stream_proof(&exported(&second, &outsider.id()))),
        ("a proof of the other direction", period(now()).stream_proof(&exported(&connection, &a.id()))),
        ("a proof of an hour ago", period(now() - 3_600).stream_proof(&mine)),
    ] {
        assert!(!is_answered(&connection, header).await, "{what}");
        assert_eq!(topic.neighbors().len(), 0, "{what}");
    }
    // What iroh-gossip itself sends for this topic id.
    let program = own().await;
    let lookup = iroh::address_lookup::memory::MemoryLookup::new();
    lookup.add_endpoint_info(a.addr());
    program.endpoint.address_lookup().unwrap().add(lookup);
    let mut theirs = program.gossip.subscribe((*keys.topic_id()).into(), vec![a.id()]).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(3), theirs.joined()).await.is_err());
    // With the right proof the same stream is answered, so the refusals above mean something.
    assert!(is_answered(&connection, period(now()).stream_proof(&mine)).await);
    // All of it has kept no member out.
    let two = join_v2(&b).await;
    within(JOIN, two.joined()).await.unwrap();
}

struct Rotates(u8);

impl SecretRotation for Rotates {
    fn derive(&self, topic: [u8; 32], minute: u64, secret_hash: [u8; 32]) -> [u8; 32] {
        let mut secret = secret_hash;
        secret.iter_mut().zip(topic).for_each(|(byte, other)| *byte ^= other ^ self.0);
        secret.iter_mut().zip(minute.to_le_bytes()).for_each(|(byte, other)| *byte ^= other);
        secret
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_the_secret_of_the_rotation_finds_and_hears_nothing() {
    let testnet = Testnet::new().unwrap();
    let (a, b, former) = (node(&testnet).await, node(&testnet).await, node(&testnet).await);
    let rotated = || v2().rotation(RotationHandle::new(Rotates(1)));
    let one = a.join(NAME, SECRET, rotated()).await.unwrap();
    let two = b.join(NAME, SECRET, rotated()).await.unwrap();
    both_joined(&one, &two).await;
    let out = former.join(NAME, SECRET, v2().rotation(RotationHandle::new(Rotates(2)))).await.unwrap();
    let mut heard = out.subscribe();
    // The former member knows where they are, and they are made to dial it as well.
    out.join_peers([a.addr(), b.addr()]).await.unwrap();
    one.join_peers([former.addr()]).await.unwrap();
    for n in 0..20u8 {
        one.broadcast(vec![n]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!out.is_joined() && !one.neighbors().contains(&former.id()));
    let events: Vec<Event> = std::iter::from_fn(|| heard.try_next()).collect();
    assert!(!events.iter().any(|event| matches!(event, Event::Received(_) | Event::NeighborUp(_))), "{events:?}");
    assert_eq!((out.stats().records_accepted, out.stats().received), (0, 0));

    let error = a.join(NAME, SECRET, v2()).await.unwrap_err().to_string();
    assert_eq!(error, "rotation: the topic is open on this node with another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_blocks_the_slot_keeps_nobody_out() {
    let testnet = Testnet::new().unwrap();
    let keys = TopicKeys::from_secret(NAME.as_bytes(), SECRET, None).unwrap();
    let slot = keys.period(Period::at(now())).slot().signing_key().clone();
    let dht = Dht::new(&testnet.dht_config());
    dht.put_mutable(slot, None, b"blocked".to_vec(), i64::MAX).await.unwrap();
    let (a, b) = (node(&testnet).await, node(&testnet).await);
    let (one, two) = (join_v2(&a).await, join_v2(&b).await);
    within(60, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
    assert!(one.stats().records_refused.total() + two.stats().records_refused.total() > 0, "they saw the block");
    let late: EndpointAddr = a.addr();
    assert!(two.neighbors().contains(&late.id));
}
