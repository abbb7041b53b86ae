use std::time::Duration;

use super::{at_least_1ms, at_most_a_year, settings::settings};
use crate::error::{Error, Result};

/// Whether, and how, a topic with few neighbors looks for more.
#[derive(Debug, Clone, PartialEq)]
pub enum BubbleMergeConfig {
    /// Merge, with these settings.
    Enabled(BubbleMergeSettings),
    /// Never look for more neighbors.
    Disabled,
}

settings! {
    /// How a topic with few neighbors looks for more: a small group may be a part that split off.
    BubbleMergeSettings, BubbleMergeConfigBuilder builds BubbleMergeConfig = BubbleMergeConfig::Enabled;
    copy {
        /// From joining to the first look. Default 30 s.
        initial_interval: Duration = Duration::from_secs(30);
        /// The least time from one look to the next. Later looks use the slots that the publisher looks up. Default 60 s.
        base_interval: Duration = Duration::from_secs(60);
        /// A random time up to this is added when there is no publisher, so that lookups keep apart. Default 120 s.
        max_jitter: Duration = Duration::from_secs(120);
        /// With this many neighbors there is no need to look. Default 4.
        min_neighbors: usize = 4;
        /// How many peers are joined at once. Default 2.
        max_join_peers: usize = 2;
        /// Kept for programs that set it: starting the merge cannot fail here.
        fail_topic_creation_on_merge_startup_failure: bool = true;
    }
    lend {}
}

impl BubbleMergeConfig {
    /// Starts from the defaults.
    pub fn builder() -> BubbleMergeConfigBuilder {
        BubbleMergeConfigBuilder::default()
    }

    /// The settings, if it is enabled.
    pub fn enabled(&self) -> Option<&BubbleMergeSettings> {
        match self {
            Self::Enabled(settings) => Some(settings),
            Self::Disabled => None,
        }
    }
}

impl Default for BubbleMergeConfig {
    fn default() -> Self {
        Self::Enabled(BubbleMergeSettings::default())
    }
}

/// Whether, and how, a topic compares its messages with those that the records name.
#[derive(Debug, Clone, PartialEq)]
pub enum MessageOverlapMergeConfig {
    /// Merge, with these settings.
    Enabled(MessageOverlapMergeSettings),
    /// Never compare messages.
    Disabled,
}

settings! {
    /// How a split is noticed: a record whose messages are all unknown here comes from another part of the swarm.
    MessageOverlapMergeSettings, MessageOverlapMergeConfigBuilder builds MessageOverlapMergeConfig = MessageOverlapMergeConfig::Enabled;
    copy {
        /// From joining to the first comparison. Default 30 s.
        initial_interval: Duration = Duration::from_secs(30);
        /// The least time from one comparison to the next. Later ones use the slots that the publisher looks up. Default 60 s.
        base_interval: Duration = Duration::from_secs(60);
        /// A random time up to this is added when there is no publisher, so that lookups keep apart. Default 120 s.
        max_jitter: Duration = Duration::from_secs(120);
        /// How many peers are joined at once. Default 2.
        max_join_peers: usize = 2;
        /// Kept for programs that set it: starting the merge cannot fail here.
        fail_topic_creation_on_merge_startup_failure: bool = true;
    }
    lend {}
}

impl MessageOverlapMergeConfig {
    /// Starts from the defaults.
    pub fn builder() -> MessageOverlapMergeConfigBuilder {
        MessageOverlapMergeConfigBuilder::default()
    }

    /// The settings, if it is enabled.
    pub fn enabled(&self) -> Option<&MessageOverlapMergeSettings> {
        match self {
            Self::Enabled(settings) => Some(settings),
            Self::Disabled => None,
        }
    }
}

impl Default for MessageOverlapMergeConfig {
    fn default() -> Self {
        Self::Enabled(MessageOverlapMergeSettings::default())
    }
}

settings! {
    /// Both ways in which a split swarm finds itself again.
    MergeConfig, MergeConfigBuilder builds MergeConfig = std::convert::identity;
    copy {}
    lend {
        /// Looking for more neighbors when there are few.
        bubble_merge: BubbleMergeConfig = BubbleMergeConfig::default();
        /// Comparing messages with those that the records name.
        message_overlap_merge: MessageOverlapMergeConfig = MessageOverlapMergeConfig::default();
    }
}

impl MergeConfig {
    /// Starts from the defaults.
    pub fn builder() -> MergeConfigBuilder {
        MergeConfigBuilder::default()
    }

    pub(super) fn validate(&self) -> Result<()> {
        if let Some(bubble) = self.bubble_merge().enabled() {
            at_most_a_year(&[
                ("bubble_merge.initial_interval", bubble.initial_interval()),
                ("bubble_merge.max_jitter", bubble.max_jitter()),
            ])?;
            at_least_1ms("bubble_merge.base_interval", bubble.base_interval())?;
            at_least_one("bubble_merge.max_join_peers", bubble.max_join_peers())?;
        }
        if let Some(overlap) = self.message_overlap_merge().enabled() {
            at_most_a_year(&[
                ("message_overlap_merge.initial_interval", overlap.initial_interval()),
                ("message_overlap_merge.max_jitter", overlap.max_jitter()),
            ])?;
            at_least_1ms("message_overlap_merge.base_interval", overlap.base_interval())?;
            at_least_one("message_overlap_merge.max_join_peers", overlap.max_join_peers())?;
        }
        Ok(())
    }
}

fn at_least_one(argument: &'static str, value: usize) -> Result<()> {
    if value == 0 {
        Err(Error::argument(argument, "0 is given, at least 1 is needed; disable the merge instead"))
    } else {
        Ok(())
    }
}
