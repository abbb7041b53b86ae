//! Options: all of them by key and as text, from the engine's table.

use std::{
    ffi::{CString, c_char},
    ptr::null,
    sync::{LazyLock, Mutex, MutexGuard},
};

use dtt_core::{
    NodeConfig, SecretKey, Testnet,
    options::{self, Options, Row, Scope},
    parse,
    sync::Unpoisoned,
};

use super::{
    entry::{Fault, Outcome, answer, entry, release},
    error::dtt_error_t,
    handle::{self, Opaque, Out},
    status::dtt_status_t::{self, *},
};

/// Options of a node and of topics. What is not set has its default. They are copied by whatever they are given to, so that they
/// can be changed and freed right after.
///
/// A node takes all of them: dtt_node_spawn. A topic takes the topic options, and has those that are not set from its node:
/// dtt_join_options_set_config. docs/options.md has every option, and so has dtt_config_key.
pub struct dtt_config_t(Mutex<Held>);

impl Opaque for dtt_config_t {
    const NAME: &'static str = "dtt_config_t";
}

#[derive(Default)]
pub(super) struct Held {
    pub(super) options: Options,
    /// The one option that is no text.
    secret_key: Option<SecretKey>,
}

impl Held {
    pub(super) fn to_node_config(&self) -> NodeConfig {
        match &self.secret_key {
            Some(key) => self.options.to_node_builder().secret_key(key.clone()).build(),
            None => self.options.to_node_config(),
        }
    }

    /// What a topic takes; refused if there is what only a node has.
    pub(super) fn of_topic(&self) -> Outcome<Options> {
        if self.secret_key.is_some() {
            return Err(Fault::new(DTT_INVALID_ARGUMENT, "secret_key: it is set for a topic, but only a node has one"));
        }
        self.options.check_topic()?;
        Ok(self.options.clone())
    }
}

impl dtt_config_t {
    pub(super) fn for_testnet(bootstrap: &[String]) -> Outcome<Self> {
        let options = Testnet::options_for(bootstrap)?;
        Ok(Self(Mutex::new(Held { options, secret_key: None })))
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unpoisoned()
    }
}

/// Makes options of which none is set. Freed with dtt_config_free. Any thread. DTT_OK, DTT_NULL.
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

/// Sets an option by its key: dtt_config_set(config, "dht.get_timeout", "2500ms", &error).
///
/// Times have a unit: "250ms", "10s", "2min" (d, h, min, s, ms, us, ns). Sizes are bytes, or have a unit: "4096", "4KiB", "1MiB".
/// Switches are "true" or "false". Entries of a list have commas between them: "192.0.2.1:6881,router.example:6881". "default" sets
/// any option to its default. The option's limits are checked at once, and what concerns several options by dtt_config_validate.
///
/// Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_UTF8, DTT_UNKNOWN_OPTION with the nearest key in the message,
/// DTT_INVALID_ARGUMENT with the key, the value and the limits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set(
    config: *mut dtt_config_t,
    key: *const c_char,
    value: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let config = handle::borrow(config, "config")?;
        let (row, value) = (row_of(handle::text(key, "key")?)?, handle::text(value, "value")?);
        Ok(config.held().options.set(row.key, value)?)
    })
}

/// Sets several options: "key=value" with commas between them. A piece without a key belongs to the list before it:
/// "dht.bootstrap=192.0.2.1:6881,192.0.2.2:6881,event_capacity=64". If one of them is wrong, none is set. The library reads no
/// environment variable by itself; programs can hand one in here, as the examples do with DTT_CONFIG.
///
/// Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_UTF8, and DTT_INVALID_ARGUMENT, for an unknown key too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_all(
    config: *mut dtt_config_t,
    text: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || Ok(handle::borrow(config, "config")?.held().options.set_all(handle::text(text, "text")?)?))
}

