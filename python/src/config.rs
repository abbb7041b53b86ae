//! From the frozen dataclasses of `dtt._options` to the engine's options, by the keys of the engine's table.

use std::time::Duration;

use dtt_core::{
    DhtConfig, NodeConfig, Testnet, TopicConfig,
    options::{self, Kind, Options, Row, Scope, rows},
};
use pyo3::{
    IntoPyObjectExt, PyTypeInfo,
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PySequence, PyString, PyTuple},
};

use crate::{bytes::wrong_type, error::Fault, ids::SecretKey};

/// A time that a program gave in seconds.
pub(crate) fn seconds(name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        Fault::argument(name, format_args!("{seconds} s are given, 0 to 31536000 s (a year) are possible")).into()
    })
}

/// Sets an option to a value of the type that Python has for it. Errors of type name the type, all others are the engine's.
fn set(options: &mut Options, row: &Row, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let wrong = |wanted: &str| wrong_type(row.key, wanted, value);
    let is_bool = value.is_instance_of::<PyBool>();
    let text = match row.kind {
        Kind::Flag if is_bool => value.extract::<bool>()?.to_string(),
        Kind::Flag => return Err(wrong("bool")),
        Kind::Port if value.is_none() => "default".to_owned(),
        Kind::Count | Kind::Size | Kind::Port if !is_bool && value.is_instance_of::<PyInt>() => {
            value.str()?.to_string()
        }
        Kind::Count | Kind::Size | Kind::Port => return Err(wrong("int")),
        Kind::Time => time(row, value)?,
        Kind::Address | Kind::Hosts if value.is_none() => "default".to_owned(),
        Kind::Address | Kind::Choice => value.cast::<PyString>().map_err(|_| wrong("str"))?.to_cow()?.into_owned(),
        Kind::Relays if value.is_instance_of::<PyString>() => {
            let word = value.cast::<PyString>()?.to_cow()?;
            if !matches!(&*word, "default" | "disabled") {
                let problem = format!("{word:.100?} is given, \"default\", \"disabled\" or a list of URLs is possible");
                return Err(Fault::argument(row.key, problem).into());
            }
            word.into_owned()
        }
        Kind::Hosts | Kind::Relays | Kind::Sockets => {
            options.set_list(row.key, &texts(row, value)?).map_err(Fault::from)?;
            return Ok(());
        }
        kind => return Err(Fault::argument(row.key, format_args!("its type {kind:?} is not known")).into()),
    };
    options.set(row.key, &text).map_err(Fault::from)?;
    Ok(())
}

/// Seconds or a `timedelta`, as text.
fn time(row: &Row, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let seconds = match value.getattr_opt("total_seconds")? {
        Some(method) => method.call0()?,
        None => value.clone(),
    };
    let is_number = seconds.is_instance_of::<PyFloat>() || seconds.is_instance_of::<PyInt>();
    if !is_number || seconds.is_instance_of::<PyBool>() {
        return Err(wrong_type(row.key, "seconds (float) or a timedelta", value));
    }
    let number: f64 = seconds.extract()?;
    let time = Duration::try_from_secs_f64(number)
        .map_err(|_| Fault::argument(row.key, format_args!("{number} s is given, {} are possible", row.limits)))?;
    Ok(options::show_time(time))
}

/// A sequence of `str`; a `str` alone is refused, since it would be taken apart.
fn texts(row: &Row, value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let sequence = value.cast::<PySequence>();
    let is_text = value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>();
    let sequence = sequence.ok().filter(|_| !is_text).ok_or_else(|| wrong_type(row.key, "a list of str", value))?;
    let mut found = Vec::new();
    for one in sequence.try_iter()? {
        let one = one?;
        let text = one.cast::<PyString>().map_err(|_| {
            let kind = one.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
            pyo3::exceptions::PyTypeError::new_err(format!("{}: a list of str is needed, not of {kind}", row.key))
        })?;
        found.push(text.to_cow()?.into_owned());
    }
    Ok(found)
}

/// The value that Python has for an option's text.
fn value<'py>(py: Python<'py>, row: &Row, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let is_default = text == "default";
    match row.kind {
        Kind::Flag => (text == "true").into_bound_py_any(py),
        Kind::Port | Kind::Address | Kind::Hosts if is_default => Ok(py.None().into_bound(py)),
        Kind::Count | Kind::Size | Kind::Port => options::parse_size(text).into_bound_py_any(py),
        Kind::Time => options::parse_time(text).unwrap_or_default().as_secs_f64().into_bound_py_any(py),
        Kind::Sockets if is_default => Ok(PyTuple::empty(py).into_any()),
        Kind::Hosts if text == "none" => Ok(PyTuple::empty(py).into_any()),
        Kind::Hosts | Kind::Sockets => Ok(PyTuple::new(py, text.split(',').collect::<Vec<_>>())?.into_any()),
        Kind::Relays if !is_default && text != "disabled" => {
            Ok(PyTuple::new(py, text.split(',').collect::<Vec<_>>())?.into_any())
        }
        _ => text.into_bound_py_any(py),
    }
}

