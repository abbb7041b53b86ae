//! The options of a topic, one setter each.

use std::{
    ffi::c_char,
    net::Ipv4Addr,
    sync::{Mutex, MutexGuard},
};

use dtt_core::{AddressHints, parse};

use super::{
    entry::{Fault, Outcome, entry, release},
    error::dtt_error_t,
    handle::{self, Opaque, Out},
    status::dtt_status_t::{self, *},
    topic_options::{TopicOptions, edit, ms},
};

/// The options of a topic, DHT included. What is not set has its default. It is copied by whatever it is given to, so
/// that it can be changed and freed right after.
///
/// Its setters may be called from any thread. They check what can be checked at once; limits that concern a time or a
/// number are checked by dtt_config_validate, and when a node or a topic is opened with the options. Times are in
/// milliseconds; none may exceed a year (31,536,000,000), and intervals and time-outs are at least 1.
///
/// Each setter ends with DTT_OK, DTT_NULL, DTT_BAD_HANDLE, and what is said at it.
pub struct dtt_config_t(Mutex<TopicOptions>);

impl Opaque for dtt_config_t {
    const NAME: &'static str = "dtt_config_t";
}

impl dtt_config_t {
    pub(super) fn options(&self) -> MutexGuard<'_, TopicOptions> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn set(config: *mut dtt_config_t, error: *mut *mut dtt_error_t, set: impl FnOnce(&mut TopicOptions)) -> dtt_status_t {
    try_set(config, error, |options| {
        set(options);
        Ok(())
    })
}

fn try_set(
    config: *mut dtt_config_t,
    error: *mut *mut dtt_error_t,
    set: impl FnOnce(&mut TopicOptions) -> Outcome,
) -> dtt_status_t {
    entry(error, || set(&mut handle::borrow(config, "config")?.options()))
}

/// Makes options that all have their defaults. Freed with dtt_config_free. Any thread. DTT_OK, DTT_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_new(out: *mut *mut dtt_config_t, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || {
        Out::new(out, "out")?.give(dtt_config_t(Mutex::default()));
        Ok(())
    })
}

/// Frees options. NULL is fine. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_free(config: *mut dtt_config_t) {
    release(|| drop(handle::take(config)));
}

/// Checks every option against its limits, as opening a topic does. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE,
/// DTT_INVALID_ARGUMENT with a message that names the option, the limit and the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_validate(
    config: *const dtt_config_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let config = handle::borrow(config, "config")?.options().build();
        Ok(config.validate()?)
    })
}

/// The nodes to enter the DHT by: a comma-separated list of host:port, each a name or an IPv4 address. NULL stands for
/// the public ones, the default. The empty text is for the first node of a DHT of one's own, and needs server mode.
/// Also DTT_BAD_UTF8, DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_bootstrap(
    config: *mut dtt_config_t,
    list: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        let nodes = match handle::optional_text(list, "list")? {
            None => None,
            Some("") => Some(Vec::new()),
            Some(list) => Some(parse::bootstrap_list(list)?),
        };
        edit(&mut options.dht, |dht| dht.bootstrap(nodes));
        Ok(())
    })
}

/// The UDP port of the DHT client. 0, the default, takes 6881 if it is free and any other one if not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_port(
    config: *mut dtt_config_t,
    port: u16,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.dht, |dht| dht.port(Some(port).filter(|port| *port != 0))))
}

/// The IPv4 address that the DHT client binds, "192.0.2.1" for example. NULL, the default, binds all interfaces.
/// Also DTT_BAD_UTF8, DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_bind_address(
    config: *mut dtt_config_t,
    address: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        let address: Option<Ipv4Addr> = match handle::optional_text(address, "address")? {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                let shown: String = text.chars().take(100).collect();
                Fault::new(DTT_INVALID_ARGUMENT, format!("address: {shown:?} is not an IPv4 address"))
            })?),
        };
        edit(&mut options.dht, |dht| dht.bind_address(address));
        Ok(())
    })
}

/// Which of its own addresses a node writes into its sealed records.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub enum dtt_address_hints_t {
    /// The relay's URL if there is one, else the direct addresses. The default.
    DTT_HINTS_AUTO = 0,
    /// The relay's URL and the direct addresses.
    DTT_HINTS_ALL = 1,
    /// The relay's URL only: no IP address of the node ever stands in a record.
    DTT_HINTS_RELAY_ONLY = 2,
    /// No addresses. Others then need an address lookup of their own to dial this node.
    DTT_HINTS_OFF = 3,
}

