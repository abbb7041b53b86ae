//! The gossip layer of a node: topics that share connections do not affect each other, and peers that lie harm nobody
//! else.

mod common;
mod liar;

use std::time::Duration;

use common::*;
use dtt_core::{Event, Events, Node, Testnet, Topic, TopicId};
use futures_util::future::join_all;
use liar::{FAREWELL, JOIN_MESSAGE, Liar, say};

/// Two nodes that are neighbors on this many topics.
struct Pair {
    nodes: [Node; 2],
    topics: Vec<[Topic; 2]>,
    _testnet: Testnet,
}

impl Pair {
    async fn new(topics: usize) -> Self {
        let testnet = Testnet::with_nodes(8).unwrap();
        let nodes = [node(&testnet).await, node(&testnet).await];
        let names = (0..topics).map(async |n| {
            let name = format!("apart {n}");
            let pair = [join(&nodes[0], &name).await, join(&nodes[1], &name).await];
            within(JOIN, async { tokio::try_join!(pair[0].joined(), pair[1].joined()) }).await.unwrap();
            pair
        });
        let topics = join_all(names).await;
        Self { nodes, topics, _testnet: testnet }
    }
}

/// Reads the events that are there. Returns whether a neighbor went.
fn lost_a_neighbor(events: &mut Events) -> bool {
    std::iter::from_fn(|| events.try_next()).any(|event| matches!(event, Event::NeighborDown(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_many_topics_at_once_ends_them_for_the_peer_and_disturbs_no_other_topic() {
    let pair = Pair::new(40).await;
    let mut theirs: Vec<Events> = pair.topics.iter().map(|[_, two]| two.subscribe()).collect();
    let (left, kept) = pair.topics.split_at(20);
    join_all(left.iter().map(|[one, _]| one.close())).await;
    for ([_, two], n) in left.iter().zip(0..) {
        until(&format!("{n} knows"), async || two.neighbors().is_empty()).await;
    }
    for ([one, two], events) in kept.iter().zip(&mut theirs[20..]) {
        one.broadcast("still here").await.unwrap();
        let heard = wait_for(events, |event| match event {
            Event::Received(message) if &message.content[..] == b"still here" => Some(true),
            Event::NeighborDown(_) => Some(false),
            _ => None,
        });
        assert!(heard.await, "a topic that stays lost its neighbor");
        assert!(two.is_joined());
    }
    assert!(!theirs[20..].iter_mut().any(lost_a_neighbor), "no neighbor goes afterwards");
    join_all(pair.nodes.iter().map(Node::close)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_sent_just_before_leaving_arrive() {
    for round in 0..10 {
        let pair = Pair::new(1).await;
        let [one, two] = &pair.topics[0];
        let mut events = two.subscribe();
        for n in 0..100 {
            one.broadcast(format!("{round} {n}")).await.unwrap();
        }
        // Half of the rounds close the node as well.
        if round % 2 == 0 {
            one.close().await
        } else {
            pair.nodes[0].close().await
        }
        for n in 0..100 {
            hear(&mut events, format!("{round} {n}").as_bytes()).await;
        }
        pair.nodes[1].close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbor_that_reads_nothing_holds_up_its_topic_for_a_while_and_no_other() {
    let pair = Pair::new(2).await;
    let [slow, other] = [&pair.topics[0], &pair.topics[1]];
    let liar = Liar::to(&pair.nodes[0], 2048).await;
    let mut stream = liar.stream("apart 0").await;
    say(&mut stream, JOIN_MESSAGE).await;
    until("the liar is a neighbor", async || slow[0].neighbors().len() == 2).await;

    let mut events = slow[1].subscribe();
    let one = slow[0].clone();
    // More messages than may wait for a neighbor: the last ones are sent only when the liar has been let go.
    let sent = tokio::spawn(async move {
        let mut refused = 0;
        for n in 0..400_u32 {
            while one.broadcast([&n.to_be_bytes()[..], &[7; 1000]].concat()).await.is_err() {
                refused += 1;
            }
        }
        refused
    });
    let mut theirs = other[1].subscribe();
    for n in 0..100 {
        other[0].broadcast(format!("quick {n}")).await.unwrap();
        hear(&mut theirs, format!("quick {n}").as_bytes()).await;
    }
    assert!(!sent.is_finished(), "the liar's topic waits for it");
    for n in 0..400_u32 {
        let right =
            |event| matches!(event, Event::Received(message) if message.content[..4] == n.to_be_bytes()).then_some(());
        wait_for(&mut events, right).await;
    }
    within(60, sent).await.unwrap();
    assert_eq!(slow[0].neighbors().len(), 1, "the liar was let go");
    // The last stream tells it so, whenever it reads.
    let mut told = Vec::new();
    while !told.ends_with(FAREWELL) {
        let mut stream = within(30, liar.connection.accept_uni()).await.unwrap();
        told = within(30, stream.read_to_end(1 << 21)).await.unwrap_or_default();
    }
    join_all(pair.nodes.iter().map(Node::close)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_gives_up_a_join_is_nobodys_neighbor() {
    let pair = Pair::new(1).await;
    let testnet = Testnet::with_nodes(4).unwrap();
    let [one, two] = &pair.topics[0];
    for _ in 0..20 {
        let other = node(&testnet).await;
        let topic = join(&other, "apart 0").await;
        topic.join_peers([pair.nodes[0].addr()]).await.unwrap();
        topic.close().await;
        until("only the other member is a neighbor", async || one.neighbors().len() == 1 && two.neighbors().len() == 1)
            .await;
        other.close().await;
    }
    join_all(pair.nodes.iter().map(Node::close)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_connection_are_read_in_their_order() {
    let pair = Pair::new(1).await;
    let [one, _] = &pair.topics[0];
    let liar = Liar::to(&pair.nodes[0], 65_536).await;
    let mut first = liar.stream("apart 0").await;
    say(&mut first, JOIN_MESSAGE).await;
    until("the liar is a neighbor", async || one.neighbors().len() == 2).await;
    let mut second = liar.stream("apart 0").await;
    say(&mut second, FAREWELL).await;
    let mut third = liar.stream("apart 0").await;
    say(&mut third, JOIN_MESSAGE).await;
    // Messages on the first stream count before those on the others.
    for _ in 0..10 {
        say(&mut first, JOIN_MESSAGE).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(one.neighbors().len(), 2, "the farewell is not read yet");
    }
    let mut events = one.subscribe();
    first.finish().unwrap();
    wait_for(&mut events, |event| matches!(event, Event::NeighborDown(id) if id == liar.endpoint.id()).then_some(()))
        .await;
    second.finish().unwrap();
    wait_for(&mut events, |event| matches!(event, Event::NeighborUp(id) if id == liar.endpoint.id()).then_some(()))
        .await;
    join_all(pair.nodes.iter().map(Node::close)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_topic_are_bounded() {
    let pair = Pair::new(1).await;
    let [one, two] = &pair.topics[0];
    let liar = Liar::to(&pair.nodes[0], 65_536).await;
    let mut held = Vec::new();
    while let Ok(Ok(mut stream)) = tokio::time::timeout(Duration::from_secs(1), liar.connection.open_uni()).await {
        let header = [&32_u32.to_be_bytes()[..], &TopicId::new("apart 0").hash()].concat();
        if stream.write_all(&header).await.is_err() || held.len() > 20_000 {
            break;
        }
        held.push(stream);
    }
    within(30, liar.connection.closed()).await;
    assert!(held.len() >= 64, "a member may open some: {}", held.len());
    let mut events = two.subscribe();
    one.broadcast("unmoved").await.unwrap();
    hear(&mut events, b"unmoved").await;
    join_all(pair.nodes.iter().map(Node::close)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_ends_the_connection_of_its_sender_and_no_other() {
    let pair = Pair::new(1).await;
    let [one, two] = &pair.topics[0];
    let nonsense: [(&str, &[u8]); 4] = [
        ("bytes that are no message", &[0, 0, 0, 2, 9, 9]),
        ("a message that is too long", &[0, 0, 0x10, 0x01]),
        ("a length of four gigabytes", &[0xff; 4]),
        ("an empty message", &[0; 4]),
    ];
    for (what, bytes) in nonsense {
        let liar = Liar::to(&pair.nodes[0], 65_536).await;
        let mut stream = liar.stream("apart 0").await;
        stream.write_all(bytes).await.unwrap();
        within(30, liar.connection.closed()).await;
        assert!(one.is_joined() && two.is_joined(), "{what}");
    }
    for header in [&[0, 0, 0, 3, 1, 2, 3][..], &[0, 0, 0, 33], &[0xff; 8]] {
        let liar = Liar::to(&pair.nodes[0], 65_536).await;
        let mut stream = liar.connection.open_uni().await.unwrap();
        stream.write_all(header).await.unwrap();
        stream.finish().unwrap();
        if header.len() != 4 {
            within(30, liar.connection.closed()).await;
        }
    }
    let mut events = two.subscribe();
    one.broadcast("unmoved").await.unwrap();
    hear(&mut events, b"unmoved").await;
    join_all(pair.nodes.iter().map(Node::close)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_unknown_topics_are_bounded_and_serve_when_the_topic_is_joined() {
    let testnet = Testnet::with_nodes(4).unwrap();
    let node = node(&testnet).await;
    let liar = Liar::to(&node, 65_536).await;
    let mut early = liar.stream("later").await;
    say(&mut early, JOIN_MESSAGE).await;
    let later = join(&node, "later").await;
    until("the earlier stream serves", async || {
        say(&mut early, JOIN_MESSAGE).await;
        later.is_joined()
    })
    .await;

    let flood = async {
        for n in 0..10_000 {
            let mut stream = liar.connection.open_uni().await?;
            stream.write_all(&32_u32.to_be_bytes()).await?;
            stream.write_all(&TopicId::new(format!("foreign {n}")).hash()).await?;
            // The stream stays open.
            std::mem::forget(stream);
        }
        anyhow::Ok(())
    };
    // All of them may be under way before the node has counted them.
    let _ = within(60, flood).await;
    within(30, liar.connection.closed()).await;
    node.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_message_of_any_limit_arrives() {
    let testnet = Testnet::with_nodes(4).unwrap();
    for max in [4096, 16_422, 16_423, 16_424, 65_536, 1_048_576] {
        let config = || Testnet::node_config_for(testnet.bootstrap()).max_message_size(max).build();
        let (a, b) = (Node::spawn(config()).await.unwrap(), Node::spawn(config()).await.unwrap());
        let name = format!("largest {max}");
        let (one, two) = (join(&a, &name).await, join(&b, &name).await);
        within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
        let mut events = two.subscribe();
        let content = vec![7; one.max_message_size()];
        one.broadcast(content.clone()).await.unwrap();
        hear(&mut events, &content).await;
        tokio::join!(a.close(), b.close());
    }
}
