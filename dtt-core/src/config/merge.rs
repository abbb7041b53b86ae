use std::time::Duration;

use super::settings::{settings, switched};
use crate::table::{AT_LEAST_ONE, INTERVAL};

switched! {
    /// Whether, and how, a topic with few neighbors looks for more.
    BubbleMergeConfig, BubbleMergeSettings; "bubble_merge.enabled"
    /// Whether a topic with few neighbors looks for more.
}

settings! {
    /// How a topic with few neighbors looks for more: a small group may be a part that split off.
    [PartialEq] BubbleMergeSettings, BubbleMergeConfigBuilder builds BubbleMergeConfig = BubbleMergeConfig::Enabled;
    Topic "bubble_merge."
    copy {
        /// The time from joining to the first look.
        initial_interval: Duration = "30s";
        /// The shortest time from one look to the next. Later looks use the slots that the publisher looks up.
        base_interval: Duration = "1min" within INTERVAL;
        /// A random time up to this is added if the topic has no publisher, so that the nodes do not look all at once.
        max_jitter: Duration = "2min";
        /// A topic with this many neighbors does not look for more.
        min_neighbors: usize = "4";
        /// How many peers are joined at once.
        max_join_peers: usize = "2" within AT_LEAST_ONE;
    }
    lend {}
    kept {
        /// Kept for programs that set it: starting the merge cannot fail here.
        fail_topic_creation_on_merge_startup_failure: bool = true;
    }
}

switched! {
    /// Whether, and how, a topic compares its messages with those that the records name.
    MessageOverlapMergeConfig, MessageOverlapMergeSettings; "message_overlap_merge.enabled"
    /// Whether a topic compares its messages with those that the records name, to notice a split.
}

settings! {
    /// How a split is noticed: a record whose messages are all unknown here comes from another part of the swarm.
    [PartialEq] MessageOverlapMergeSettings, MessageOverlapMergeConfigBuilder builds MessageOverlapMergeConfig = MessageOverlapMergeConfig::Enabled;
    Topic "message_overlap_merge."
    copy {
        /// The time from joining to the first comparison.
        initial_interval: Duration = "30s";
        /// The shortest time from one comparison to the next. Later ones use the slots that the publisher looks up.
        base_interval: Duration = "1min" within INTERVAL;
        /// A random time up to this is added if the topic has no publisher, so that the nodes do not look all at once.
        max_jitter: Duration = "2min";
        /// How many peers are joined at once.
        max_join_peers: usize = "2" within AT_LEAST_ONE;
    }
    lend {}
    kept {
        /// Kept for programs that set it: starting the merge cannot fail here.
        fail_topic_creation_on_merge_startup_failure: bool = true;
    }
}

settings! {
    /// Both ways in which a split swarm finds itself again.
    [PartialEq] MergeConfig, MergeConfigBuilder builds MergeConfig = std::convert::identity;
    Topic ""
    copy {}
    lend {}
    parts {
        /// Looking for more neighbors when there are few.
        bubble_merge: BubbleMergeConfig;
        /// Comparing messages with those that the records name.
        message_overlap_merge: MessageOverlapMergeConfig;
    }
}
