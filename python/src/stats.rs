//! The engine's numbers, as the dictionaries that the dataclasses of `dtt._stats` are made of.

use std::time::Duration;

use dtt_core::{DhtHealth, NodeStats, TopicStats};
use pyo3::{prelude::*, types::PyDict};

/// A dictionary of the fields of the same names.
macro_rules! dict {
    ($py:expr, $of:expr; $($field:ident),* $(; $($time:ident),*)?) => {{
        let dict = PyDict::new($py);
        $(dict.set_item(stringify!($field), $of.$field)?;)*
        $($(dict.set_item(stringify!($time), $of.$time.map(|time: Duration| time.as_secs_f64()))?;)*)?
        dict
    }};
}

pub(crate) fn topic<'py>(py: Python<'py>, of: &TopicStats) -> PyResult<Bound<'py, PyDict>> {
    let refused = dict!(py, of.records_refused; malformed, sealed, topic, minute, signature);
    let dict = dict!(py, of; lookups, lookups_unanswered, records_accepted, hints_malformed, stores, stores_failed,
        dials_bootstrap, dials_bubble, dials_overlap, joined, alone, received, sent, neighbors, subscribers,
        queue_depth, lagged, gossip_lagged; first_store, first_record, first_dial, first_neighbor);
    dict.set_item("records_refused", refused)?;
    Ok(dict)
}

pub(crate) fn dht<'py>(py: Python<'py>, of: &DhtHealth) -> PyResult<Bound<'py, PyDict>> {
    Ok(dict!(py, of; routing_table, lookups, lookups_answered, stores, stores_acknowledged; last_success))
}

pub(crate) fn node<'py>(py: Python<'py>, of: &NodeStats) -> PyResult<Bound<'py, PyDict>> {
    let dict = dict!(py, of; topics, known_addresses);
    dict.set_item("dht", self::dht(py, &of.dht)?)?;
    Ok(dict)
}
