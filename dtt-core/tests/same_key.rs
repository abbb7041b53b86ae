//! Two processes with one key: both are told, and nobody else can make a node believe that there are two.

mod common;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use common::*;
use dtt_core::{EndpointAddr, Error, Event, Events, Node, SecretKey, Testnet, Topic};
use iroh::endpoint::Connection;
use tokio::net::UdpSocket;

const ALPN: &[u8] = b"dtt/key/1";

/// A node that keeps its key.
async fn with_key(bootstrap: &[String], key: &SecretKey) -> Node {
    Node::spawn(Testnet::node_config_for(bootstrap).secret_key(key.clone()).build()).await.unwrap()
}

/// A node without a DHT.
async fn alone(key: &SecretKey) -> Node {
    with_key(&[format!("127.0.0.1:{}", free_port())], key).await
}

async fn told(events: &mut Events) {
    wait_for(events, |event| (event == Event::KeyInUse).then_some(())).await;
}

/// Nothing of what came says that the key is in use. The topic ends with it, so that nothing can come later.
async fn was_not_told(topic: &Topic, mut events: Events) {
    topic.close().await;
    while let Some(event) = events.next().await {
        assert_ne!(event, Event::KeyInUse);
    }
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
    let key = SecretKey::generate();
    let member = alone(&SecretKey::generate()).await;
    let middle = join(&member, "twins").await;
    let (a, b) = (alone(&key).await, alone(&key).await);
    let (one, two) = (join(&a, "twins").await, join(&b, "twins").await);
    let (mut first, mut second) = (one.subscribe(), two.subscribe());
    one.join_peers([member.addr()]).await.unwrap();
    within(JOIN, middle.joined()).await.unwrap();
    let came = Instant::now();
    two.join_peers([member.addr()]).await.unwrap();
    within(JOIN, async { tokio::join!(told(&mut first), told(&mut second)) }).await;
    println!("both were told after {:.1} s", came.elapsed().as_secs_f64());
}

/// Makes a signature for a connection.
type Forge<'a> = dyn Fn(&Connection) -> [u8; 64] + 'a;

/// What one side of the question signs.
fn signed(connection: &Connection, number: &[u8; 16]) -> Vec<u8> {
    let mut secret = [0; 32];
    connection.export_keying_material(&mut secret, ALPN, number).unwrap();
    [ALPN, &secret, number].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_key_makes_a_node_believe_in_another_process() {
    let (key, number) = (SecretKey::generate(), [7; 16]);
    let node = alone(&key).await;
    let topic = join(&node, "alone").await;
    let events = topic.subscribe();
    let stranger = endpoint_on_loopback().bind().await.unwrap();
    let connect = async || stranger.connect(node.addr(), ALPN).await.unwrap();
    let another = connect().await;
    // The stranger has another key, or has seen what the key signed: something else, or the same on another connection.
    let forgeries: [&Forge; 4] = [
        &|connection| SecretKey::generate().sign(&signed(connection, &number)).to_bytes(),
        &|_| key.sign(b"something").to_bytes(),
        &|_| key.sign(&[ALPN, &number].concat()).to_bytes(),
        &|_| key.sign(&signed(&another, &number)).to_bytes(),
    ];
    for forge in forgeries {
        let connection = connect().await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&[number.as_slice(), &forge(&connection)].concat()).await.unwrap();
        send.finish().unwrap();
        let answer = within(20, receive.read_to_end(64)).await;
        assert!(answer.is_err() || answer.unwrap().is_empty(), "a stranger gets no answer");
    }
    was_not_told(&topic, events).await;

    // With the key and on this connection, it is believed. So the forgeries fail for the right reason.
    let topic = join(&node, "believed").await;
    let connection = connect().await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let right = key.sign(&signed(&connection, &number)).to_bytes();
    send.write_all(&[number.as_slice(), &right].concat()).await.unwrap();
    let mut answer = [0; 16];
    within(20, receive.read_exact(&mut answer)).await.unwrap();
    told(&mut topic.subscribe()).await;
}

/// A hint may lead back to the node, by a way that it does not know as its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_asks_itself_believes_in_no_other_process() {
    let node = alone(&SecretKey::generate()).await;
    let topic = join(&node, "alone").await;
    let events = topic.subscribe();
    let port = node.addr().ip_addrs().next().unwrap().port();
    let forwarder = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let hint = format!("dtt/key/1 {}", forwarder.local_addr().unwrap());

    // The node dials this member, so the member may tell it something.
    let member = endpoint_on_loopback().alpns(vec![iroh_gossip::ALPN.to_vec()]).bind().await.unwrap();
    let address = EndpointAddr::new(member.id()).with_ip_addr(*member.addr().ip_addrs().next().unwrap());
    topic.join_peers([address]).await.unwrap();
    let connection = within(20, async { member.accept().await.unwrap().await.unwrap() }).await;
    connection.send_datagram(hint.into_bytes().into()).unwrap();

    let node_at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (mut asker, mut forwarded, mut buffer) = (None, 0, [0; 2048]);
    // The question is a handshake and two short messages. It ends with a close.
    let forward = async {
        loop {
            let (size, from) = forwarder.recv_from(&mut buffer).await.unwrap();
            let to = if from == node_at { asker.unwrap() } else { node_at };
            asker = if from == node_at { asker } else { Some(from) };
            forwarded += usize::from(from == node_at);
            forwarder.send_to(&buffer[..size], to).await.unwrap();
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(6), forward).await;
    assert!(forwarded >= 3, "the node was asked, and answered: {forwarded} packets");
    was_not_told(&topic, events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_gone_is_asked_for_but_is_no_other_process() {
    let (testnet, key) = (Testnet::new().unwrap(), SecretKey::generate());
    let a = with_key(testnet.bootstrap(), &key).await;
    let one = join(&a, "again").await;
    until("the record stands", async || one.stats().stores > 0).await;
    let address = *a.addr().ip_addrs().next().unwrap();
    a.close().await;
    drop((one, a));
    let mut in_its_place = None;
    until("the port is free", async || {
        in_its_place = UdpSocket::bind(address).await.ok();
        in_its_place.is_some()
    })
    .await;
    let b = with_key(testnet.bootstrap(), &key).await;
    let two = join(&b, "again").await;
    let events = two.subscribe();
    within(JOIN, in_its_place.unwrap().recv(&mut [0; 2048])).await.expect("the node asks there");
    was_not_told(&two, events).await;
}
