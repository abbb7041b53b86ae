//! The one DHT client of a process and configuration: opened when it is needed, and anew when it has gone deaf.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs},
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock, Mutex, Weak},
    time::Duration,
};

use futures_util::FutureExt;
use mainline::{DEFAULT_BOOTSTRAP_NODES, async_dht::AsyncDht};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::stats::DhtCounters;
use crate::{
    config::DhtConfig,
    error::{Error, Result},
};

/// So many queries may begin at once, and another whenever one of them has ended. Beyond these they begin at least this far apart:
/// each sends some forty packets at once, and the answers to many at once would overflow the socket's buffer.
const BURST: usize = 8;
const QUERY_SPACING: Duration = Duration::from_millis(15);
/// Queries that run at once. Each packet costs the client a walk over all of them.
const MAX_QUERIES: usize = 24;
/// After this many lookups in a row that nobody answered, and this long without any answer, the client is built anew.
const DEAF_AFTER: u64 = 3;
const SILENT_FOR: Duration = Duration::from_secs(20);
const REBUILD_FIRST: Duration = Duration::from_secs(30);
const REBUILD_MOST: Duration = Duration::from_secs(300);
/// A store goes to all that answered the lookup before it, and the client panics when those are more (mainline 8.0).
const MAX_ANSWERS: u32 = u8::MAX as u32;
/// Slots whose lookups too many answered that are remembered.
const MAX_CROWDED: usize = 256;
/// Nodes of the old routing table that a new client starts from, beside the bootstrap nodes.
const KEEP_NODES: usize = 32;

/// What makes two configurations use the same client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    bootstrap: Option<Vec<String>>,
    port: Option<u16>,
    bind_address: Option<Ipv4Addr>,
    server_mode: bool,
    request_timeout: Duration,
}

#[derive(Debug)]
pub(super) struct Shared {
    key: Key,
    pub(super) client: tokio::sync::Mutex<Client>,
    running: Arc<Semaphore>,
    burst: Arc<Semaphore>,
    /// When the last query began; whoever is next waits with the lock.
    last_begin: tokio::sync::Mutex<Option<Instant>>,
    pub(super) counters: DhtCounters,
    crowded: Mutex<HashMap<[u8; 32], u32>>,
}

#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) dht: Option<AsyncDht>,
    built: Option<Instant>,
    rebuilds: u32,
}

static CLIENTS: LazyLock<Mutex<HashMap<Key, Weak<Shared>>>> = LazyLock::new(Mutex::default);

impl Shared {
    /// The client of this configuration, which is opened at its first use.
    pub(super) fn of(config: &DhtConfig) -> Arc<Self> {
        let key = Key {
            bootstrap: config.bootstrap().clone(),
            port: config.port(),
            bind_address: config.bind_address(),
            server_mode: config.server_mode(),
            request_timeout: config.request_timeout(),
        };
        let mut clients = CLIENTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        clients.retain(|_, shared| shared.strong_count() > 0);
        clients.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let shared = Arc::new(Shared {
                key: key.clone(),
                client: Default::default(),
                running: Arc::new(Semaphore::new(MAX_QUERIES)),
                burst: Arc::new(Semaphore::new(BURST)),
                last_begin: Default::default(),
                counters: DhtCounters::default(),
                crowded: Mutex::default(),
            });
            clients.insert(key, Arc::downgrade(&shared));
            shared
        })
    }

    /// Opens a client on a blocking thread: names have to be resolved. An old one lives on until there is another.
    pub(super) async fn open(&self) -> Result<AsyncDht> {
        let mut client = self.client.lock().await;
        if let Some(dht) = client.dht.as_ref().filter(|_| !self.is_worn_out(&client)) {
            return Ok(dht.clone());
        }
        let old = client.dht.clone();
        let known = match &old {
            Some(old) => AssertUnwindSafe(old.to_bootstrap()).catch_unwind().await.unwrap_or_default(),
            None => Vec::new(),
        };
        if self.key.port.is_some() {
            // Two cannot have the same port.
            client.dht = None;
        }
        client.built = Some(Instant::now());
        client.rebuilds = if old.is_some() { client.rebuilds + 1 } else { 0 };
        let key = self.key.clone();
        let keep = old.filter(|_| key.port.is_none());
        let built = tokio::task::spawn_blocking(move || build(&key, &known)).await;
        match built.map_err(|_| Error::Internal("building the DHT client panicked".into())).flatten() {
            Ok(built) => {
                tracing::debug!(target: "dtt::dht", rebuilds = client.rebuilds, "DHT client open");
                client.dht = Some(built.clone());
                self.counters.deaf.set(0);
                Ok(built)
            }
            Err(error) => keep.ok_or(error),
        }
    }

    /// Whether nobody answers any more: the nodes it knows may all be of another network or another day.
    /// The first node of a DHT of one's own has nobody to begin anew with, and others know it by its port.
    pub(super) fn is_worn_out(&self, client: &Client) -> bool {
        if self.key.bootstrap.as_ref().is_some_and(Vec::is_empty) {
            return false;
        }
        let pause = (REBUILD_FIRST * 2u32.pow(client.rebuilds.min(6))).min(REBUILD_MOST);
        self.counters.deaf.get() >= DEAF_AFTER
            && self.counters.silent_for().is_none_or(|silent| silent >= SILENT_FOR)
            && client.built.is_some_and(|built| built.elapsed() >= pause)
    }

    /// Notes how many nodes answered the last lookup of a slot.
    pub(super) fn note_answers(&self, key: [u8; 32], answers: u32) {
        let mut crowded = self.crowded.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if answers <= MAX_ANSWERS {
            crowded.remove(&key);
            return;
        }
        if crowded.len() >= MAX_CROWDED {
            crowded.clear();
        }
        crowded.insert(key, answers);
    }

    /// Refuses a store into a slot that hundreds of nodes claim to keep: the client would not survive it.
    pub(super) fn check_room(&self, key: &[u8; 32]) -> Result<()> {
        let crowded = self.crowded.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        crowded.get(key).map_or(Ok(()), |answers| {
            let reason = format!("{answers} DHT nodes answer for this slot, a store can go to {MAX_ANSWERS} at most");
            Err(dht_error("store", reason))
        })
    }

    /// Waits until another query may begin; it runs as long as the turn is held.
    pub(super) async fn take_turn(&self) -> Result<Turn> {
        let closed = |_| Error::Internal("the queue of DHT queries is closed".into());
        let running = self.running.clone().acquire_owned().await.map_err(closed)?;
        let mut last = self.last_begin.lock().await;
        let at = last.map_or_else(Instant::now, |last| last + QUERY_SPACING);
        let burst = tokio::select! {
            biased;
            burst = self.burst.clone().acquire_owned() => Some(burst.map_err(closed)?),
            () = tokio::time::sleep_until(at) => None,
        };
        *last = Some(Instant::now());
        Ok(Turn { _running: running, _burst: burst })
    }
}

