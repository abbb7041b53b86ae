use std::time::Duration;

use super::{at_least_1ms, at_most_a_year, settings::settings};
use crate::error::Result;

/// Whether, and how often, a joined topic publishes its record.
#[derive(Debug, Clone, PartialEq)]
pub enum PublisherConfig {
    /// Publish, with these settings.
    Enabled(PublisherSettings),
    /// Publish nothing more once joined. Newcomers then depend on the records of others.
    Disabled,
}

settings! {
    /// How often a joined topic publishes its record.
    PublisherSettings, PublisherConfigBuilder builds PublisherConfig = PublisherConfig::Enabled;
    copy {
        /// From joining to the first turn. A record that newcomers need at once does not wait for it. Default 10 s.
        initial_delay: Duration = Duration::from_secs(10);
        /// Up to 60 s, there is one turn for each minute, and this node and its neighbors take turns. Above 60 s, this node publishes
        /// that often, whoever else does. Default 10 s.
        base_interval: Duration = Duration::from_secs(10);
        /// A random time up to this is added to a `base_interval` above 60 s. Default 50 s.
        max_jitter: Duration = Duration::from_secs(50);
        /// Kept for programs that set it: starting the publisher cannot fail here.
        fail_topic_creation_on_publishing_startup_failure: bool = true;
    }
    lend {}
}

impl PublisherConfig {
    /// Starts from the defaults.
    pub fn builder() -> PublisherConfigBuilder {
        PublisherConfigBuilder::default()
    }

    /// The settings, if it is enabled.
    pub fn enabled(&self) -> Option<&PublisherSettings> {
        match self {
            Self::Enabled(settings) => Some(settings),
            Self::Disabled => None,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        let Some(settings) = self.enabled() else { return Ok(()) };
        at_most_a_year(&[
            ("publisher.initial_delay", settings.initial_delay()),
            ("publisher.max_jitter", settings.max_jitter()),
        ])?;
        at_least_1ms("publisher.base_interval", settings.base_interval())
    }
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self::Enabled(PublisherSettings::default())
    }
}
