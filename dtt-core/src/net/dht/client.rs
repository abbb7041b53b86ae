//! The one DHT client of a process and configuration. It opens when it is needed, and is replaced when nodes no longer
//! answer it.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs},
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock, Mutex, MutexGuard, Weak},
    time::Duration,
};

use futures_util::FutureExt;
use mainline::{DEFAULT_BOOTSTRAP_NODES, async_dht::AsyncDht};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::net::stats::DhtCounters;
use crate::{
    config::DhtConfig,
    error::{Error, Result},
    sync::Unpoisoned,
};

/// Queries that may begin at once. Another may begin whenever one of them has ended. Any further query begins at least
/// `QUERY_SPACING` after the one before: each query sends some forty packets at once, and the answers to many queries
/// at once would overflow the socket's buffer.
const BURST: usize = 8;
const QUERY_SPACING: Duration = Duration::from_millis(15);
/// Queries that run at once. Each packet costs the client a walk over all of them.
const MAX_QUERIES: usize = 24;
/// The client is replaced after this many lookups in a row without an answer, and this long without any success.
const MAX_UNANSWERED: u64 = 3;
const SILENT_FOR: Duration = Duration::from_secs(20);
const REBUILD_FIRST: Duration = Duration::from_secs(30);
const REBUILD_MOST: Duration = Duration::from_secs(300);
/// A store goes to all nodes that answered the lookup before it. If there are more than these, the client panics
/// (mainline 8.0).
const MAX_ANSWERS: u32 = u8::MAX as u32;
/// Slots that are remembered because too many nodes answered their lookup.
const MAX_CROWDED: usize = 256;
/// How long a dropped client may hold its port: by default, a query takes no longer than this.
const PORT_FREE: Duration = Duration::from_secs(12);
/// How long a dropped client without queries may hold its port.
const MOMENT: Duration = Duration::from_millis(500);
/// Nodes of the old routing table that a new client starts from, in addition to the bootstrap nodes.
const KEEP_NODES: usize = 32;
/// Bootstrap names that an error shows.
const SHOWN: usize = 8;

/// The part of a configuration that decides which client it uses.
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
    client: Mutex<Client>,
    /// Held while a client is opened, which may take as long as names take to resolve.
    opening: tokio::sync::Mutex<()>,
    running: Arc<Semaphore>,
    burst: Arc<Semaphore>,
    /// When the last query began. The next query waits while it holds this lock.
    last_begin: tokio::sync::Mutex<Option<Instant>>,
    pub(super) counters: DhtCounters,
    crowded: Mutex<HashMap<[u8; 32], u32>>,
}

#[derive(Debug, Default)]
struct Client {
    dht: Option<Numbered>,
    built: Option<Instant>,
    rebuilds: u32,
}

/// A client, and a number that distinguishes it from the clients before and after it.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub(super) dht: AsyncDht,
    number: u32,
}

static CLIENTS: LazyLock<Mutex<HashMap<Key, Weak<Shared>>>> = LazyLock::new(Mutex::default);