/// Which of its own addresses a node writes into its sealed records: one of dtt_address_hints_t.
/// Also DTT_UNKNOWN_OPTION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_address_hints(
    config: *mut dtt_config_t,
    hints: i32,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.address_hints = match hints {
            0 => AddressHints::Auto,
            1 => AddressHints::All,
            2 => AddressHints::RelayOnly,
            3 => AddressHints::Off,
            _ => return Err(Fault::unknown_option("hints", hints, "0 to 3")),
        };
        Ok(())
    })
}

/// The DHT options of a testnet that another process runs, by its bootstrap list (comma-separated, as dtt-testnet prints
/// it and dtt_testnet_bootstrap gives it): its nodes, loopback, and little patience. Other options stay.
/// Also DTT_BAD_UTF8, DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_use_testnet(
    config: *mut dtt_config_t,
    bootstrap: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    try_set(config, error, |options| {
        options.use_testnet(&parse::bootstrap_list(handle::text(bootstrap, "bootstrap")?)?);
        Ok(())
    })
}

/// How often a failed store is tried again. Default 3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_retries(
    config: *mut dtt_config_t,
    value: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.dht, |dht| dht.retries(value)))
}

/// The least pause before a store is tried again. Default 5,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_base_retry_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.dht, |dht| dht.base_retry_interval(ms(value))))
}

/// A random time up to this is added to the pause. Default 10,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_max_retry_jitter_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.dht, |dht| dht.max_retry_jitter(ms(value))))
}

/// The longest a store may take. Default 10,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_put_timeout_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.dht, |dht| dht.put_timeout(ms(value))))
}

/// The longest a lookup may take; what arrived until then is used. Default 10,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_get_timeout_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.dht, |dht| dht.get_timeout(ms(value))))
}

/// How long one DHT node may take to answer. A query lasts until its last silent node has timed out. Default 1,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_request_timeout_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.dht, |dht| dht.request_timeout(ms(value))))
}

/// Whether this process also serves the DHT to others from the start. With false, the default, it starts as a client and
/// serves once it has found itself reachable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_dht_server_mode(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.dht, |dht| dht.server_mode(value)))
}

/// A slot that shows this many records of others needs none of ours. Default 5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_max_records(
    config: *mut dtt_config_t,
    value: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bootstrap, |bootstrap| bootstrap.max_bootstrap_records(value)))
}

/// What the pauses before the next lookup go by when no record was found: the first is an eighth of it, each later one four
/// times the one before, up to the longest. Default 1,500 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_no_peers_retry_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bootstrap, |bootstrap| bootstrap.no_peers_retry_interval(ms(value))))
}

/// How long a dialed peer has before the next one is dialed too. Default 100 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_per_peer_join_settle_time_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| {
        edit(&mut options.bootstrap, |bootstrap| bootstrap.per_peer_join_settle_time(ms(value)))
    })
}

/// How long the dials of one lookup have, after the last of them, to give a neighbor. Default 500 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_join_confirmation_wait_time_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| {
        edit(&mut options.bootstrap, |bootstrap| bootstrap.join_confirmation_wait_time(ms(value)))
    })
}

/// The pause before the next lookup when records were found and nobody answered; it doubles up to the longest.
/// Default 2,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_discovery_poll_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bootstrap, |bootstrap| bootstrap.discovery_poll_interval(ms(value))))
}

/// The longest pause between two lookups of a topic without neighbors. Default 60,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_max_retry_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bootstrap, |bootstrap| bootstrap.max_retry_interval(ms(value))))
}

/// How long the first record may wait for the node's first address. Default 1,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_address_wait_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bootstrap, |bootstrap| bootstrap.address_wait(ms(value))))
}

/// Whether to publish a record at once when joining. Default true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_publish_record_on_startup(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bootstrap, |bootstrap| bootstrap.publish_record_on_startup(value)))
}

/// Whether the first lookup reads the slots one minute further back. Default false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bootstrap_check_older_records_first(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| {
        edit(&mut options.bootstrap, |bootstrap| bootstrap.check_older_records_first_on_startup(value))
    })
}

/// Whether a joined topic publishes its record. Default true. Without it newcomers depend on the records of others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_publisher_enabled(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| options.publisher_enabled = value)
}

