use std::time::Duration;

use super::settings::settings;
use crate::table::INTERVAL;

settings! {
    /// How a newcomer reaches its first neighbor.
    [PartialEq] BootstrapConfig, BootstrapConfigBuilder builds BootstrapConfig = std::convert::identity;
    Topic "bootstrap."
    copy {
        /// A node that joins publishes no record of its own in a slot that shows this many records of others, unless it dialed
        /// the nodes that those records name in vain.
        max_bootstrap_records: usize = "5";
        /// Sets the pauses between lookups that find no record. The first pause is an eighth of this time, so that two nodes
        /// that start together meet soon. Each later pause is four times as long, up to `max_retry_interval`.
        no_peers_retry_interval: Duration = "1500ms" within INTERVAL;
        /// How long a dialed peer has before the next peer is dialed too.
        per_peer_join_settle_time: Duration = "100ms";
        /// How long the dials of one lookup have, after the last of them, to give a neighbor.
        join_confirmation_wait_time: Duration = "500ms";
        /// The pause after a lookup that found records but no peer that answered. It doubles up to `max_retry_interval`.
        discovery_poll_interval: Duration = "2s" within INTERVAL;
        /// The longest pause between two lookups of a topic without neighbors. Newcomers can still find the topic by its record.
        max_retry_interval: Duration = "1min" within INTERVAL;
        /// How long the first record may wait for the node's first address, or for its relay. Most DHT nodes do not replace a
        /// record within its minute, so a record without an address lasts.
        address_wait: Duration = "1s";
        /// Whether a node publishes a record as soon as it joins.
        publish_record_on_startup: bool = "true";
        /// Whether the first lookup starts with the slots of one minute further back.
        check_older_records_first_on_startup: bool = "false";
    }
    lend {}
}