impl Shared {
    /// The client of this configuration. It opens at its first use.
    pub(super) fn of(config: &DhtConfig) -> Arc<Self> {
        let key = Key {
            bootstrap: config.bootstrap().clone(),
            port: config.port(),
            bind_address: config.bind_address(),
            server_mode: config.server_mode(),
            request_timeout: config.request_timeout(),
        };
        let mut clients = CLIENTS.lock().unpoisoned();
        clients.retain(|_, shared| shared.strong_count() > 0);
        clients.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let shared = Arc::new(Shared {
                key: key.clone(),
                client: Mutex::default(),
                opening: Default::default(),
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

    fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().unpoisoned()
    }

    /// The client, if there is one.
    pub(super) fn present(&self) -> Option<AsyncDht> {
        self.client().dht.as_ref().map(|client| client.dht.clone())
    }

    /// The client, if there is one that nodes still answer.
    pub(super) fn usable(&self) -> Option<Numbered> {
        let client = self.client();
        client.dht.as_ref().filter(|_| !self.is_worn_out(&client)).cloned()
    }

    /// Forgets a client whose thread has died. If another client has taken its place already, that one stays.
    pub(super) fn lost(&self, lost: &Numbered) {
        let mut client = self.client();
        if client.dht.as_ref().is_some_and(|present| present.number == lost.number) {
            client.dht = None;
        }
    }

    /// Opens a client on a blocking thread, since names have to be resolved. An old client lives on until there is
    /// another, unless both need the same fixed port.
    pub(super) async fn open(&self) -> Result<Numbered> {
        let _opening = self.opening.lock().await;
        if let Some(usable) = self.usable() {
            return Ok(usable);
        }
        let old = self.present();
        let known = match &old {
            Some(old) => AssertUnwindSafe(old.to_bootstrap()).catch_unwind().await.unwrap_or_default(),
            None => Vec::new(),
        };
        drop(old);
        let number = {
            let mut client = self.client();
            if self.key.port.is_some() {
                // Two clients cannot have the same port.
                client.dht = None;
            }
            client.rebuilds = client.built.map_or(0, |_| client.rebuilds + 1);
            client.built = Some(Instant::now());
            client.rebuilds
        };
        let key = self.key.clone();
        let built =
            tokio::task::spawn_blocking(move || build(&key, &known, if number == 0 { MOMENT } else { PORT_FREE }))
                .await;
        let built = built.map_err(|_| Error::Internal("building the DHT client panicked".into())).flatten();
        let mut client = self.client();
        match built {
            Ok(dht) => {
                tracing::debug!(target: "dtt::dht", rebuilds = number, "DHT client open");
                let built = Numbered { dht, number };
                client.dht = Some(built.clone());
                self.counters.unanswered_in_a_row.set(0);
                Ok(built)
            }
            Err(error) => client.dht.clone().ok_or(error),
        }
    }

    /// Whether nodes have stopped answering: all nodes that the client knows may have gone, or be of another network.
    /// Never true for the first node of a private DHT, which has no bootstrap nodes: a new client would know no node to
    /// start from, and others know this one by its port.
    fn is_worn_out(&self, client: &Client) -> bool {
        if self.key.bootstrap.as_ref().is_some_and(Vec::is_empty) {
            return false;
        }
        let pause = (REBUILD_FIRST * 2u32.pow(client.rebuilds.min(6))).min(REBUILD_MOST);
        self.counters.unanswered_in_a_row.get() >= MAX_UNANSWERED
            && self.counters.silent_for().is_none_or(|silent| silent >= SILENT_FOR)
            && client.built.is_some_and(|built| built.elapsed() >= pause)
    }

    /// Notes how many nodes answered the last lookup of a slot.
    pub(super) fn note_answers(&self, key: [u8; 32], answers: u32) {
        let mut crowded = self.crowded.lock().unpoisoned();
        if answers <= MAX_ANSWERS {
            crowded.remove(&key);
            return;
        }
        if crowded.len() >= MAX_CROWDED {
            crowded.clear();
        }
        crowded.insert(key, answers);
    }

    /// Refuses a store into a slot that hundreds of nodes claim to keep, since the client would panic.
    pub(super) fn check_room(&self, key: &[u8; 32]) -> Result<()> {
        let crowded = self.crowded.lock().unpoisoned();
        crowded.get(key).map_or(Ok(()), |answers| {
            let reason = format!("{answers} DHT nodes answer for this slot; a store can go to at most {MAX_ANSWERS}");
            Err(dht_error("store", reason))
        })
    }

    /// Waits until another query may begin. The query may run as long as the turn is held.
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

/// Opens a client. `known` are nodes of an earlier client. That client may hold the port for a while, and `patience`
/// says for how long.
fn build(key: &Key, known: &[String], patience: Duration) -> Result<AsyncDht> {
    let names: Vec<&str> = match &key.bootstrap {
        Some(nodes) => nodes.iter().map(String::as_str).collect(),
        None => DEFAULT_BOOTSTRAP_NODES.to_vec(),
    };
    let mut nodes: Vec<SocketAddrV4> = names.iter().flat_map(|name| resolve(name)).collect();
    nodes.extend(known.iter().take(KEEP_NODES).flat_map(|node| resolve(node)));
    if nodes.is_empty() && !names.is_empty() {
        return Err(dht_error("start", unresolved(&names)));
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
    bind_patiently(patience, || builder.build())
        .map(mainline::Dht::as_async)
        .map_err(|error| Error::Bind { what: "the DHT socket", reason: error.to_string() })
}

/// Binds, and tries again for a while if the port is in use: a dropped client frees its fixed port only when its last
/// queries have ended.
fn bind_patiently<T>(patience: Duration, bind: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
    let begin = std::time::Instant::now();
    while begin.elapsed() < patience {
        match bind() {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                std::thread::sleep(Duration::from_millis(100));
            }
            other => return other,
        }
    }
    bind()
}

fn unresolved(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("no bootstrap name resolves to an IPv4 address: {shown}{rest}")
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

    #[tokio::test]
    async fn a_late_panic_of_an_old_client_leaves_the_present_one() {
        let bootstrap = vec!["127.0.0.1:1".to_owned()];
        let config = DhtConfig::builder().bootstrap(Some(bootstrap)).bind_address(Some(Ipv4Addr::LOCALHOST)).build();
        let shared = Shared::of(&config);
        let old = shared.open().await.unwrap();
        shared.lost(&old);
        assert!(shared.present().is_none());
        let present = shared.open().await.unwrap();
        shared.lost(&old);
        assert!(shared.present().is_some() && present.number != old.number);
        let _opening = shared.opening.lock().await;
        assert!(shared.usable().is_some(), "using the client and counting its nodes do not wait for another to open");
    }

    #[test]
    fn names_that_do_not_resolve_are_named() {
        let text = "no bootstrap name resolves to an IPv4 address: ";
        assert_eq!(unresolved(&["a.example:1", "b.example:2"]), format!("{text}a.example:1, b.example:2"));
        let many = unresolved(&["a:1"; SHOWN + 2]);
        assert_eq!(many, format!("{text}{} and 2 more", ["a:1"; SHOWN].join(", ")));
    }

    #[test]
    fn a_crowded_slot_takes_no_store_until_fewer_nodes_answer() {
        let shared = Shared::of(&DhtConfig::default());
        let (crowded, other) = ([1; 32], [2; 32]);
        shared.note_answers(crowded, 256);
        let error = shared.check_room(&crowded).unwrap_err().to_string();
        assert_eq!(error, "dht store failed: 256 DHT nodes answer for this slot; a store can go to at most 255");
        assert!(shared.check_room(&other).is_ok());
        shared.note_answers(crowded, 255);
        assert!(shared.check_room(&crowded).is_ok());
    }
}
