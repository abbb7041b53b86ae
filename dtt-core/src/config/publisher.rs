use std::time::Duration;

use super::settings::{settings, switched};
use crate::table::INTERVAL;

switched! {
    /// Whether, and how often, a joined topic publishes its record.
    PublisherConfig, PublisherSettings; "publisher.enabled"
    /// Whether a joined topic publishes its record. If not, newcomers depend on the records of others.
}

settings! {
    /// How often a joined topic publishes its record.
    [PartialEq] PublisherSettings, PublisherConfigBuilder builds PublisherConfig = PublisherConfig::Enabled;
    Topic "publisher."
    copy {
        /// The time from joining to the first turn. A record that newcomers need at once does not wait for it.
        initial_delay: Duration = "10s";
        /// Up to 60 s there is one turn for each minute, and this node and its neighbors take turns. Above 60 s this node publishes
        /// that often, whatever others do.
        base_interval: Duration = "10s" within INTERVAL;
        /// A random time up to this is added to a `base_interval` above 60 s.
        max_jitter: Duration = "50s";
    }
    lend {}
    kept {
        /// Kept for programs that set it: starting the publisher cannot fail here.
        fail_topic_creation_on_publishing_startup_failure: bool = true;
    }
}