/// One option's value, as it is kept. Raises if it is none of the option's type, or outside the limits.
#[pyfunction]
pub(crate) fn check_option<'py>(key: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let row = options::row(key).map_err(Fault::from)?;
    let mut options = Options::new();
    set(&mut options, row, value)?;
    self::value(value.py(), row, options.get(key).map_err(Fault::from)?)
}

/// `key=value` with commas between them, as a dictionary of what was set, in the order of the table.
#[pyfunction]
pub(crate) fn parse_options<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyDict>> {
    let mut options = Options::new();
    options.set_all(text).map_err(Fault::from)?;
    let found = PyDict::new(py);
    for (row, text) in options.iter() {
        found.set_item(row.key, value(py, row, text)?)?;
    }
    Ok(found)
}

/// Every option's key.
#[pyfunction]
pub(crate) fn option_keys() -> Vec<&'static str> {
    rows().iter().map(|row| row.key).collect()
}

/// Whether an option is one of a node alone.
#[pyfunction]
pub(crate) fn is_node_option(key: &str) -> bool {
    options::row(key).is_ok_and(|row| row.scope == Scope::Node)
}

/// Sets the options of a group by its dataclass, or those of a topic or a node itself.
fn set_group(options: &mut Options, scope: Scope, prefix: &str, object: &Bound<'_, PyAny>) -> PyResult<()> {
    for row in rows().iter().filter(|row| row.scope == scope && row.section.prefix == prefix) {
        match row.name() {
            // Python has None for a group that is switched off.
            "enabled" if object.is_none() => options.set(row.key, "false").map_err(Fault::from)?,
            "enabled" => {}
            _ if object.is_none() => {}
            name => set(options, row, &object.getattr(name)?)?,
        }
    }
    Ok(())
}

fn topic_options(object: &Bound<'_, PyAny>) -> PyResult<Options> {
    let mut options = Options::new();
    let mut prefixes: Vec<_> =
        rows().iter().filter(|row| row.scope == Scope::Topic).map(|row| row.section.prefix).collect();
    prefixes.dedup();
    for prefix in prefixes {
        let group = match prefix.trim_end_matches('.') {
            "" => object.clone(),
            name if name.ends_with("_merge") => object.getattr("merge")?.getattr(name)?,
            name => object.getattr(name)?,
        };
        set_group(&mut options, Scope::Topic, prefix, &group)?;
    }
    Ok(options)
}

/// The options of a topic: a `TopicConfig`.
pub(crate) fn topic_config(object: &Bound<'_, PyAny>) -> PyResult<TopicConfig> {
    let config = topic_options(object)?.to_config();
    config.validate().map_err(Fault::from)?;
    Ok(config)
}

/// How the DHT is reached: a `DhtConfig`.
pub(crate) fn dht_config(object: &Bound<'_, PyAny>) -> PyResult<DhtConfig> {
    let mut options = Options::new();
    set_group(&mut options, Scope::Topic, "dht.", object)?;
    Ok(options.to_config().dht_config().clone())
}

/// The options of a node: a `NodeConfig`.
pub(crate) fn node_config(object: &Bound<'_, PyAny>) -> PyResult<NodeConfig> {
    let mut options = topic_options(&object.getattr("topics")?)?;
    set_group(&mut options, Scope::Node, "", object)?;
    let mut builder = options.to_node_builder();
    let key = object.getattr("secret_key")?;
    if !key.is_none() {
        builder = builder.secret_key(key.cast::<SecretKey>()?.get().0.clone());
    }
    let config = builder.build();
    config.validate().map_err(Fault::from)?;
    Ok(config)
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

/// What differs from the defaults in a `NodeConfig`, by the keys of the engine's table. Its secret key is left out.
#[pyfunction]
pub(crate) fn show_node_options<'py>(config: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(config.py());
    for (row, text) in Options::of_node(&node_config(config)?).map_err(Fault::from)?.iter() {
        found.set_item(row.key, text)?;
    }
    Ok(found)
}

/// The engine's defaults, as `show_topic_config` has them.
#[pyfunction]
pub(crate) fn default_topic_config() -> String {
    format!("{:?}", TopicConfig::default())
}

/// How patient a DHT client on loopback is, in seconds.
#[pyfunction]
pub(crate) fn testnet_request_timeout() -> f64 {
    Testnet::dht_config_for(&[]).request_timeout().as_secs_f64()
}
