use std::{net::Ipv4Addr, time::Duration};

use super::settings::settings;
use crate::{
    error::{Error, Result},
    table::INTERVAL,
};

settings! {
    /// How the DHT is reached, and how patiently.
    ///
    /// All topics of a process whose bootstrap, port, bind address, mode and request timeout are equal share one DHT client: one
    /// socket, one thread, one routing table.
    [PartialEq] DhtConfig, DhtConfigBuilder builds DhtConfig = std::convert::identity;
    Topic "dht."
    copy {
        /// How often a failed store is tried again.
        retries: usize = "3";
        /// The shortest pause before a store is tried again.
        base_retry_interval: Duration = "5s";
        /// A random time up to this is added to the pause before a store is tried again.
        max_retry_jitter: Duration = "10s";
        /// The longest time that a store may take.
        put_timeout: Duration = "10s" within INTERVAL;
        /// The longest time that a lookup may take. Records that arrive until then are used.
        get_timeout: Duration = "10s" within INTERVAL;
        /// How long one DHT node may take to answer. A query ends when its last silent node has timed out, so this decides how long
        /// a store takes on the real network, where some node is always silent.
        request_timeout: Duration = "1s" within INTERVAL;
        /// The UDP port of the DHT client; 0 takes any free port. By default it is 6881 if that port is free, and any other if not.
        port: Option<u16> = "default";
        /// The IPv4 address that the DHT client binds. By default it binds all interfaces.
        bind_address: Option<Ipv4Addr> = "default";
        /// Whether this process serves the DHT to others from the start. If not, it starts as a client, and serves once it has
        /// found that others can reach it.
        server_mode: bool = "false";
    }
    lend {
        /// The nodes to enter the DHT by, each as `host:port` with a name or an IPv4 address. By default they are mainline's public
        /// nodes. An empty list (`none` as text) is for the first node of a private DHT, and needs `server_mode`. Start that node
        /// before the others: a node that came earlier may need 15 minutes to find it.
        bootstrap: Option<Vec<String>> = "default";
    }
}

impl DhtConfig {
    /// What one option alone does not show.
    pub(super) fn validate(&self) -> Result<()> {
        if self.bootstrap().as_ref().is_some_and(Vec::is_empty) && !self.server_mode() {
            let problem = "the list is empty, at least 1 entry of host:port is needed; only the first node of a private DHT has \
                none, and it needs the server mode";
            return Err(Error::argument("dht.bootstrap", problem));
        }
        Ok(())
    }
}