/// The right to run a query.
#[derive(Debug)]
pub(super) struct Turn {
    _running: OwnedSemaphorePermit,
    _burst: Option<OwnedSemaphorePermit>,
}

/// Opens a client. `known` are nodes of an earlier one.
fn build(key: &Key, known: &[String]) -> Result<AsyncDht> {
    let names: Vec<&str> = match &key.bootstrap {
        Some(nodes) => nodes.iter().map(String::as_str).collect(),
        None => DEFAULT_BOOTSTRAP_NODES.to_vec(),
    };
    let mut nodes: Vec<SocketAddrV4> = names.iter().flat_map(|name| resolve(name)).collect();
    nodes.extend(known.iter().take(KEEP_NODES).flat_map(|node| resolve(node)));
    if nodes.is_empty() && !names.is_empty() {
        return Err(dht_error(
            "start",
            format!("none of the {} bootstrap names resolves to an IPv4 address", names.len()),
        ));
    }
    let mut builder = mainline::Dht::builder();
    builder.bootstrap(&nodes).request_timeout(key.request_timeout);
    if let Some(port) = key.port {
        builder.port(port);
    }
    if let Some(address) = key.bind_address {
        builder.bind_address(address);
    }
    if key.server_mode {
        builder.server_mode();
    }
    bind_patiently(|| builder.build())
        .map(mainline::Dht::as_async)
        .map_err(|error| Error::Bind { what: "the DHT socket", reason: error.to_string() })
}

/// A client that was just dropped frees its fixed port within a moment.
fn bind_patiently<T>(bind: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
    for _ in 0..5 {
        match bind() {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                std::thread::sleep(Duration::from_millis(100));
            }
            other => return other,
        }
    }
    bind()
}

fn resolve(name: &str) -> Vec<SocketAddrV4> {
    let addresses = name.to_socket_addrs().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    let v4 = |address| match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(_) => None,
    };
    addresses.into_iter().filter_map(v4).collect()
}

pub(super) fn dht_error(operation: &'static str, reason: impl Into<String>) -> Error {
    Error::Dht { operation, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_too_many_nodes_keep_takes_no_store_until_there_are_fewer() {
        let shared = Shared::of(&DhtConfig::default());
        let (crowded, other) = ([1; 32], [2; 32]);
        shared.note_answers(crowded, 256);
        let error = shared.check_room(&crowded).unwrap_err().to_string();
        assert_eq!(error, "dht store failed: 256 DHT nodes answer for this slot, a store can go to 255 at most");
        assert!(shared.check_room(&other).is_ok());
        shared.note_answers(crowded, 255);
        assert!(shared.check_room(&crowded).is_ok());
    }
}
