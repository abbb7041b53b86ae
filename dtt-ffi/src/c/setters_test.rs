//! Every setter of options writes its own option and no other: seen by what the engine gets, as `Debug` shows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ptr::null_mut,
};

use super::{config::*, error::dtt_error_t, handle, node_config::*, status::dtt_status_t};

/// The leaves of what `{:#?}` shows, by their paths.
fn leaves(shown: &str) -> BTreeMap<String, String> {
    let (mut path, mut leaves) = (Vec::new(), BTreeMap::new());
    for line in shown.lines().map(|line| line.trim().trim_end_matches(',')) {
        if line.ends_with(['{', '(', '[']) {
            let opened = line.trim_end_matches(['{', '(', '[', ' ']);
            path.push(opened.strip_suffix(": Some").unwrap_or(opened).to_owned());
        } else if line.starts_with(['}', ')', ']']) {
            path.pop();
        } else {
            // What has no name of its own is what an option has been set to.
            let place = path.join("/");
            match line.split_once(": ") {
                Some((name, value)) => leaves.insert(format!("{place}/{name}"), value.to_owned()),
                None => leaves.insert(place, line.to_owned()),
            };
        }
    }
    leaves
}

fn changed(before: &str, after: &str) -> BTreeSet<String> {
    let (before, after) = (leaves(before), leaves(after));
    let is_other = |path: &&String| before.get(*path) != after.get(*path);
    before.keys().chain(after.keys()).filter(is_other).cloned().collect()
}

/// What is changed in topic options by a setter that is called once with each of two values.
fn by_topic_setter<T>(
    setter: unsafe extern "C" fn(*mut dtt_config_t, T, *mut *mut dtt_error_t) -> dtt_status_t,
    values: [T; 2],
) -> BTreeSet<String> {
    let shown = |config: *mut dtt_config_t| format!("{:#?}", handle::borrow(config, "").unwrap().options().build());
    let mut config = null_mut();
    // SAFETY: the pointer is written to, and then it is a handle until it is freed.
    unsafe {
        assert_eq!(dtt_config_new(&mut config, null_mut()), dtt_status_t::DTT_OK);
        let mut all = vec![shown(config)];
        for value in values {
            assert_eq!(setter(config, value, null_mut()), dtt_status_t::DTT_OK);
            all.push(shown(config));
        }
        dtt_config_free(config);
        all.windows(2).flat_map(|pair| changed(&pair[0], &pair[1])).collect()
    }
}

/// The same of a node's.
fn by_node_setter<T>(
    setter: unsafe extern "C" fn(*mut dtt_node_config_t, T, *mut *mut dtt_error_t) -> dtt_status_t,
    values: [T; 2],
) -> BTreeSet<String> {
    let shown =
        |config: *mut dtt_node_config_t| format!("{:#?}", handle::borrow(config, "").unwrap().options().build());
    let mut config = null_mut();
    // SAFETY: as above.
    unsafe {
        assert_eq!(dtt_node_config_new(&mut config, null_mut()), dtt_status_t::DTT_OK);
        let mut all = vec![shown(config)];
        for value in values {
            assert_eq!(setter(config, value, null_mut()), dtt_status_t::DTT_OK);
            all.push(shown(config));
        }
        dtt_node_config_free(config);
        all.windows(2).flat_map(|pair| changed(&pair[0], &pair[1])).collect()
    }
}

/// The setter's own option: the only path that was changed ends with its name and is in its section.
fn is_own(section: &str, option: &str, changed: &BTreeSet<String>) {
    assert_eq!(changed.len(), 1, "{section} {option}: {changed:?}");
    let path = changed.first().unwrap();
    assert!(path.ends_with(&format!("/{option}")), "{section} {option}: {path}");
    assert!(path.contains(section), "{section} {option}: {path}");
}

macro_rules! each_is_own {
    ($by:ident, $section:literal, $values:expr, $($setter:ident = $option:literal),+ $(,)?) => {
        $(is_own($section, $option, &$by($setter, $values));)+
    };
}

