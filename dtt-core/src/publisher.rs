//! Makes, publishes and reads the records of one topic by hand, with the API that programs of the peer implementation
//! know.

use std::{collections::HashSet, fmt};

use ed25519_dalek::{SigningKey, VerifyingKey};
use iroh::Endpoint;
use mainline::MutableItem;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    config::TopicConfig,
    error::{Error, Result},
    net::Dht,
    wire::{Record, RotationHandle, Slot, TopicId, TopicKeys},
};

/// A topic's keys, a node's signing key and the DHT: everything that is needed to publish and read records.
///
/// Creating one opens nothing. The DHT client opens at its first use.
#[derive(Clone)]
pub struct RecordPublisher {
    dht: Dht,
    config: TopicConfig,
    keys: TopicKeys,
    signing_key: SigningKey,
    rotation: Option<RotationHandle>,
    endpoint: Option<Endpoint>,
}

/// Builds a [`RecordPublisher`].
pub struct RecordPublisherBuilder {
    topic_id: TopicId,
    signing_key: SigningKey,
    initial_secret: zeroize::Zeroizing<Vec<u8>>,
    rotation: Option<RotationHandle>,
    config: TopicConfig,
    endpoint: Option<Endpoint>,
}

impl RecordPublisherBuilder {
    /// A secret rotation that the program provides. All members of the topic must use the same one.
    pub fn secret_rotation(mut self, secret_rotation: RotationHandle) -> Self {
        self.rotation = Some(secret_rotation);
        self
    }

    /// The options of the topic.
    pub fn config(mut self, config: TopicConfig) -> Self {
        self.config = config;
        self
    }

    /// The endpoint that the gossip layer runs on. With it, the node's addresses go into its records, and the addresses
    /// in records of others are dialed without any other lookup. Without it, the endpoint needs an address lookup of
    /// its own.
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// The finished publisher.
    pub fn build(self) -> RecordPublisher {
        RecordPublisher {
            dht: Dht::new(self.config.dht_config()),
            config: self.config,
            keys: TopicKeys::new(self.topic_id, &self.initial_secret, self.rotation.clone()),
            signing_key: self.signing_key,
            rotation: self.rotation,
            endpoint: self.endpoint,
        }
    }
}

impl RecordPublisher {
    /// A publisher for a topic, with the node's signing key and the secret (any bytes) that the members share.
    pub fn new(
        topic_id: impl Into<TopicId>,
        signing_key: SigningKey,
        secret_rotation: Option<RotationHandle>,
        initial_secret: impl Into<Vec<u8>>,
        config: TopicConfig,
    ) -> Self {
        let builder = Self::builder(topic_id, signing_key, initial_secret).config(config);
        RecordPublisherBuilder { rotation: secret_rotation, ..builder }.build()
    }

    /// A builder with the default options.
    pub fn builder(
        topic_id: impl Into<TopicId>,
        signing_key: SigningKey,
        initial_secret: impl Into<Vec<u8>>,
    ) -> RecordPublisherBuilder {
        RecordPublisherBuilder {
            topic_id: topic_id.into(),
            signing_key,
            initial_secret: initial_secret.into().into(),
            rotation: None,
            config: TopicConfig::default(),
            endpoint: None,
        }
    }

    /// Signs a record of this node.
    pub fn new_record<'a>(
        &'a self,
        unix_minute: u64,
        record_content: impl Serialize + Deserialize<'a>,
    ) -> Result<Record> {
        Ok(Record::sign(self.keys.topic_id().hash(), unix_minute, record_content, &self.signing_key)?)
    }

    /// Publishes a record, unless its slot already holds `max_bootstrap_records` records of other nodes.
    pub async fn publish_record(&self, record: Record, cancel_token: CancellationToken) -> Result<()> {
        self.publish_record_cached_records(record, None, cancel_token).await
    }

    /// [`RecordPublisher::publish_record`] for a caller that has just read the slot's records.
    pub async fn publish_record_cached_records(
        &self,
        record: Record,
        cached_records: Option<HashSet<Record>>,
        cancel_token: CancellationToken,
    ) -> Result<()> {
        let publish = async {
            let records = match cached_records {
                Some(records) => records,
                None => self.read(record.unix_minute()).await?,
            };
            if records.len() >= self.config.bootstrap_config().max_bootstrap_records() {
                return Ok(());
            }
            let keys = self.keys.minute(record.unix_minute());
            let slot = keys.slot();
            let value = keys.seal(&record)?;
            self.dht.put_mutable(slot.signing_key().clone(), Some(slot.salt().to_vec()), value, Slot::SEQ).await
        };
        cancel_token.run_until_cancelled(publish).await.unwrap_or(Err(Error::Closed("the publish's token")))
    }

    /// Reads a minute's slot. Returns the verified records of other nodes, one for each public key.
    pub async fn get_records(&self, unix_minute: u64, cancel_token: CancellationToken) -> Result<HashSet<Record>> {
        let read = cancel_token.run_until_cancelled(self.read(unix_minute)).await;
        read.unwrap_or(Err(Error::Closed("the lookup's token")))
    }

    async fn read(&self, unix_minute: u64) -> Result<HashSet<Record>> {
        let keys = self.keys.minute(unix_minute);
        let slot = keys.slot();
        let key = slot.signing_key().verifying_key();
        let items = self.dht.get(key, Some(slot.salt().to_vec()), None).await?;
        let mut publishers = HashSet::from([self.pub_key().to_bytes()]);
        let open = |item: &MutableItem| keys.open(item.value()).ok();
        Ok(items.iter().filter_map(open).filter(|record| publishers.insert(record.pub_key())).collect())
    }

    /// The node's public key.
    pub fn pub_key(&self) -> VerifyingKey {
        self.signing_key.verifying_key()
    }

    /// The topic's id.
    pub fn topic_id(&self) -> &TopicId {
        self.keys.topic_id()
    }

    /// The node's signing key. A secret.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// The secret rotation, if the program provided one.
    pub fn secret_rotation(&self) -> Option<RotationHandle> {
        self.rotation.clone()
    }

    /// The hash of the initial secret. The hash is a secret itself.
    pub fn initial_secret_hash(&self) -> [u8; 32] {
        self.keys.secret_hash()
    }

    /// The options.
    pub fn config(&self) -> &TopicConfig {
        &self.config
    }

    pub(crate) fn keys(&self) -> &TopicKeys {
        &self.keys
    }

    pub(crate) fn dht(&self) -> &Dht {
        &self.dht
    }

    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }
}

/// Shows no secret.
impl fmt::Debug for RecordPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.pub_key().to_bytes().map(|byte| format!("{byte:02x}")).concat();
        f.debug_struct("RecordPublisher").field("topic_id", self.topic_id()).field("node", &id).finish_non_exhaustive()
    }
}

/// Shows no secret.
impl fmt::Debug for RecordPublisherBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordPublisherBuilder").field("topic_id", &self.topic_id).finish_non_exhaustive()
    }
}
