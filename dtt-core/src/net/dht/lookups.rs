//! Reading and writing the DHT: streaming lookups, and stores.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ed25519_dalek::{SigningKey, VerifyingKey};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use mainline::{
    MutableItem,
    async_dht::GetMutableDetailed,
    errors::{ConcurrencyError, PutMutableError},
};
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{Numbered, Shared, Turn, dht_error};
use crate::net::stats::DhtHealth;
use crate::{
    config::DhtConfig,
    error::{Error, Result},
    wire::MAX_SEALED_BYTES,
};

/// The pause before a store that has to wait for another one of this process into the same slot.
const OTHER_STORE: Duration = Duration::from_millis(100);

/// A handle to the DHT: cheap to clone, and shared with every handle of an equal configuration in this process.
///
/// Nothing is opened before the first use. The client ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Dht {
    shared: Arc<Shared>,
    config: DhtConfig,
}

/// What a lookup yields: each value as it arrives, then one end.
#[derive(Debug)]
pub(crate) enum Found {
    /// A value, and the sequence number of its item.
    Value(Box<[u8]>, i64),
    End {
        answered: bool,
    },
}

/// Where a mutable item stands (BEP 44): its 32-byte public key and its salt.
#[derive(Debug, Clone)]
pub(in crate::net) struct Place {
    pub(in crate::net) key: [u8; 32],
    pub(in crate::net) salt: Option<Vec<u8>>,
}

impl Dht {
    /// A handle to the client of this configuration.
    pub fn new(config: &DhtConfig) -> Self {
        let shared = Shared::of(config);
        Self { shared, config: config.clone() }
    }

