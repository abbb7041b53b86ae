//! What a `dtt_config_t` holds: the engine's builders, which single setters can go on filling.

use std::time::Duration;

use dtt_core::{
    AddressHints, BootstrapConfigBuilder, BubbleMergeConfig, BubbleMergeConfigBuilder, Config, DhtConfigBuilder,
    MergeConfig, MessageOverlapMergeConfig, MessageOverlapMergeConfigBuilder, PublisherConfig, PublisherConfigBuilder,
    Testnet, TimeoutConfigBuilder,
};

#[derive(Debug, Clone)]
pub(super) struct TopicOptions {
    pub(super) dht: DhtConfigBuilder,
    pub(super) bootstrap: BootstrapConfigBuilder,
    pub(super) publisher: PublisherConfigBuilder,
    pub(super) publisher_enabled: bool,
    pub(super) bubble: BubbleMergeConfigBuilder,
    pub(super) bubble_enabled: bool,
    pub(super) overlap: MessageOverlapMergeConfigBuilder,
    pub(super) overlap_enabled: bool,
    pub(super) timeouts: TimeoutConfigBuilder,
    pub(super) address_hints: AddressHints,
    pub(super) max_join_peer_count: usize,
    pub(super) event_capacity: usize,
}

impl Default for TopicOptions {
    fn default() -> Self {
        let defaults = Config::default();
        Self {
            dht: Default::default(),
            bootstrap: Default::default(),
            publisher: Default::default(),
            publisher_enabled: true,
            bubble: Default::default(),
            bubble_enabled: true,
            overlap: Default::default(),
            overlap_enabled: true,
            timeouts: Default::default(),
            address_hints: defaults.address_hints(),
            max_join_peer_count: defaults.max_join_peer_count(),
            event_capacity: defaults.event_capacity(),
        }
    }
}

impl TopicOptions {
    pub(super) fn build(&self) -> Config {
        let this = self.clone();
        let publisher = if this.publisher_enabled { this.publisher.build() } else { PublisherConfig::Disabled };
        let bubble = if this.bubble_enabled { this.bubble.build() } else { BubbleMergeConfig::Disabled };
        let overlap = if this.overlap_enabled { this.overlap.build() } else { MessageOverlapMergeConfig::Disabled };
        let merge = MergeConfig::builder().bubble_merge(bubble).message_overlap_merge(overlap).build();
        Config::builder()
            .dht_config(this.dht.build())
            .bootstrap_config(this.bootstrap.build())
            .publisher_config(publisher)
            .merge_config(merge)
            .timeouts(this.timeouts.build())
            .address_hints(this.address_hints)
            .max_join_peer_count(this.max_join_peer_count)
            .event_capacity(this.event_capacity)
            .build()
    }

    /// The DHT options of a testnet; the other ones stay.
    pub(super) fn use_testnet(&mut self, bootstrap: &[String]) {
        let testnet = Testnet::dht_config_for(bootstrap);
        edit(&mut self.dht, |dht| {
            dht.bootstrap(testnet.bootstrap().clone())
                .bind_address(testnet.bind_address())
                .request_timeout(testnet.request_timeout())
        });
    }
}

/// Sets something in a builder that is taken and given back.
pub(super) fn edit<B: Default>(builder: &mut B, set: impl FnOnce(B) -> B) {
    *builder = set(std::mem::take(builder));
}

pub(super) fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}
