//! From the frozen dataclasses of `dtt._config` to the engine's options.

use std::{net::Ipv4Addr, time::Duration};

use dtt_core::{
    AddressHints, AddressLookups, BootstrapConfig, BubbleMergeConfig, Config, DhtConfig, MergeConfig,
    MessageOverlapMergeConfig, NodeConfig, PublisherConfig, Relays, Testnet, TimeoutConfig, parse,
};
use pyo3::{PyTypeInfo, conversion::FromPyObjectOwned, prelude::*, types::PyString};

use crate::{bytes::wrong_type, error::Fault, ids::SecretKey};

/// Reads the fields of one dataclass.
struct Fields<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'py> Fields<'_, 'py> {
    fn get(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.0.getattr(name)
    }

    /// A value whose type and limits the dataclass has checked.
    fn plain<T: FromPyObjectOwned<'py>>(&self, name: &str) -> PyResult<T> {
        self.get(name)?.extract().map_err(Into::into)
    }

    fn time(&self, name: &str) -> PyResult<Duration> {
        seconds(name, self.plain(name)?)
    }

    /// A group of options, or none if it is switched off.
    fn group<T>(&self, name: &str, read: impl FnOnce(Fields<'_, 'py>) -> PyResult<T>) -> PyResult<Option<T>> {
        let group = self.get(name)?;
        if group.is_none() { Ok(None) } else { read(Fields(&group)).map(Some) }
    }

    fn one_of<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> PyResult<T> {
        let value = self.get(name)?;
        let Ok(text) = value.cast::<PyString>() else { return Err(wrong_type(name, "str", &value)) };
        let text = text.to_cow()?;
        choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<String> = choices.iter().map(|(choice, _)| format!("{choice:?}")).collect();
            Fault::argument(name, format_args!("{text:?} is given, {} are possible", names.join(", "))).into()
        })
    }
}

/// A time that a program gave in seconds.
pub(crate) fn seconds(name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        Fault::argument(name, format_args!("{seconds} s are given, 0 to 31536000 s (a year) are possible")).into()
    })
}

/// The options of a topic: a `TopicConfig`.
pub(crate) fn topic_config(object: &Bound<'_, PyAny>) -> PyResult<Config> {
    let of = Fields(object);
    let hints = [
        ("auto", AddressHints::Auto),
        ("all", AddressHints::All),
        ("relay_only", AddressHints::RelayOnly),
        ("off", AddressHints::Off),
    ];
    let config = Config::builder()
        .max_join_peer_count(of.plain("max_join_peer_count")?)
        .address_hints(of.one_of("address_hints", &hints)?)
        .event_capacity(of.plain("event_capacity")?)
        .dht_config(dht_config(&of.get("dht")?)?)
        .bootstrap_config(bootstrap(&Fields(&of.get("bootstrap")?))?)
        .publisher_config(of.group("publisher", publisher)?.unwrap_or(PublisherConfig::Disabled))
        .merge_config(merge(&Fields(&of.get("merge")?))?)
        .timeouts(timeouts(&Fields(&of.get("timeouts")?))?)
        .build();
    config.validate().map_err(Fault::from)?;
    Ok(config)
}

/// How the DHT is reached: a `DhtConfig`.
pub(crate) fn dht_config(object: &Bound<'_, PyAny>) -> PyResult<DhtConfig> {
    let of = Fields(object);
    let address = match of.plain::<Option<String>>("bind_address")? {
        None => None,
        Some(text) => Some(
            text.parse::<Ipv4Addr>()
                .map_err(|_| Fault::argument("bind_address", format_args!("{text:.100?} is not an IPv4 address")))?,
        ),
    };
    Ok(DhtConfig::builder()
        .bootstrap(of.plain("bootstrap")?)
        .retries(of.plain("retries")?)
        .base_retry_interval(of.time("base_retry_interval")?)
        .max_retry_jitter(of.time("max_retry_jitter")?)
        .put_timeout(of.time("put_timeout")?)
        .get_timeout(of.time("get_timeout")?)
        .request_timeout(of.time("request_timeout")?)
        .port(of.plain("port")?)
        .bind_address(address)
        .server_mode(of.plain("server_mode")?)
        .build())
}

fn bootstrap(of: &Fields<'_, '_>) -> PyResult<BootstrapConfig> {
    Ok(BootstrapConfig::builder()
        .max_bootstrap_records(of.plain("max_bootstrap_records")?)
        .no_peers_retry_interval(of.time("no_peers_retry_interval")?)
        .per_peer_join_settle_time(of.time("per_peer_join_settle_time")?)
        .join_confirmation_wait_time(of.time("join_confirmation_wait_time")?)
        .discovery_poll_interval(of.time("discovery_poll_interval")?)
        .max_retry_interval(of.time("max_retry_interval")?)
        .address_wait(of.time("address_wait")?)
        .publish_record_on_startup(of.plain("publish_record_on_startup")?)
        .check_older_records_first_on_startup(of.plain("check_older_records_first_on_startup")?)
        .build())
}