/// From joining to the first turn of publishing. Default 10,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_publisher_initial_delay_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.publisher, |publisher| publisher.initial_delay(ms(value))))
}

/// Up to 60 s there is one turn for each minute, shared with the neighbors; above, this node publishes that often by itself.
/// Default 10,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_publisher_base_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.publisher, |publisher| publisher.base_interval(ms(value))))
}

/// A random time up to this is added to a base interval above 60 s. Default 50,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_publisher_max_jitter_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.publisher, |publisher| publisher.max_jitter(ms(value))))
}

/// Kept because old programs set it: starting the publisher cannot fail, so it changes nothing. Default true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_publisher_fail_topic_creation_on_startup_failure(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| {
        edit(&mut options.publisher, |publisher| publisher.fail_topic_creation_on_publishing_startup_failure(value))
    })
}

/// Whether a topic with few neighbors looks for more. Default true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bubble_merge_enabled(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| options.bubble_enabled = value)
}

/// From joining to the first look for more neighbors. Default 30,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bubble_merge_initial_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bubble, |bubble| bubble.initial_interval(ms(value))))
}

/// The least time from one look to the next. Default 60,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bubble_merge_base_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bubble, |bubble| bubble.base_interval(ms(value))))
}

/// A random time up to this is added when there is no publisher. Default 120,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bubble_merge_max_jitter_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bubble, |bubble| bubble.max_jitter(ms(value))))
}

/// With this many neighbors there is no need to look. Default 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bubble_merge_min_neighbors(
    config: *mut dtt_config_t,
    value: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bubble, |bubble| bubble.min_neighbors(value)))
}

/// How many peers are joined at once by it. Default 2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bubble_merge_max_join_peers(
    config: *mut dtt_config_t,
    value: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.bubble, |bubble| bubble.max_join_peers(value)))
}

/// Kept because old programs set it: starting the merge cannot fail, so it changes nothing. Default true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_bubble_merge_fail_topic_creation_on_startup_failure(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| {
        edit(&mut options.bubble, |bubble| bubble.fail_topic_creation_on_merge_startup_failure(value))
    })
}

/// Whether a topic compares its messages with those that the records name, to notice a split. Default true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_overlap_merge_enabled(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| options.overlap_enabled = value)
}

/// From joining to the first comparison. Default 30,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_overlap_merge_initial_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.overlap, |overlap| overlap.initial_interval(ms(value))))
}

/// The least time from one comparison to the next. Default 60,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_overlap_merge_base_interval_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.overlap, |overlap| overlap.base_interval(ms(value))))
}

/// A random time up to this is added when there is no publisher. Default 120,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_overlap_merge_max_jitter_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.overlap, |overlap| overlap.max_jitter(ms(value))))
}

/// How many peers are joined at once by it. Default 2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_overlap_merge_max_join_peers(
    config: *mut dtt_config_t,
    value: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.overlap, |overlap| overlap.max_join_peers(value)))
}

/// Kept because old programs set it: starting the merge cannot fail, so it changes nothing. Default true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_overlap_merge_fail_topic_creation_on_startup_failure(
    config: *mut dtt_config_t,
    value: bool,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| {
        edit(&mut options.overlap, |overlap| overlap.fail_topic_creation_on_merge_startup_failure(value))
    })
}

/// How long dtt_topic_join_peers may take. Default 5,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_join_peer_timeout_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.timeouts, |timeouts| timeouts.join_peer_timeout(ms(value))))
}

/// How long dtt_topic_broadcast may take. Default 5,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_broadcast_timeout_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| edit(&mut options.timeouts, |timeouts| timeouts.broadcast_timeout(ms(value))))
}

/// How long dtt_topic_broadcast_neighbors may take. Default 5,000 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_broadcast_neighbors_timeout_ms(
    config: *mut dtt_config_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| {
        edit(&mut options.timeouts, |timeouts| timeouts.broadcast_neighbors_timeout(ms(value)))
    })
}

/// How many peers are dialed one after another before a pause for confirmation. Default 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_max_join_peer_count(
    config: *mut dtt_config_t,
    value: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| options.max_join_peer_count = value)
}

/// How many events wait in an event queue at the most. When one more comes, the oldest goes, and the reader is told how
/// many are missing (DTT_EVENT_LAGGED). Default 1,024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_event_capacity(
    config: *mut dtt_config_t,
    value: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(config, error, |options| options.event_capacity = value)
}