#[test]
fn every_number_and_switch_is_its_own() {
    each_is_own!(by_topic_setter, "dht", [77_u16, 88], dtt_config_set_dht_port = "port",);
    each_is_own!(by_topic_setter, "dht", [77_usize, 88], dtt_config_set_dht_retries = "retries",);
    each_is_own!(
        by_topic_setter,
        "dht",
        [7_777_u64, 8_888],
        dtt_config_set_dht_base_retry_interval_ms = "base_retry_interval",
        dtt_config_set_dht_max_retry_jitter_ms = "max_retry_jitter",
        dtt_config_set_dht_put_timeout_ms = "put_timeout",
        dtt_config_set_dht_get_timeout_ms = "get_timeout",
        dtt_config_set_dht_request_timeout_ms = "request_timeout",
    );
    each_is_own!(by_topic_setter, "dht", [true, false], dtt_config_set_dht_server_mode = "server_mode",);
    each_is_own!(
        by_topic_setter,
        "bootstrap",
        [77_usize, 88],
        dtt_config_set_bootstrap_max_records = "max_bootstrap_records",
    );
    each_is_own!(
        by_topic_setter,
        "bootstrap",
        [7_777_u64, 8_888],
        dtt_config_set_bootstrap_no_peers_retry_interval_ms = "no_peers_retry_interval",
        dtt_config_set_bootstrap_per_peer_join_settle_time_ms = "per_peer_join_settle_time",
        dtt_config_set_bootstrap_join_confirmation_wait_time_ms = "join_confirmation_wait_time",
        dtt_config_set_bootstrap_discovery_poll_interval_ms = "discovery_poll_interval",
        dtt_config_set_bootstrap_max_retry_interval_ms = "max_retry_interval",
        dtt_config_set_bootstrap_address_wait_ms = "address_wait",
    );
    each_is_own!(
        by_topic_setter,
        "bootstrap",
        [true, false],
        dtt_config_set_bootstrap_publish_record_on_startup = "publish_record_on_startup",
        dtt_config_set_bootstrap_check_older_records_first = "check_older_records_first_on_startup",
    );
    each_is_own!(
        by_topic_setter,
        "publisher",
        [7_777_u64, 8_888],
        dtt_config_set_publisher_initial_delay_ms = "initial_delay",
        dtt_config_set_publisher_base_interval_ms = "base_interval",
        dtt_config_set_publisher_max_jitter_ms = "max_jitter",
    );
    each_is_own!(
        by_topic_setter,
        "publisher",
        [true, false],
        dtt_config_set_publisher_fail_topic_creation_on_startup_failure =
            "fail_topic_creation_on_publishing_startup_failure",
    );
    each_is_own!(
        by_topic_setter,
        "bubble",
        [7_777_u64, 8_888],
        dtt_config_set_bubble_merge_initial_interval_ms = "initial_interval",
        dtt_config_set_bubble_merge_base_interval_ms = "base_interval",
        dtt_config_set_bubble_merge_max_jitter_ms = "max_jitter",
    );
    each_is_own!(
        by_topic_setter,
        "bubble",
        [77_usize, 88],
        dtt_config_set_bubble_merge_min_neighbors = "min_neighbors",
        dtt_config_set_bubble_merge_max_join_peers = "max_join_peers",
    );
    each_is_own!(
        by_topic_setter,
        "bubble",
        [true, false],
        dtt_config_set_bubble_merge_fail_topic_creation_on_startup_failure =
            "fail_topic_creation_on_merge_startup_failure",
    );
    each_is_own!(
        by_topic_setter,
        "overlap",
        [7_777_u64, 8_888],
        dtt_config_set_overlap_merge_initial_interval_ms = "initial_interval",
        dtt_config_set_overlap_merge_base_interval_ms = "base_interval",
        dtt_config_set_overlap_merge_max_jitter_ms = "max_jitter",
    );
    each_is_own!(
        by_topic_setter,
        "overlap",
        [77_usize, 88],
        dtt_config_set_overlap_merge_max_join_peers = "max_join_peers",
    );
    each_is_own!(
        by_topic_setter,
        "overlap",
        [true, false],
        dtt_config_set_overlap_merge_fail_topic_creation_on_startup_failure =
            "fail_topic_creation_on_merge_startup_failure",
    );
    each_is_own!(
        by_topic_setter,
        "",
        [7_777_u64, 8_888],
        dtt_config_set_join_peer_timeout_ms = "join_peer_timeout",
        dtt_config_set_broadcast_timeout_ms = "broadcast_timeout",
        dtt_config_set_broadcast_neighbors_timeout_ms = "broadcast_neighbors_timeout",
    );
    each_is_own!(
        by_topic_setter,
        "",
        [77_usize, 88],
        dtt_config_set_max_join_peer_count = "max_join_peer_count",
        dtt_config_set_event_capacity = "event_capacity",
    );
    each_is_own!(
        by_node_setter,
        "",
        [true, false],
        dtt_node_config_set_address_lookups = "address_lookups",
        dtt_node_config_set_port_mapping = "port_mapping",
    );
    each_is_own!(by_node_setter, "", [77_usize, 88], dtt_node_config_set_max_message_size = "max_message_size",);
    each_is_own!(by_node_setter, "", [7_777_u64, 8_888], dtt_node_config_set_shutdown_timeout_ms = "shutdown_timeout",);
}

#[test]
fn what_is_switched_off_is_its_own_part() {
    let switches = [
        ("publisher", by_topic_setter(dtt_config_set_publisher_enabled, [false, false])),
        ("bubble", by_topic_setter(dtt_config_set_bubble_merge_enabled, [false, false])),
        ("overlap", by_topic_setter(dtt_config_set_overlap_merge_enabled, [false, false])),
    ];
    for (section, changed) in switches {
        assert!(!changed.is_empty(), "{section}");
        assert!(changed.iter().all(|path| path.contains(section)), "{section}: {changed:?}");
    }
}
