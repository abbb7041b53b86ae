//! Another process that uses this node's key.
//!
//! To other nodes, two processes with one key are one node. Each misses messages and neighbors that the other gets. A
//! node suspects an address if a record or a join names it as the node's own, or if a common neighbor does
//! ([`tell_of_each_other`]). Then the node asks at that address. The handshake proves that the other side has the key.
//! The other side says a number that it drew when it started: a node that reaches itself finds its own number.
//!
//! iroh refuses to connect a node to its own id, so the question comes from an endpoint with a temporary key. A signature
//! over the connection's exported secret (RFC 5705) shows the other side that the question comes from a process with the
//! key, too. So both are told, and nobody else can tell them.

mod hint;
mod question;

use std::{
    collections::HashMap,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use iroh::{
    Endpoint, RelayMode, TransportAddr,
    endpoint::Connection,
    protocol::{AcceptError, ProtocolHandler},
};
use lru::LruCache;
use tokio::{
    select,
    sync::{Semaphore, mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) use hint::{read_hint, tell_of_each_other};
pub(super) use question::ALPN;
use question::{Number, PATIENCE};

use crate::{sync::Unpoisoned, wire::Record};

/// The same address is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// An answer counts for this long. As long as the other process answers, it is asked again before that.
const RECENT: Duration = Duration::from_secs(90);
/// Suspicions that wait, of each source. Further ones are dropped, so that nobody can make a node dial at will.
const WAITING: usize = 4;
/// Addresses of one suspicion that are asked.
const MAX_ADDRESSES: usize = 8;
/// Addresses that are remembered as asked.
const MAX_ASKED: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Records of this process that are remembered.
const MAX_WRITTEN: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Questions of others that are answered at once.
const ANSWERS: usize = 8;
/// How long a node that closes waits for its own question to end.
const END: Duration = Duration::from_millis(500);

/// Looks for other processes with the node's key, and answers them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SameKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    relays: RelayMode,
    bind_addresses: Vec<SocketAddr>,
    number: Number,
    /// Suspicions by records, and those by others, so that others cannot crowd out the records.
    by_records: mpsc::Sender<Vec<TransportAddr>>,
    by_others: mpsc::Sender<Vec<TransportAddr>>,
    asked: Mutex<LruCache<TransportAddr, Instant>>,
    /// The first bytes of the signatures of this process's records.
    written: Mutex<LruCache<[u8; 8], ()>>,
    answers: Semaphore,
    /// When another process with the key was last met.
    met: watch::Sender<Option<Instant>>,
    paused: AtomicBool,
    token: CancellationToken,
    tasks: TaskTracker,
}

impl SameKey {
    /// For a node with this endpoint. Questions use the same relays and interfaces, and end with the token.
    pub(super) fn new(
        endpoint: Endpoint,
        relays: RelayMode,
        bind_addresses: &[SocketAddr],
        token: CancellationToken,
    ) -> Self {
        let ((by_records, records), (by_others, others)) = (mpsc::channel(WAITING), mpsc::channel(WAITING));
        let same_key = Self(Arc::new(Inner {
            endpoint,
            relays,
            bind_addresses: bind_addresses.to_vec(),
            number: rand::random(),
            by_records,
            by_others,
            asked: Mutex::new(LruCache::new(MAX_ASKED)),
            written: Mutex::new(LruCache::new(MAX_WRITTEN)),
            answers: Semaphore::new(ANSWERS),
            met: watch::Sender::new(None),
            paused: AtomicBool::new(false),
            token,
            tasks: TaskTracker::new(),
        }));
        same_key.0.tasks.spawn(same_key.clone().work(records, others));
        same_key
    }

    /// A paused node asks nothing.
    pub(super) fn set_paused(&self, paused: bool) {
        self.0.paused.store(paused, Ordering::SeqCst);
    }

    /// Notes a record that this process stores.
    pub(super) fn wrote(&self, record: &Record) {
        self.0.written.lock().unpoisoned().put(mark(record), ());
    }

    /// A record of this node names these addresses as the node's own. If this process did not write the record, another
    /// one did: one that runs, or one that is gone.
    pub(super) fn own_record(&self, record: &Record, addresses: impl Iterator<Item = TransportAddr>) {
        if !self.0.written.lock().unpoisoned().contains(&mark(record)) {
            // The other process may use the same relay. The relay delivers to the process that came last.
            let own = self.0.endpoint.addr().ip_addrs().copied().collect::<Vec<_>>();
            let is_foreign = |address: &TransportAddr| !matches!(address, TransportAddr::Ip(ip) if own.contains(ip));
            self.suspect(&self.0.by_records, addresses.filter(is_foreign));
        }
    }

    /// Somebody else says that this node is at these addresses.
    pub(super) fn hint(&self, addresses: impl Iterator<Item = TransportAddr>) {
        let own = self.0.endpoint.addr().addrs;
        self.suspect(&self.0.by_others, addresses.filter(|address| !own.contains(address)));
    }

    fn suspect(&self, queue: &mpsc::Sender<Vec<TransportAddr>>, addresses: impl Iterator<Item = TransportAddr>) {
        let relays = self.0.relays.relay_map();
        let known = |address: &TransportAddr| match address {
            TransportAddr::Relay(url) => relays.contains(url),
            _ => true,
        };
        let addresses: Vec<_> = addresses.filter(known).take(MAX_ADDRESSES).collect();
        if !addresses.is_empty() && !self.0.paused.load(Ordering::SeqCst) {
            // If the queue is full, another record or hint comes later.
            let _ = queue.try_send(addresses);
        }
    }

    /// Asks one suspicion after the other, and a process that answered again and again.
    async fn work(
        self,
        mut records: mpsc::Receiver<Vec<TransportAddr>>,
        mut others: mpsc::Receiver<Vec<TransportAddr>>,
    ) {
        let mut known: HashMap<Vec<TransportAddr>, Instant> = HashMap::new();
        loop {
            let next =
                known.iter().min_by_key(|(_, at)| **at).map(|(addresses, at)| (addresses.clone(), *at + ASK_AGAIN));
            let addresses = select! {
                biased;
                () = self.0.token.cancelled() => return,
                Some(addresses) = records.recv() => self.not_asked(addresses),
                Some(addresses) = others.recv() => self.not_asked(addresses),
                addresses = due(next) => addresses,
            };
            known.remove(&addresses);
            if !addresses.is_empty() && !self.0.paused.load(Ordering::SeqCst) && self.look(&addresses).await {
                known.insert(addresses, Instant::now());
            }
        }
    }

    /// Those that were not asked lately. They count as asked now.
    fn not_asked(&self, addresses: Vec<TransportAddr>) -> Vec<TransportAddr> {
        let mut asked = self.0.asked.lock().unpoisoned();
        let mut new = addresses;
        new.retain(|address| asked.peek(address).is_none_or(|at| at.elapsed() >= ASK_AGAIN));
        for address in &new {
            asked.put(address.clone(), Instant::now());
        }
        new
    }

    /// Whether another process with the key is at one of these addresses.
    async fn look(&self, addresses: &[TransportAddr]) -> bool {
        match self.ask(addresses.to_vec()).await {
            // One of them leads to this node itself. That says nothing about the others.
            Some(number) if number == self.0.number && addresses.len() > 1 => {
                for address in addresses {
                    if self.ask(vec![address.clone()]).await.is_some_and(|number| self.note(number)) {
                        return true;
                    }
                }
                false
            }
            Some(number) => self.note(number),
            None => false,
        }
    }

    async fn ask(&self, addresses: Vec<TransportAddr>) -> Option<Number> {
        let has_relay = addresses.iter().any(TransportAddr::is_relay);
        let relays = if has_relay { self.0.relays.clone() } else { RelayMode::Disabled };
        let asker = question::asker(&self.0.bind_addresses, relays).await?;
        let ask = question::ask(&asker, self.0.endpoint.secret_key(), &self.0.number, addresses);
        let number = self.0.token.run_until_cancelled(ask).await.flatten();
        // Closing takes seconds if nobody answered.
        self.0.tasks.spawn(async move { asker.close().await });
        number
    }

    /// Whether this is the number of another process.
    fn note(&self, number: Number) -> bool {
        if number == self.0.number {
            return false;
        }
        if !self.is_in_use() {
            tracing::warn!(
                target: "dtt::node", id = %self.0.endpoint.id(),
                "another process uses this node's key; each node needs a key of its own"
            );
        }
        self.0.met.send_replace(Some(Instant::now()));
        true
    }

    /// Whether another process with the key was there lately.
    pub(super) fn is_in_use(&self) -> bool {
        is_recent(&self.0.met.borrow())
    }

    /// Resolves when another process with the key is known, now or lately.
    pub(super) fn met(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut met = self.0.met.subscribe();
        async move {
            if met.wait_for(is_recent).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// [`SameKey::met`], but only after the present one has been gone for a while.
    pub(super) fn met_again(&self) -> impl Future<Output = ()> + Send + use<> {
        let (watched, next) = (self.0.met.subscribe(), self.met());
        async move {
            loop {
                let last = *watched.borrow();
                match last.filter(|_| is_recent(&last)) {
                    Some(at) => sleep_until(at + RECENT).await,
                    None => break,
                }
            }
            next.await
        }
    }
}

/// Waits until the addresses are to be asked again. Without any, no timer wakes the machine.
async fn due(next: Option<(Vec<TransportAddr>, Instant)>) -> Vec<TransportAddr> {
    let Some((addresses, at)) = next else { return std::future::pending().await };
    sleep_until(at).await;
    addresses
}

fn is_recent(met: &Option<Instant>) -> bool {
    met.is_some_and(|at| at.elapsed() < RECENT)
}

/// Tells records of one key apart.
fn mark(record: &Record) -> [u8; 8] {
    let signature = record.signature();
    std::array::from_fn(|at| signature[at])
}

/// Answers other processes with the node's key.
impl ProtocolHandler for SameKey {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        // Strangers may ask, too. They get no answer, and not much time.
        let Ok(_turn) = self.0.answers.try_acquire() else { return Ok(()) };
        if let Some(number) = question::answer(&connection, self.0.endpoint.secret_key(), &self.0.number).await {
            self.note(number);
            // The one who asks closes the connection when it has the answer.
            let _ = timeout(PATIENCE, connection.closed()).await;
        }
        Ok(())
    }

    async fn shutdown(&self) {
        self.0.tasks.close();
        let _ = timeout(END, self.0.tasks.wait()).await;
    }
}
