//! Many topics between few nodes: all nodes join, every message arrives, and nothing stays behind.
#![cfg(target_os = "linux")]

mod common;
mod members;

use std::time::Duration;

use common::*;
use dtt_core::{AutoDiscoveryGossip, RecordPublisher, Testnet, Topic, TopicConfig};
use futures_util::future::join_all;
use members::*;

/// By default, QUIC lets a peer open 100 streams. The gossip layer needs one for each topic and direction.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_talk_on_three_hundred_topics() {
    meet_and_talk(2, 300).await;
}

/// Topics of a program whose endpoint allows too few streams for them.
async fn others_topics(testnet: &Testnet, topics: usize) -> (Own, Vec<Topic>) {
    let own = own().await;
    let config = TopicConfig::builder().dht_config(testnet.dht_config()).build();
    let open = (0..topics).map(|number| {
        let publisher = RecordPublisher::builder(format!("many {number}"), own.key.clone(), SECRET)
            .config(config.clone())
            .endpoint(own.endpoint.clone())
            .build();
        own.gossip.subscribe_and_join_with_auto_discovery_no_wait(publisher)
    });
    let topics = join_all(open).await.into_iter().map(|topic| topic.expect("a topic opens")).collect();
    (own, topics)
}

/// While the gossip layer waits for a stream, it sends nothing to anybody. A peer that allows too few streams must not
/// silence others.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_allows_too_few_streams_silences_nobody_else() {
    let _guard = ONE_AT_A_TIME.lock().await;
    let testnet = Testnet::with_nodes(8).unwrap();
    let (alice, bob) = (node(&testnet).await, node(&testnet).await);
    let (hers, his) = (join(&alice, "apart").await, join(&bob, "apart").await);
    within(JOIN, async { tokio::try_join!(hers.joined(), his.joined()) }).await.unwrap();
    let _many = join_all((0..200).map(|number| open(&alice, number))).await;
    let (_own, theirs) = others_topics(&testnet, 200).await;
    until("more topics have met than there are streams", async || {
        theirs.iter().filter(|topic| topic.stats().joined > 0).count() > 90
    })
    .await;
    let mut events = his.subscribe();
    for number in 0..20 {
        // A message may wait until the stream is there.
        let _ = hers.broadcast(format!("apart {number}")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    hear(&mut events, b"apart 19").await;
}