fn publisher(of: Fields<'_, '_>) -> PyResult<PublisherConfig> {
    Ok(PublisherConfig::builder()
        .initial_delay(of.time("initial_delay")?)
        .base_interval(of.time("base_interval")?)
        .max_jitter(of.time("max_jitter")?)
        .build())
}

fn merge(of: &Fields<'_, '_>) -> PyResult<MergeConfig> {
    let bubble = of.group("bubble_merge", |of| {
        Ok(BubbleMergeConfig::builder()
            .initial_interval(of.time("initial_interval")?)
            .base_interval(of.time("base_interval")?)
            .max_jitter(of.time("max_jitter")?)
            .min_neighbors(of.plain("min_neighbors")?)
            .max_join_peers(of.plain("max_join_peers")?)
            .build())
    })?;
    let overlap = of.group("message_overlap_merge", |of| {
        Ok(MessageOverlapMergeConfig::builder()
            .initial_interval(of.time("initial_interval")?)
            .base_interval(of.time("base_interval")?)
            .max_jitter(of.time("max_jitter")?)
            .max_join_peers(of.plain("max_join_peers")?)
            .build())
    })?;
    Ok(MergeConfig::builder()
        .bubble_merge(bubble.unwrap_or(BubbleMergeConfig::Disabled))
        .message_overlap_merge(overlap.unwrap_or(MessageOverlapMergeConfig::Disabled))
        .build())
}

fn timeouts(of: &Fields<'_, '_>) -> PyResult<TimeoutConfig> {
    Ok(TimeoutConfig::builder()
        .join_peer_timeout(of.time("join_peer_timeout")?)
        .broadcast_timeout(of.time("broadcast_timeout")?)
        .broadcast_neighbors_timeout(of.time("broadcast_neighbors_timeout")?)
        .build())
}

/// The options of a node: a `NodeConfig`.
pub(crate) fn node_config(object: &Bound<'_, PyAny>) -> PyResult<NodeConfig> {
    let of = Fields(object);
    let lookups = [("default", AddressLookups::Default), ("none", AddressLookups::None)];
    let addresses: Vec<String> = of.plain("bind_addresses")?;
    let addresses: Result<Vec<_>, _> = addresses.iter().map(|address| parse::socket_addr(address)).collect();
    let mut builder = NodeConfig::builder()
        .relays(relays(&of)?)
        .address_lookups(of.one_of("address_lookups", &lookups)?)
        .bind_addresses(addresses.map_err(Fault::from)?)
        .port_mapping(of.plain("port_mapping")?)
        .max_message_size(of.plain("max_message_size")?)
        .shutdown_timeout(of.time("shutdown_timeout")?)
        .topics(topic_config(&of.get("topics")?)?);
    let key = of.get("secret_key")?;
    if !key.is_none() {
        builder = builder.secret_key(key.cast::<SecretKey>()?.get().0.clone());
    }
    let config = builder.build();
    config.validate().map_err(Fault::from)?;
    Ok(config)
}

/// A word, or a list of URLs.
fn relays(of: &Fields<'_, '_>) -> PyResult<Relays> {
    let value = of.get("relays")?;
    if value.is_instance_of::<PyString>() {
        let disabled = of.one_of("relays", &[("default", false), ("disabled", true)])?;
        return Ok(if disabled { Relays::Disabled } else { Relays::Default });
    }
    Ok(Relays::Custom(value.extract()?))
}

/// An optional object of a class of this module's, for arguments that may be left out.
pub(crate) fn optional<'a, 'py, T: PyTypeInfo>(
    object: &'a Option<Bound<'py, PyAny>>,
) -> PyResult<Option<&'a Bound<'py, T>>> {
    object.as_ref().filter(|object| !object.is_none()).map(|object| object.cast::<T>().map_err(Into::into)).transpose()
}

/// The engine's own view of a `TopicConfig`, as text; raises if it refuses one of the options.
#[pyfunction]
pub(crate) fn show_topic_config(config: &Bound<'_, PyAny>) -> PyResult<String> {
    topic_config(config).map(|config| format!("{config:?}"))
}

/// The engine's defaults, as `show_topic_config` has them.
#[pyfunction]
pub(crate) fn default_topic_config() -> String {
    format!("{:?}", Config::default())
}

/// How patient a DHT client on loopback is, in seconds.
#[pyfunction]
pub(crate) fn testnet_request_timeout() -> f64 {
    Testnet::dht_config_for(&[]).request_timeout().as_secs_f64()
}
