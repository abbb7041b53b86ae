use std::fmt;

use zeroize::Zeroizing;

use super::{BoxKey, EncryptedRecord, Record, RotationHandle, Slot, TopicId, secret_hash};
use crate::error::RecordError;

/// The keys of a topic's member: the topic's id, and the secret with its rotation.
#[derive(Clone)]
pub struct TopicKeys {
    topic_id: TopicId,
    rotation: RotationHandle,
    secret_hash: Zeroizing<[u8; 32]>,
}

impl TopicKeys {
    /// The keys of a topic with an initial secret (any bytes).
    pub fn new(topic_id: TopicId, initial_secret: &[u8], rotation: Option<RotationHandle>) -> Self {
        Self {
            topic_id,
            rotation: rotation.unwrap_or_default(),
            secret_hash: Zeroizing::new(secret_hash(initial_secret)),
        }
    }

    /// The topic's id.
    pub fn topic_id(&self) -> &TopicId {
        &self.topic_id
    }

    /// The hash of the initial secret. The hash is a secret itself.
    pub fn secret_hash(&self) -> [u8; 32] {
        *self.secret_hash
    }

    /// The keys of one minute. This calls the rotation.
    pub fn minute(&self, unix_minute: u64) -> MinuteKeys {
        let seed = Zeroizing::new(self.rotation.derive(self.topic_id.hash(), unix_minute, *self.secret_hash));
        MinuteKeys {
            slot: Slot::new(&self.topic_id, unix_minute),
            topic: self.topic_id.hash(),
            key: BoxKey::from_seed(&seed),
        }
    }

    /// Whether both hold the same secret and the very same rotation object.
    #[cfg(feature = "net")]
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.topic_id == other.topic_id && self.secret_hash == other.secret_hash && self.rotation.same(&other.rotation)
    }
}

impl fmt::Debug for TopicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicKeys").field("topic_id", &self.topic_id).finish_non_exhaustive()
    }
}

/// A topic's slot of one minute, and the key of the records in it.
#[derive(Debug)]
pub struct MinuteKeys {
    slot: Slot,
    topic: [u8; 32],
    key: BoxKey,
}

impl MinuteKeys {
    /// The slot in which the records stand.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Opens and verifies a value from the slot.
    pub fn open(&self, value: &[u8]) -> Result<Record, RecordError> {
        let record = EncryptedRecord::from_slice(value)?.open(&self.key)?;
        record.verify(&self.topic, self.slot.minute())?;
        Ok(record)
    }

    /// Seals a record of this topic and minute into a value for the slot, of at most 996 bytes.
    pub fn seal(&self, record: &Record) -> Result<Vec<u8>, RecordError> {
        EncryptedRecord::seal(record, &self.key).to_bytes()
    }
}
