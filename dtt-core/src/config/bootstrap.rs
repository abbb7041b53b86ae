use std::time::Duration;

use super::{at_least_1ms, at_most_a_year, settings::settings};
use crate::error::Result;

settings! {
    /// How a newcomer reaches its first neighbor.
    BootstrapConfig, BootstrapConfigBuilder builds BootstrapConfig = std::convert::identity;
    copy {
        /// A slot that shows this many records of others needs none of ours, unless the nodes that records name were
        /// dialed in vain. Default 5.
        max_bootstrap_records: usize = 5;
        /// What the pauses before the next lookup go by when no record was found. The first is an eighth of it (two that
        /// start at once meet soon), each later one four times the one before, up to `max_retry_interval`. Default 1.5 s.
        no_peers_retry_interval: Duration = Duration::from_millis(1500);
        /// How long a dialed peer has before the next one is dialed too. Default 100 ms.
        per_peer_join_settle_time: Duration = Duration::from_millis(100);
        /// How long the dials of one lookup have, after the last of them, to give a neighbor. Default 500 ms.
        join_confirmation_wait_time: Duration = Duration::from_millis(500);
        /// The pause before the next lookup when records were found and nobody answered; it doubles up to
        /// `max_retry_interval`. Default 2 s.
        discovery_poll_interval: Duration = Duration::from_millis(2000);
        /// The longest pause between two lookups of a topic without neighbors. Newcomers find it by its record
        /// meanwhile. Default 60 s.
        max_retry_interval: Duration = Duration::from_secs(60);
        /// How long the first record may wait for the endpoint's first address, or for its relay if it has relays
        /// to choose from: most DHT nodes will not replace a record within its minute. Default 1 s.
        address_wait: Duration = Duration::from_secs(1);
        /// Whether to publish a record at once when joining. Default true.
        publish_record_on_startup: bool = true;
        /// Whether the first lookup reads the slots one minute further back. Default false.
        check_older_records_first_on_startup: bool = false;
    }
    lend {}
}

impl BootstrapConfig {
    /// Starts from the defaults.
    pub fn builder() -> BootstrapConfigBuilder {
        BootstrapConfigBuilder::default()
    }

    pub(super) fn validate(&self) -> Result<()> {
        at_most_a_year(&[
            ("per_peer_join_settle_time", self.per_peer_join_settle_time()),
            ("join_confirmation_wait_time", self.join_confirmation_wait_time()),
            ("address_wait", self.address_wait()),
        ])?;
        at_least_1ms("no_peers_retry_interval", self.no_peers_retry_interval())?;
        at_least_1ms("discovery_poll_interval", self.discovery_poll_interval())?;
        at_least_1ms("max_retry_interval", self.max_retry_interval())
    }
}
