//! The options of a node, one setter each.

use std::{
    ffi::c_char,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use dtt_core::{AddressLookups, NodeConfig, Relays, SecretKey, parse};

use super::{
    config::dtt_config_t,
    entry::{Fault, Outcome, entry, release},
    error::dtt_error_t,
    handle::{self, Opaque, Out},
    status::dtt_status_t,
    topic_options::{TopicOptions, ms},
};

/// The options of a node. What is not set has its default. It is copied by what it is given to, so that it can be
/// changed and freed right after.
///
/// Its setters may be called from any thread. Each ends with DTT_OK, DTT_NULL, DTT_BAD_HANDLE, and what is said at it.
/// Limits are checked by dtt_node_config_validate and dtt_node_spawn.
pub struct dtt_node_config_t(Mutex<NodeOptions>);

impl Opaque for dtt_node_config_t {
    const NAME: &'static str = "dtt_node_config_t";
}

pub(super) struct NodeOptions {
    secret_key: Option<SecretKey>,
    relays: Relays,
    address_lookups: AddressLookups,
    bind_addresses: Vec<SocketAddr>,
    port_mapping: bool,
    max_message_size: usize,
    shutdown_timeout: Duration,
    topics: TopicOptions,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            secret_key: None,
            relays: Relays::Default,
            address_lookups: AddressLookups::Default,
            bind_addresses: Vec::new(),
            port_mapping: true,
            max_message_size: 4096,
            shutdown_timeout: Duration::from_secs(2),
            topics: TopicOptions::default(),
        }
    }
}

impl NodeOptions {
    pub(super) fn build(&self) -> NodeConfig {
        let builder = NodeConfig::builder()
            .relays(self.relays.clone())
            .address_lookups(self.address_lookups)
            .bind_addresses(self.bind_addresses.iter().copied())
            .port_mapping(self.port_mapping)
            .max_message_size(self.max_message_size)
            .shutdown_timeout(self.shutdown_timeout)
            .topics(self.topics.build());
        match &self.secret_key {
            Some(key) => builder.secret_key(key.clone()).build(),
            None => builder.build(),
        }
    }

    /// A node that never reaches beyond this machine.
    fn use_testnet(&mut self, bootstrap: &[String]) {
        self.relays = Relays::Disabled;
        self.address_lookups = AddressLookups::None;
        self.port_mapping = false;
        self.bind_addresses = vec![(Ipv4Addr::LOCALHOST, 0).into()];
        self.topics.use_testnet(bootstrap);
    }
}

impl dtt_node_config_t {
    pub(super) fn for_testnet(bootstrap: &[String]) -> Self {
        let mut options = NodeOptions::default();
        options.use_testnet(bootstrap);
        Self(Mutex::new(options))
    }

    pub(super) fn options(&self) -> MutexGuard<'_, NodeOptions> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn try_set(
    config: *mut dtt_node_config_t,
    error: *mut *mut dtt_error_t,
    set: impl FnOnce(&mut NodeOptions) -> Outcome,
) -> dtt_status_t {
    entry(error, || set(&mut handle::borrow(config, "config")?.options()))
}

/// Makes options that all have their defaults. Freed with dtt_node_config_free. Any thread. DTT_OK, DTT_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_new(
    out: *mut *mut dtt_node_config_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        Out::new(out, "out")?.give(dtt_node_config_t(Mutex::default()));
        Ok(())
    })
}

/// Frees options. NULL is fine. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_free(config: *mut dtt_node_config_t) {
    release(|| drop(handle::take(config)));
}

/// Checks every option against its limits, as dtt_node_spawn does. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE,
/// DTT_INVALID_ARGUMENT with a message that names the option, the limit and the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_validate(
    config: *const dtt_node_config_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let config = handle::borrow(config, "config")?.options().build();
        Ok(config.validate()?)
    })
}

