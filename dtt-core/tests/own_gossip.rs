//! Programs that bring their own gossip layer and endpoint, with the API of the peer implementation.

mod common;

use std::collections::HashSet;

use common::*;
use dtt_core::{
    AutoDiscoveryGossip, BubbleMergeConfig, CancellationToken, ErrorKind, GossipRecordContent, MergeConfig,
    MessageOverlapMergeConfig, RecordPublisher, Testnet, Topic, TopicConfig, TopicId, unix_minute,
};
use ed25519_dalek::SigningKey;
use iroh_gossip::api::Event;

fn config(testnet: &Testnet) -> TopicConfig {
    TopicConfig::builder()
        .dht_config(testnet.dht_config())
        .merge_config(
            MergeConfig::builder()
                .bubble_merge(BubbleMergeConfig::Disabled)
                .message_overlap_merge(MessageOverlapMergeConfig::Disabled)
                .build(),
        )
        .build()
}

fn publisher(own: &Own, testnet: &Testnet) -> RecordPublisher {
    RecordPublisher::builder(TopicId::new("own gossip"), own.key.clone(), SECRET)
        .config(config(testnet))
        .endpoint(own.endpoint.clone())
        .build()
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_work_on_a_gossip_layer_that_the_program_brings() {
    let testnet = Testnet::new().unwrap();
    let (a, b) = (own().await, own().await);
    let first: Topic = a.gossip.subscribe_and_join_with_auto_discovery_no_wait(publisher(&a, &testnet)).await.unwrap();
    let second = within(JOIN, b.gossip.subscribe_and_join_with_auto_discovery(publisher(&b, &testnet))).await.unwrap();
    let (sender, mut receiver) = first.split().await.unwrap();
    receiver.joined().await.unwrap();
    assert!(receiver.is_joined().await.unwrap());
    assert_eq!(receiver.neighbors().await.unwrap(), HashSet::from([b.endpoint.id()]));
    let mut other = second.gossip_receiver().await.unwrap();
    let mut clone = other.clone();
    sender.broadcast(b"hello".to_vec()).await.unwrap();
    for receiver in [&mut other, &mut clone] {
        let message = within(30, async {
            loop {
                if let Event::Received(message) = receiver.next().await.unwrap() {
                    return message;
                }
            }
        })
        .await;
        assert_eq!(&message.content[..], b"hello");
    }
    // A message is handed over before it is hashed.
    let hashes = [dtt_core::wire::message_hash(b"hello")];
    common::until("the message is among the last", async || other.last_message_hashes().await.unwrap() == hashes).await;

    // A sender alone keeps the topic. With the last handle the topic ends, and the neighbor notices.
    drop((first, receiver));
    sender.broadcast(b"still".to_vec()).await.unwrap();
    drop(sender);
    within(30, async {
        loop {
            if let Event::NeighborDown(peer) = other.next().await.unwrap() {
                return assert_eq!(peer, a.endpoint.id());
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_published_and_read_by_hand() {
    let testnet = Testnet::new().unwrap();
    let publish = |seed: u8| {
        RecordPublisher::new("by hand", SigningKey::from_bytes(&[seed; 32]), None, SECRET.to_vec(), config(&testnet))
    };
    let (alice, bob) = (publish(1), publish(2));
    let minute = unix_minute(0);
    let token = CancellationToken::new();
    assert!(bob.get_records(minute, token.clone()).await.unwrap().is_empty());
    let content = GossipRecordContent::new(&[[7; 32]], []);
    let record = alice.new_record(minute, content.clone()).unwrap();
    alice.publish_record(record.clone(), token.clone()).await.unwrap();
    let found = bob.get_records(minute, token.clone()).await.unwrap();
    assert_eq!(found, HashSet::from([record]));
    assert_eq!(found.iter().next().unwrap().content::<GossipRecordContent>().unwrap(), content);
    assert!(alice.get_records(minute, token.clone()).await.unwrap().is_empty(), "the node's own records are left out");

    let cancelled = CancellationToken::new();
    cancelled.cancel();
    assert_eq!(bob.get_records(minute, cancelled).await.unwrap_err().kind(), ErrorKind::Closed);
    let too_large = alice.new_record(minute, vec![0u8; 900]).unwrap();
    let error = alice.publish_record(too_large, token).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    assert!(error.to_string().contains("the limit is 996 bytes"), "{error}");
    assert!(!format!("{alice:?}").contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_differs_from_the_endpoints_is_refused() {
    let testnet = Testnet::new().unwrap();
    let a = own().await;
    let publisher = RecordPublisher::builder("x", SigningKey::from_bytes(&[1; 32]), SECRET)
        .config(config(&testnet))
        .endpoint(a.endpoint.clone())
        .build();
    let error = a.gossip.subscribe_and_join_with_auto_discovery_no_wait(publisher).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().starts_with("signing_key: its public key is not that of the endpoint"), "{error}");
}