/// An option as text: what it was set to, or its default. Freed with dtt_string_free. Any thread.
/// DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_UTF8, DTT_UNKNOWN_OPTION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_get(
    config: *const dtt_config_t,
    key: *const c_char,
    out: *mut *mut c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (out, config) = (Out::new(out, "out")?, handle::borrow(config, "config")?);
        let row = row_of(handle::text(key, "key")?)?;
        out.give_text(config.held().options.get(row.key)?.to_owned());
        Ok(())
    })
}

/// Checks what concerns several options, as dtt_node_spawn does, and dtt_node_join on a node with the default options. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE,
/// DTT_INVALID_ARGUMENT with a message that names the option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_validate(
    config: *const dtt_config_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || Ok(handle::borrow(config, "config")?.held().to_node_config().validate()?))
}

/// The secret key of a node, which makes its id: 32 bytes, DTT_KEY_LEN. They are copied. Without one, each node has a new key.
/// Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_LENGTH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_set_secret_key(
    config: *mut dtt_config_t,
    key: *const u8,
    key_len: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let key = SecretKey::from_bytes(&handle::array(key, key_len, "key")?);
        handle::borrow(config, "config")?.held().secret_key = Some(key);
        Ok(())
    })
}

/// Sets the options of a node of a testnet that another process runs, by its bootstrap list (with commas between the entries, as
/// dtt-testnet prints it and dtt_testnet_bootstrap gives it): its DHT with little patience, loopback only, no relay, no address
/// lookup, no port mapping, so that nothing reaches beyond this machine. Other options stay.
/// Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_UTF8, DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_use_testnet(
    config: *mut dtt_config_t,
    bootstrap: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let config = handle::borrow(config, "config")?;
        let bootstrap = parse::bootstrap_list(handle::text(bootstrap, "bootstrap")?)?;
        config.held().options.extend(&Testnet::options_for(&bootstrap)?);
        Ok(())
    })
}

/// What dtt_config_about tells of an option.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub enum dtt_about_t {
    /// What it does.
    DTT_ABOUT_DOC = 0,
    /// The type of its value: "time", "number", "size", "true or false" and others.
    DTT_ABOUT_TYPE = 1,
    /// Its default, as text.
    DTT_ABOUT_DEFAULT = 2,
    /// Its limits, "1ms to 365d" for example; empty if it has none but those of its type.
    DTT_ABOUT_LIMITS = 3,
    /// The version that had it first.
    DTT_ABOUT_SINCE = 4,
    /// "node" for an option of a node alone, "topic" for one that a topic can have as well.
    DTT_ABOUT_SCOPE = 5,
}

/// The key of the option with this number, counted from 0; NULL at the end. So a loop finds every option. The text is static. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn dtt_config_key(index: usize) -> *const c_char {
    answer(null(), || Ok(TEXTS.get(index).map_or(null(), |(key, _)| key.as_ptr())))
}

/// What the library knows of an option, by its key: `what` is one of dtt_about_t. NULL for an unknown key and for an unknown number.
/// The text is static. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_config_about(key: *const c_char, what: i32) -> *const c_char {
    answer(null(), || {
        let key = handle::text(key, "key")?;
        let found = TEXTS.iter().find(|(known, _)| known.to_bytes() == key.as_bytes());
        let text = found.and_then(|(_, about)| about.get(usize::try_from(what).ok()?));
        Ok(text.map_or(null(), |text| text.as_ptr()))
    })
}

/// Each key, and what is told of it by the places of `dtt_about_t`.
static TEXTS: LazyLock<Vec<(CString, [CString; 6])>> = LazyLock::new(|| {
    let text = |text: &str| CString::new(text).unwrap_or_default();
    let about = |row: &Row| {
        let scope = if row.scope == Scope::Node { "node" } else { "topic" };
        [row.doc.as_str(), row.kind.name(), row.default, &row.limits.to_string(), row.since, scope].map(text)
    };
    options::rows().iter().map(|row| (text(row.key), about(row))).collect()
});

fn row_of(key: &str) -> Outcome<&'static Row> {
    options::row(key).map_err(|error| Fault::new(DTT_UNKNOWN_OPTION, error.to_string()))
}
