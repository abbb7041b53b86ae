use std::{net::Ipv4Addr, time::Duration};

use super::{at_least_1ms, at_most_a_year, bootstrap_node, settings::settings};
use crate::error::{Error, Result};

settings! {
    /// How the DHT is reached, and how patiently.
    ///
    /// All topics of a process whose bootstrap, port, bind address, mode and request timeout are equal share one
    /// DHT client: one socket, one thread, one routing table.
    DhtConfig, DhtConfigBuilder builds DhtConfig = std::convert::identity;
    copy {
        /// How often a failed store is tried again. Default 3.
        retries: usize = 3;
        /// The least pause before a store is tried again. Default 5 s.
        base_retry_interval: Duration = Duration::from_secs(5);
        /// A random time up to this is added to the pause. Default 10 s.
        max_retry_jitter: Duration = Duration::from_secs(10);
        /// The longest a store may take. Default 10 s.
        put_timeout: Duration = Duration::from_secs(10);
        /// The longest a lookup may take; what arrived until then is used. Default 10 s.
        get_timeout: Duration = Duration::from_secs(10);
        /// How long one DHT node may take to answer. A query lasts until its last silent node has timed out, so
        /// this decides how long a first store takes on the real network, where some node always is silent.
        /// Default 1 s: half of mainline's own, and still three times a slow round trip.
        request_timeout: Duration = Duration::from_secs(1);
        /// The UDP port of the DHT client; with none, 6881 if it is free and any other one if not.
        port: Option<u16> = None;
        /// The IPv4 address that the DHT client binds; with none, all interfaces.
        bind_address: Option<Ipv4Addr> = None;
        /// Whether this process also serves the DHT to others from the start. With `false`, the default, it
        /// starts as a client and serves once it has found itself reachable.
        server_mode: bool = false;
    }
    lend {
        /// The nodes to enter the DHT by, each as `host:port` with a name or an IPv4 address; with `None`, mainline's
        /// public bootstrap nodes.
        ///
        /// `Some(vec![])` is for the first node of a DHT of one's own: it knows nobody, and is alone until others
        /// enter by it. That takes `server_mode`; without it nobody could, and the empty list is refused.
        /// Start it before the others: one that came earlier may enter by it again only after 15 minutes, and is not
        /// known to it until then.
        bootstrap: Option<Vec<String>> = None;
    }
}

impl DhtConfig {
    /// Starts from the defaults.
    pub fn builder() -> DhtConfigBuilder {
        DhtConfigBuilder::default()
    }

    pub(super) fn validate(&self) -> Result<()> {
        at_most_a_year(&[
            ("base_retry_interval", self.base_retry_interval()),
            ("max_retry_jitter", self.max_retry_jitter()),
        ])?;
        at_least_1ms("put_timeout", self.put_timeout())?;
        at_least_1ms("get_timeout", self.get_timeout())?;
        at_least_1ms("request_timeout", self.request_timeout())?;
        if self.bootstrap().as_ref().is_some_and(Vec::is_empty) && !self.server_mode() {
            let problem = "the list is empty, at least 1 entry of host:port is needed; only the first node of a DHT of \
                one's own has none, and needs the server mode";
            return Err(Error::argument("bootstrap", problem));
        }
        self.bootstrap().iter().flatten().try_for_each(|node| bootstrap_node(node))
    }
}
