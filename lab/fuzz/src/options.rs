//! Options within their limits: the defaults, or random values that `validate` allows.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use dtt_core::{
    BootstrapConfig, BubbleMergeConfig, DhtConfig, MergeConfig, MessageOverlapMergeConfig, Protocol, PublisherConfig,
    TopicConfig,
};

const YEAR: u64 = 365 * 24 * 3600 * 1000;

/// Options of a topic that an application could set.
#[derive(Debug, Clone)]
pub struct Options(pub TopicConfig);

impl<'a> Arbitrary<'a> for Options {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let protocol = if u.arbitrary()? { Protocol::V2 } else { Protocol::V1 };
        if u.ratio(1, 2)? {
            return Ok(Self(TopicConfig::builder().protocol(protocol).build()));
        }
        let config = TopicConfig::builder()
            .protocol(protocol)
            .max_join_peer_count(u.int_in_range(1..=8)?)
            .dht_config(DhtConfig::builder().get_timeout(time(u, 1)?).build())
            .bootstrap_config(bootstrap(u)?)
            .publisher_config(publisher(u)?)
            .merge_config(merges(u)?)
            .build();
        config.validate().expect("every option is within its limits");
        Ok(Self(config))
    }
}

fn bootstrap(u: &mut Unstructured<'_>) -> Result<BootstrapConfig> {
    Ok(BootstrapConfig::builder()
        .max_bootstrap_records(u.int_in_range(0..=8)?)
        .no_peers_retry_interval(time(u, 1)?)
        .per_peer_join_settle_time(time(u, 0)?)
        .join_confirmation_wait_time(time(u, 0)?)
        .discovery_poll_interval(time(u, 1)?)
        .max_retry_interval(time(u, 1)?)
        .address_wait(time(u, 0)?)
        .publish_record_on_startup(u.arbitrary()?)
        .check_older_records_first_on_startup(u.arbitrary()?)
        .build())
}

fn publisher(u: &mut Unstructured<'_>) -> Result<PublisherConfig> {
    if u.ratio(1, 4)? {
        return Ok(PublisherConfig::Disabled);
    }
    let builder = PublisherConfig::builder().initial_delay(time(u, 0)?).base_interval(time(u, 1)?);
    Ok(builder.max_jitter(time(u, 0)?).build())
}

fn merges(u: &mut Unstructured<'_>) -> Result<MergeConfig> {
    let bubble = BubbleMergeConfig::builder()
        .initial_interval(time(u, 0)?)
        .base_interval(time(u, 1)?)
        .max_jitter(time(u, 0)?)
        .min_neighbors(u.int_in_range(0..=8)?)
        .max_join_peers(u.int_in_range(1..=8)?)
        .build();
    let overlap = MessageOverlapMergeConfig::builder()
        .initial_interval(time(u, 0)?)
        .base_interval(time(u, 1)?)
        .max_jitter(time(u, 0)?)
        .max_join_peers(u.int_in_range(1..=8)?)
        .build();
    let mut builder = MergeConfig::builder();
    if !u.ratio(1, 4)? {
        builder = builder.bubble_merge(bubble);
    } else {
        builder = builder.bubble_merge(BubbleMergeConfig::Disabled);
    }
    if !u.ratio(1, 4)? {
        builder = builder.message_overlap_merge(overlap);
    } else {
        builder = builder.message_overlap_merge(MessageOverlapMergeConfig::Disabled);
    }
    Ok(builder.build())
}

/// A time of at least `least` milliseconds. Mostly it is a realistic one, now and then it is one of the limits.
fn time(u: &mut Unstructured<'_>, least: u64) -> Result<Duration> {
    let millis = match u.int_in_range(0..=7)? {
        0 => least,
        1 => YEAR,
        2 => u.int_in_range(least..=100)?,
        3 | 4 => u.int_in_range(100..=2_000)?,
        _ => u.int_in_range(1_000..=120_000)?,
    };
    Ok(Duration::from_millis(millis))
}
