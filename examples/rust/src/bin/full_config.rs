//! Every option of a topic, at its default.
//!
//! The program joins, sends the lines of standard input, prints the messages that it receives, and ends with its input.
//! `own_gossip` shows the single steps. (With `DTT_BOOTSTRAP` set, the program uses a testnet.)

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use dtt_core::{
    AddressHints, BootstrapConfig, BubbleMergeConfig, DefaultSecretRotation, DhtConfig, MergeConfig,
    MessageOverlapMergeConfig, PublisherConfig, RotationHandle, TimeoutConfig, TopicConfig,
};
use dtt_examples::{arguments, config, finish, join_and_talk};

/// All options of a topic, with the values of `TopicConfig::default()`.
fn full_config(bootstrap: Option<Vec<String>>) -> TopicConfig {
    let dht = DhtConfig::builder()
        .retries(3)
        .base_retry_interval(Duration::from_secs(5))
        .max_retry_jitter(Duration::from_secs(10))
        .get_timeout(Duration::from_secs(10))
        .put_timeout(Duration::from_secs(10))
        .request_timeout(Duration::from_secs(1))
        .port(None)
        .bind_address(None)
        .server_mode(false)
        .bootstrap(bootstrap)
        .build();
    let first_neighbor = BootstrapConfig::builder()
        .max_bootstrap_records(5)
        .no_peers_retry_interval(Duration::from_millis(1500))
        .per_peer_join_settle_time(Duration::from_millis(100))
        .join_confirmation_wait_time(Duration::from_millis(500))
        .discovery_poll_interval(Duration::from_millis(2000))
        .max_retry_interval(Duration::from_secs(60))
        .address_wait(Duration::from_secs(1))
        .publish_record_on_startup(true)
        .check_older_records_first_on_startup(false)
        .build();
    let publisher = PublisherConfig::builder()
        .initial_delay(Duration::from_secs(10))
        .base_interval(Duration::from_secs(10))
        .max_jitter(Duration::from_secs(50))
        .fail_topic_creation_on_publishing_startup_failure(true)
        .build();
    let bubble = BubbleMergeConfig::builder()
        .initial_interval(Duration::from_secs(30))
        .base_interval(Duration::from_secs(60))
        .max_jitter(Duration::from_secs(120))
        .min_neighbors(4)
        .max_join_peers(2)
        .fail_topic_creation_on_merge_startup_failure(true)
        .build();
    let overlap = MessageOverlapMergeConfig::builder()
        .initial_interval(Duration::from_secs(30))
        .base_interval(Duration::from_secs(60))
        .max_jitter(Duration::from_secs(120))
        .max_join_peers(2)
        .fail_topic_creation_on_merge_startup_failure(true)
        .build();
    let timeouts = TimeoutConfig::builder()
        .join_peer_timeout(Duration::from_secs(5))
        .broadcast_timeout(Duration::from_secs(5))
        .broadcast_neighbors_timeout(Duration::from_secs(5))
        .build();
    TopicConfig::builder()
        .dht_config(dht)
        .bootstrap_config(first_neighbor)
        .publisher_config(publisher)
        .merge_config(MergeConfig::builder().bubble_merge(bubble).message_overlap_merge(overlap).build())
        .timeouts(timeouts)
        .max_join_peer_count(4)
        .address_hints(AddressHints::Auto)
        .event_capacity(1024)
        .build()
}

#[tokio::main]
async fn main() -> ExitCode {
    dtt_examples::init_logging();
    finish(run().await)
}

async fn run() -> Result<()> {
    let [] = arguments("full_config")?;
    assert_eq!(full_config(None), TopicConfig::default());
    let bootstrap = config().dht_config().bootstrap().clone();
    join_and_talk("full-config-example", |publisher| {
        publisher.config(full_config(bootstrap)).secret_rotation(RotationHandle::new(DefaultSecretRotation))
    })
    .await
}
