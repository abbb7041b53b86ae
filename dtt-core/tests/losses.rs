//! Messages that are sent as fast as `broadcast` takes them. A reader that keeps up gets all of them, and one that does
//! not is told how many it missed.

mod common;

use std::time::{Duration, Instant};

use common::*;
use dtt_core::{Event, Events, JoinOptions, Message, Node, Testnet, Topic, TopicConfig, TopicState};

const MESSAGES: u64 = 100_000;

/// Two nodes that are neighbors on a topic.
struct Pair {
    _testnet: Testnet,
    _nodes: [Node; 2],
    topics: [Topic; 2],
}

impl Pair {
    async fn new(name: &str) -> Self {
        let testnet = Testnet::new().unwrap();
        let config = TopicConfig::builder().dht_config(testnet.dht_config()).build();
        let options = || JoinOptions::default().config(config.clone());
        let nodes = [node(&testnet).await, node(&testnet).await];
        let one = nodes[0].join(name, SECRET, options()).await.unwrap();
        let two = nodes[1].join(name, SECRET, options()).await.unwrap();
        within(JOIN, async { tokio::try_join!(one.joined(), two.joined()) }).await.unwrap();
        Self { _testnet: testnet, _nodes: nodes, topics: [one, two] }
    }
}

/// Sends this many messages, each as soon as the one before was taken.
async fn send(topic: &Topic, who: u8, messages: u64) {
    for n in 0..messages {
        // The sender is part of the message: equal messages of two senders would be duplicates.
        let content = [&n.to_le_bytes()[..], &[who]].concat();
        topic.broadcast(content).await.unwrap();
    }
}

fn number(message: &Message) -> u64 {
    u64::from_le_bytes(message.content[..8].try_into().unwrap())
}

/// What a reader received.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    received: u64,
    /// Received messages before which others are missing.
    gaps: u64,
    lagged: Vec<Event>,
}

/// Reads until the last message.
async fn read(mut events: Events, messages: u64) -> Seen {
    let (mut seen, mut next) = (Seen::default(), 0);
    while next < messages {
        let Ok(event) = tokio::time::timeout(Duration::from_secs(20), events.next()).await else {
            panic!("nothing more came after {next}: {seen:?}");
        };
        match event.expect("the topic is open") {
            Event::Received(message) => {
                let n = number(&message);
                seen.received += 1;
                seen.gaps += u64::from(n != next);
                next = n + 1;
            }
            lagged @ Event::Lagged(_) => seen.lagged.push(lagged),
            _ => {}
        }
    }
    seen
}

fn all(messages: u64) -> Seen {
    Seen { received: messages, ..Seen::default() }
}

async fn one_way(name: &str) {
    let pair = Pair::new(name).await;
    let reader = tokio::spawn(read(pair.topics[1].subscribe(), MESSAGES));
    let start = Instant::now();
    within(120, send(&pair.topics[0], 0, MESSAGES)).await;
    let seen = within(120, reader).await.unwrap();
    println!("{name}: {:.0} messages a second", MESSAGES as f64 / start.elapsed().as_secs_f64());
    assert_eq!(seen, all(MESSAGES));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_keeps_up_loses_nothing() {
    one_way("one way").await;
}

#[tokio::test]
async fn a_reader_that_keeps_up_loses_nothing_on_a_single_thread() {
    one_way("one thread").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_send_at_once_lose_nothing() {
    const EACH: u64 = 50_000;
    let pair = Pair::new("both ways").await;
    let [one, two] = &pair.topics;
    let readers = [one, two].map(|topic| tokio::spawn(read(topic.subscribe(), EACH)));
    let start = Instant::now();
    within(120, async { tokio::join!(send(one, 1, EACH), send(two, 2, EACH)) }).await;
    for reader in readers {
        assert_eq!(within(120, reader).await.unwrap(), all(EACH));
    }
    println!("both ways: {:.0} messages a second", 2.0 * EACH as f64 / start.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_told_exactly_how_many_it_missed() {
    let pair = Pair::new("slow").await;
    let mut events = pair.topics[1].subscribe();
    wait_for(&mut events, |event| (event == Event::StateChanged(TopicState::Joined)).then_some(())).await;
    let reader = tokio::spawn(async move {
        let (mut received, mut missed, mut gaps, mut next) = (0, 0, 0, 0);
        while next < MESSAGES {
            match events.next().await.expect("the topic is open") {
                Event::Received(message) => {
                    let n = number(&message);
                    assert!(n == next || n - next == gaps, "{gaps} are said to be missing, {} are", n - next);
                    (received, next, gaps) = (received + 1, n + 1, 0);
                    if received % 1000 == 0 {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                Event::Lagged(lag) => {
                    gaps = lag.expect("the number is known");
                    missed += gaps;
                }
                other => panic!("{other:?}"),
            }
        }
        (received, missed)
    });
    within(120, send(&pair.topics[0], 0, MESSAGES)).await;
    let (received, missed) = within(120, reader).await.unwrap();
    assert!(missed > 0, "the reader was not slow: {received} received");
    assert_eq!(received + missed, MESSAGES);
    let stats = pair.topics[1].stats();
    assert_eq!((stats.lagged, stats.gossip_lagged), (missed, 0));
}