    /// Reads a mutable item (BEP 44). Returns the distinct values that arrived within the lookup's time-out; each
    /// storing node sends one. Fails if no DHT node answered, or if the client cannot be opened.
    pub async fn get(
        &self,
        pub_key: VerifyingKey,
        salt: Option<Vec<u8>>,
        more_recent_than: Option<i64>,
    ) -> Result<Vec<MutableItem>> {
        let mut running = Running::begin(self, pub_key.to_bytes(), salt, more_recent_than).await?;
        let mut items: Vec<MutableItem> = Vec::new();
        while let Some(item) = running.next().await {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        match running.end(self).await {
            true => Ok(items),
            false => Err(dht_error("lookup", "no DHT node answered")),
        }
    }

    /// Stores a mutable item (BEP 44) of at most 996 bytes, with the configured retries. The sequence number is also
    /// the compare-and-swap value, as the deployed protocol has it.
    pub async fn put_mutable(
        &self,
        signing_key: SigningKey,
        salt: Option<Vec<u8>>,
        data: Vec<u8>,
        seq: i64,
    ) -> Result<()> {
        let item = MutableItem::new(signing_key, &data, seq, salt.as_deref());
        let mut attempt = 0;
        loop {
            match self.store(item.clone(), Some(seq)).await {
                Ok(()) => return Ok(()),
                Err(error) if attempt == self.config.retries() || matches!(error, Error::Record(_)) => {
                    return Err(error);
                }
                Err(error) => tracing::debug!(target: "dtt::dht", attempt, %error, "store failed, trying again"),
            }
            attempt += 1;
            tokio::time::sleep(self.retry_pause()).await;
        }
    }

    pub(crate) fn retry_pause(&self) -> Duration {
        self.config.base_retry_interval() + self.config.max_retry_jitter().mul_f64(rand::random::<f64>())
    }

    pub(crate) fn config(&self) -> &DhtConfig {
        &self.config
    }

    /// Opens the client ahead of its first use, so that its routing table fills meanwhile.
    pub(crate) async fn warm(&self) {
        if let Err(error) = self.client().await {
            tracing::warn!(target: "dtt::dht", %error, "the DHT client could not be opened yet");
        }
    }

    /// Looks up a slot. Drop the stream to stop listening.
    pub(in crate::net) fn lookup(&self, place: Place) -> impl Stream<Item = Found> + Send + use<> {
        enum State {
            Start(Dht, Place),
            Running(Dht, Running),
            Over,
        }
        let start = State::Start(self.clone(), place);
        stream::unfold(start, |state| async move {
            let (dht, mut running) = match state {
                State::Start(dht, Place { key, salt }) => match Running::begin(&dht, key, salt, None).await {
                    Ok(running) => (dht, running),
                    Err(error) => {
                        tracing::debug!(target: "dtt::dht", %error, "the lookup could not begin");
                        dht.shared.counters.answers.store(false, Ordering::Relaxed);
                        return Some((Found::End { answered: false }, State::Over));
                    }
                },
                State::Running(dht, running) => (dht, running),
                State::Over => return None,
            };
            if let Some(item) = running.next().await {
                return Some((Found::Value(item.value().into(), item.seq()), State::Running(dht, running)));
            }
            let answered = running.end(&dht).await;
            Some((Found::End { answered }, State::Over))
        })
    }

    /// One attempt to store an item, within the put time-out. With `cas`, storing nodes refuse the item if they have one
    /// with another sequence number.
    pub(in crate::net) async fn store(&self, item: MutableItem, cas: Option<i64>) -> Result<()> {
        let size = item.value().len();
        if size > MAX_SEALED_BYTES {
            return Err(crate::error::RecordError::TooLong { size, limit: MAX_SEALED_BYTES }.into());
        }
        self.shared.check_room(item.key())?;
        let counters = &self.shared.counters;
        counters.stores.add(1);
        let _turn = self.shared.take_turn().await?;
        let stored = timeout(self.config.put_timeout(), async {
            let client = self.client().await?;
            loop {
                // The client panics when its thread has died. That must not take the caller down with it.
                match AssertUnwindSafe(client.dht.put_mutable(item.clone(), cas)).catch_unwind().await {
                    // Another store of this process into the same slot is under way.
                    Ok(Err(PutMutableError::Concurrency(ConcurrencyError::ConflictRisk))) => {
                        tokio::time::sleep(OTHER_STORE).await;
                    }
                    Ok(put) => return put.map_err(|error| dht_error("store", error.to_string())),
                    Err(_) => return Err(self.lost_client("store", &client)),
                }
            }
        });
        let outcome =
            stored.await.unwrap_or(Err(Error::Timeout { what: "dht store", after: self.config.put_timeout() }))?;
        counters.stored.add(1);
        counters.success();
        tracing::debug!(target: "dtt::dht", nodes = outcome.stored_at, "stored");
        Ok(())
    }

    /// Whether a lookup was answered or a store acknowledged within this time. Lookups become rare after a while, so it
    /// is also true if the last lookup was answered.
    pub(in crate::net) fn answers(&self, time: Duration) -> bool {
        let counters = &self.shared.counters;
        counters.answers.load(Ordering::Relaxed) || counters.silent_for().is_some_and(|silent| silent <= time)
    }

    pub(crate) async fn health(&self) -> DhtHealth {
        let routing_table = match self.shared.present() {
            Some(client) => AssertUnwindSafe(client.to_bootstrap()).catch_unwind().await.map_or(0, |nodes| nodes.len()),
            None => 0,
        };
        self.shared.counters.health(routing_table)
    }

    /// The client. It is opened if there is none, or if no node has answered it for long.
    async fn client(&self) -> Result<Numbered> {
        let shared = self.shared.clone();
        if let Some(usable) = shared.usable() {
            return Ok(usable);
        }
        // In a task of its own: a caller whose time is over must not throw away a half-open client.
        let opened = tokio::spawn(async move { shared.open().await }).await;
        opened.map_err(|_| Error::Internal("opening the DHT client panicked".into()))?
    }

    fn lost_client(&self, operation: &'static str, client: &Numbered) -> Error {
        self.shared.lost(client);
        dht_error(operation, "the DHT client ended unexpectedly; the next call opens another one")
    }
}

/// A lookup under way.
struct Running {
    key: [u8; 32],
    detailed: GetMutableDetailed,
    deadline: Instant,
    values: u32,
    timed_out: bool,
    /// Keeps the client until the query has ended, also if another one replaces it meanwhile.
    _client: Numbered,
    _turn: Turn,
}

impl Running {
    async fn begin(dht: &Dht, key: [u8; 32], salt: Option<Vec<u8>>, more_recent_than: Option<i64>) -> Result<Self> {
        // The time-out counts from the query's turn, since a process with many topics has to wait for it.
        let turn = dht.shared.take_turn().await?;
        let deadline = Instant::now() + dht.config.get_timeout();
        let client = timeout_at(deadline, dht.client())
            .await
            .map_err(|_| Error::Timeout { what: "dht lookup", after: dht.config.get_timeout() })??;
        dht.shared.counters.lookups.add(1);
        let query = AssertUnwindSafe(|| client.dht.get_mutable_detailed(&key, salt.as_deref(), more_recent_than));
        match std::panic::catch_unwind(query) {
            Ok(detailed) => {
                Ok(Self { key, detailed, deadline, values: 0, timed_out: false, _client: client, _turn: turn })
            }
            Err(_) => Err(dht.lost_client("lookup", &client)),
        }
    }

    async fn next(&mut self) -> Option<MutableItem> {
        match timeout_at(self.deadline, self.detailed.items.next()).await {
            Ok(item) => {
                self.values += u32::from(item.is_some());
                item
            }
            Err(_) => {
                self.timed_out = true;
                None
            }
        }
    }

    /// Whether any node answered. A lookup that was cut off without a value counts as answered: nodes without a value
    /// may have answered it.
    async fn end(self, dht: &Dht) -> bool {
        let counters = &dht.shared.counters;
        let answers = if self.timed_out {
            self.values
        } else {
            let outcome = AssertUnwindSafe(self.detailed.outcome.recv()).catch_unwind();
            let outcome = timeout(Duration::from_secs(1), outcome).await.ok().and_then(std::result::Result::ok);
            outcome.map_or(self.values, |outcome| outcome.responded())
        };
        dht.shared.note_answers(self.key, answers);
        if self.timed_out && answers == 0 {
            return true;
        }
        let answered = answers > 0;
        counters.answers.store(answered, Ordering::Relaxed);
        if answered {
            counters.answered.add(1);
            counters.unanswered_in_a_row.set(0);
            counters.success();
        } else {
            counters.unanswered_in_a_row.add(1);
        }
        answered
    }
}
