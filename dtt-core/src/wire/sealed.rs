use ed25519_dalek::SigningKey;
use rand::Rng;
use zeroize::Zeroizing;

use super::{BoxKey, Record, seals::BOX_OVERHEAD};
use crate::error::RecordError;

/// The largest sealed record in bytes: BEP 44 allows 1,000 bytes for the bencoded value, prefix included.
pub const MAX_SEALED_BYTES: usize = 996;

/// Box 2 holds a 32-byte seed.
const KEY_BOX: usize = 32 + BOX_OVERHEAD;

/// A sealed record, as a DHT slot holds it.
///
/// On the wire: length of box 1 (4 bytes, little-endian) ‖ box 1 ‖ box 2. Box 1 seals the record to a fresh
/// one-time key; box 2 (88 bytes) seals that key's seed to the topic's encryption key of the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedRecord {
    record_box: Vec<u8>,
    key_box: Vec<u8>,
}

impl EncryptedRecord {
    /// How many bytes a sealed record is larger than the record.
    pub const OVERHEAD: usize = 4 + BOX_OVERHEAD + KEY_BOX;

    /// The largest input that [`EncryptedRecord::from_bytes`] accepts, as the deployed protocol does.
    const DECODE_LIMIT: usize = 2048;

    /// Seals a record to the topic's encryption key of its minute, under a fresh one-time key.
    pub fn seal(record: &Record, key: &BoxKey) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(&mut *seed);
        let one_time = BoxKey::from_seed(&seed);
        Self { record_box: one_time.seal(&record.to_bytes()), key_box: key.seal(&*seed) }
    }

    /// Opens the record. This does not yet verify its topic, minute and signature: see [`Record::verify`].
    pub fn open(&self, key: &BoxKey) -> Result<Record, RecordError> {
        let seed = key.open(&self.key_box)?;
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| RecordError::Sealed)?;
        let bytes = BoxKey::from_seed(seed).open(&self.record_box)?;
        Record::from_bytes(bytes.to_vec())
    }

    /// [`EncryptedRecord::open`] with an Ed25519 key, as [`super::encryption_keypair`] gives it.
    pub fn decrypt(&self, decryption_key: &SigningKey) -> Result<Record, RecordError> {
        self.open(&BoxKey::of(decryption_key))
    }

    /// The bytes on the wire. A size of more than [`MAX_SEALED_BYTES`] is an error, since no DHT node would store it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let size = 4 + self.record_box.len() + self.key_box.len();
        if size > MAX_SEALED_BYTES {
            return Err(RecordError::TooLong { size, limit: MAX_SEALED_BYTES });
        }
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(&(self.record_box.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.record_box);
        bytes.extend_from_slice(&self.key_box);
        Ok(bytes)
    }

    /// Takes a sealed record apart. The lengths must match exactly.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, RecordError> {
        Self::from_slice(&bytes)
    }

    /// [`EncryptedRecord::from_bytes`] for borrowed bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, RecordError> {
        let size = bytes.len();
        if size > Self::DECODE_LIMIT {
            return Err(RecordError::TooLong { size, limit: Self::DECODE_LIMIT });
        }
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
            return Err(RecordError::TooShort { size, limit: 4 + KEY_BOX });
        };
        let stated = u32::from_le_bytes(*length) as usize;
        if stated.checked_add(KEY_BOX) != Some(rest.len()) {
            return Err(RecordError::Length { stated, size });
        }
        let (record_box, key_box) = rest.split_at(stated);
        Ok(Self { record_box: record_box.to_vec(), key_box: key_box.to_vec() })
    }
}
