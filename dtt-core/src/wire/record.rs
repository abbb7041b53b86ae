use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::{BoxKey, EncryptedRecord, MAX_SEALED_BYTES};
use crate::error::RecordError;

const HEAD: usize = 32 + 8 + 32;
const SIGNATURE: usize = 64;

/// The content of a record: postcard-encoded bytes, with no length prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RecordContent(pub Vec<u8>);

impl RecordContent {
    /// Decodes the content. Bytes after the value are ignored, which leaves room for extensions.
    pub fn to<'a, T: Deserialize<'a>>(&'a self) -> Result<T, RecordError> {
        postcard::from_bytes(&self.0).map_err(|_| RecordError::Content)
    }

    /// Encodes a value.
    pub fn from_arbitrary<T: Serialize>(from: &T) -> Result<Self, RecordError> {
        postcard::to_allocvec(from).map(Self).map_err(|_| RecordError::Content)
    }
}

/// A signed statement of one node about one topic and one minute.
///
/// On the wire: topic id (32 bytes) ‖ unix minute (8, little-endian) ‖ public key (32) ‖ content ‖ Ed25519 signature
/// (64) over everything before it. At least 136 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    topic: [u8; 32],
    unix_minute: u64,
    pub_key: [u8; 32],
    content: RecordContent,
    signature: [u8; SIGNATURE],
}

impl Record {
    /// The smallest size in bytes: a record without content.
    pub const MIN_BYTES: usize = HEAD + SIGNATURE;
    /// The largest size in bytes with which a sealed record still fits into a DHT value.
    pub const MAX_BYTES: usize = MAX_SEALED_BYTES - EncryptedRecord::OVERHEAD;

    /// Signs a record with serializable content.
    pub fn sign<T: Serialize>(
        topic: [u8; 32],
        unix_minute: u64,
        content: T,
        signing_key: &SigningKey,
    ) -> Result<Self, RecordError> {
        Ok(Self::sign_content(topic, unix_minute, RecordContent::from_arbitrary(&content)?, signing_key))
    }

    /// Signs a record whose content is encoded already.
    pub fn sign_content(topic: [u8; 32], unix_minute: u64, content: RecordContent, signing_key: &SigningKey) -> Self {
        let pub_key = signing_key.verifying_key().to_bytes();
        let mut record = Self { topic, unix_minute, pub_key, content, signature: [0; SIGNATURE] };
        record.signature = signing_key.sign(&record.signed_bytes()).to_bytes();
        record
    }

    /// Takes a record apart. This verifies nothing: see [`Record::verify`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, RecordError> {
        let size = bytes.len();
        if size < Self::MIN_BYTES {
            return Err(RecordError::TooShort { size, limit: Self::MIN_BYTES });
        }
        let (head, rest) = bytes.split_at(HEAD);
        let (content, signature) = rest.split_at(size - HEAD - SIGNATURE);
        Ok(Self {
            topic: array(&head[..32]),
            unix_minute: u64::from_le_bytes(array(&head[32..40])),
            pub_key: array(&head[40..]),
            content: RecordContent(content.to_vec()),
            signature: array(signature),
        })
    }

    /// The record's bytes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.signed_bytes();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Checks topic, minute and signature (strictly: no weak keys, no malleable signatures).
    pub fn verify(&self, actual_topic: &[u8; 32], actual_unix_minute: u64) -> Result<(), RecordError> {
        if self.topic != *actual_topic {
            return Err(RecordError::Topic);
        }
        if self.unix_minute != actual_unix_minute {
            return Err(RecordError::Minute { found: self.unix_minute, slot: actual_unix_minute });
        }
        self.verify_signature()
    }

    /// Checks the signature alone, strictly.
    pub(super) fn verify_signature(&self) -> Result<(), RecordError> {
        VerifyingKey::from_bytes(&self.pub_key)
            .map_err(|_| RecordError::Key)?
            .verify_strict(&self.signed_bytes(), &Signature::from_bytes(&self.signature))
            .map_err(|_| RecordError::Signature)
    }

    /// Seals the record to the topic's encryption key of its minute.
    pub fn encrypt(&self, encryption_key: &SigningKey) -> EncryptedRecord {
        EncryptedRecord::seal(self, &BoxKey::of(encryption_key))
    }

    /// The 32-byte topic id.
    pub fn topic(&self) -> [u8; 32] {
        self.topic
    }

    /// The unix minute.
    pub fn unix_minute(&self) -> u64 {
        self.unix_minute
    }

    /// The publisher's 32-byte public key, which is its endpoint id.
    pub fn pub_key(&self) -> [u8; 32] {
        self.pub_key
    }

    /// Decodes the content, as a [`super::GossipRecordContent`] for example.
    pub fn content<'a, T: Deserialize<'a>>(&'a self) -> Result<T, RecordError> {
        self.content.to()
    }

    /// The content's bytes, extensions included.
    pub fn content_bytes(&self) -> &[u8] {
        &self.content.0
    }

    /// The 64-byte signature.
    pub fn signature(&self) -> [u8; SIGNATURE] {
        self.signature
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.content.0.len() + SIGNATURE);
        bytes.extend_from_slice(&self.topic);
        bytes.extend_from_slice(&self.unix_minute.to_le_bytes());
        bytes.extend_from_slice(&self.pub_key);
        bytes.extend_from_slice(&self.content.0);
        bytes
    }
}

/// Copies a slice whose length the caller has checked.
fn array<const N: usize>(slice: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(slice);
    out
}