/// The node's secret key, which makes its id: 32 bytes, DTT_KEY_LEN. They are copied. Default: a new key for each node.
/// Also DTT_BAD_LENGTH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_set_secret_key(
    config: *mut dtt_node_config_t,
    key: *const u8,
    key_len: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.secret_key = Some(SecretKey::from_bytes(&handle::array(key, key_len, "key")?));
        Ok(())
    })
}

/// Which relay servers a node uses, to be reached where no direct path is found.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub enum dtt_relays_t {
    /// iroh's public relay servers. The default.
    DTT_RELAYS_DEFAULT = 0,
    /// No relay: only direct paths.
    DTT_RELAYS_DISABLED = 1,
    /// Those of dtt_node_config_add_relay; at least one.
    DTT_RELAYS_CUSTOM = 2,
}

/// Which relay servers are used: one of dtt_relays_t. DTT_RELAYS_CUSTOM starts an empty list. Also DTT_UNKNOWN_OPTION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_set_relays(
    config: *mut dtt_node_config_t,
    relays: i32,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.relays = match relays {
            0 => Relays::Default,
            1 => Relays::Disabled,
            2 => Relays::Custom(Vec::new()),
            _ => return Err(Fault::unknown_option("relays", relays, "0 to 2")),
        };
        Ok(())
    })
}

/// Adds a relay server of one's own by its https or http URL, and uses no other ones than those that were added.
/// Also DTT_BAD_UTF8, DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_add_relay(
    config: *mut dtt_node_config_t,
    url: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        let url = handle::text(url, "url")?;
        parse::relay_url(url)?;
        match &mut options.relays {
            Relays::Custom(urls) => urls.push(url.to_owned()),
            others => *others = Relays::Custom(vec![url.to_owned()]),
        }
        Ok(())
    })
}

/// Whether addresses of peers are also looked up by, and the node's published to, iroh's public services (DNS and
/// pkarr). With false, peers are dialed at the addresses in their records only. Default true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_set_address_lookups(
    config: *mut dtt_node_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.address_lookups = if value { AddressLookups::Default } else { AddressLookups::None };
        Ok(())
    })
}

/// Adds a UDP address to bind, "0.0.0.0:4433" or "[::]:0" for example; at most one of IPv4 and one of IPv6. Port 0 takes a
/// free one. Without any, the default, all interfaces are bound. Also DTT_BAD_UTF8, DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_add_bind_address(
    config: *mut dtt_node_config_t,
    address: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.bind_addresses.push(parse::socket_addr(handle::text(address, "address")?)?);
        Ok(())
    })
}

/// Whether the router is asked for a port (UPnP, PCP, NAT-PMP). Default true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_set_port_mapping(
    config: *mut dtt_node_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.port_mapping = value;
        Ok(())
    })
}

/// The size of a message with its frame, in bytes: 512 to 1,048,576. All nodes of a topic need the same. Default 4,096.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_set_max_message_size(
    config: *mut dtt_node_config_t,
    bytes: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.max_message_size = bytes;
        Ok(())
    })
}

/// How long dtt_node_close takes at the most, for peers to take notice and for callbacks to end. Default 2,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_set_shutdown_timeout_ms(
    config: *mut dtt_node_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.shutdown_timeout = ms(value);
        Ok(())
    })
}

/// The options of topics that are joined without options of their own, and of the node's DHT client. They are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_set_topics(
    config: *mut dtt_node_config_t,
    topics: *const dtt_config_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.topics = handle::borrow(topics, "topics")?.options().clone();
        Ok(())
    })
}

/// Makes it a node of a testnet that another process runs, by its bootstrap list (comma-separated): its DHT, loopback only, no
/// relay, no address lookup, no port mapping, so that nothing reaches beyond this machine. Other options stay.
/// Also DTT_BAD_UTF8, DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_config_use_testnet(
    config: *mut dtt_node_config_t,
    bootstrap: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.use_testnet(&parse::bootstrap_list(handle::text(bootstrap, "bootstrap")?)?);
        Ok(())
    })
}
