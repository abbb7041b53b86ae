use ed25519_dalek::SigningKey;
use sha1_smol::Sha1;

use super::{RotationHandle, TopicId, hash32};

/// The Ed25519 key that signs a topic's DHT items of one minute.
///
/// Every node of a topic derives the same key, and so writes to the same slot. The records in it carry the signatures
/// of their publishers.
pub fn signing_keypair(topic_id: &TopicId, unix_minute: u64) -> SigningKey {
    SigningKey::from_bytes(&hash32(&[&topic_id.hash(), &unix_minute.to_le_bytes()]))
}

/// The Ed25519 key to which a topic's records of one minute are sealed. A secret.
pub fn encryption_keypair(
    topic_id: &TopicId,
    secret_rotation: &RotationHandle,
    initial_secret_hash: [u8; 32],
    unix_minute: u64,
) -> SigningKey {
    SigningKey::from_bytes(&secret_rotation.derive(topic_id.hash(), unix_minute, initial_secret_hash))
}

/// The 32-byte BEP 44 salt of a topic's slot of one minute.
pub fn salt(topic_id: &TopicId, unix_minute: u64) -> [u8; 32] {
    hash32(&[b"salt", &topic_id.hash(), &unix_minute.to_le_bytes()])
}

/// The hash of an initial secret (any bytes), from which all rotations start. The hash is a secret itself.
pub fn secret_hash(initial_secret: &[u8]) -> [u8; 32] {
    hash32(&[initial_secret])
}

/// Where the records of one topic and one minute stand in the DHT: one BEP 44 mutable item.
#[derive(Debug, Clone)]
pub struct Slot {
    minute: u64,
    key: SigningKey,
    salt: [u8; 32],
}

impl Slot {
    /// The sequence number of every item, and its compare-and-swap value.
    pub const SEQ: i64 = i64::MAX;

    /// The slot of a topic at a unix minute.
    pub fn new(topic_id: &TopicId, unix_minute: u64) -> Self {
        Self { minute: unix_minute, key: signing_keypair(topic_id, unix_minute), salt: salt(topic_id, unix_minute) }
    }

    /// The unix minute.
    pub fn minute(&self) -> u64 {
        self.minute
    }

    /// The 32-byte public key that signs the item.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The key that signs the item. Every member of the topic can derive it, so it authenticates nobody.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    /// The 32-byte salt.
    pub fn salt(&self) -> &[u8; 32] {
        &self.salt
    }

    /// The 20-byte DHT target: SHA-1 over public key and salt (BEP 44).
    pub fn target(&self) -> [u8; 20] {
        let mut sha = Sha1::new();
        sha.update(&self.public_key());
        sha.update(&self.salt);
        sha.digest().bytes()
    }
}
