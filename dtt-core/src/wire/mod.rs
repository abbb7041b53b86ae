//! The meaning of bytes: topic ids, slots, keys, records, sealing, the address extension.
//!
//! All functions are pure: no clock, no network. The only randomness is the one-time key of a sealed record. The
//! formats here are those of wire version 1, and [`v2`] has those of version 2. `docs/protocol.md` states both exactly.

mod gossip_content;
mod hints;
mod keys;
mod record;
mod rotation;
mod sealed;
mod seals;
mod topic_id;
mod topic_keys;
pub mod v2;

pub use gossip_content::{GossipRecordContent, MAX_MESSAGE_HASHES, MAX_RECORD_PEERS, message_hash};
pub use hints::{AddressHint, HintOwner, HintsError, MAX_HINTS_BYTES, decode_hints, encode_hints};
pub use keys::{Slot, encryption_keypair, salt, secret_hash, signing_keypair};
pub use record::{Record, RecordContent};
pub use rotation::{DefaultSecretRotation, RotationHandle, SecretRotation};
pub use sealed::{EncryptedRecord, MAX_SEALED_BYTES};
pub use seals::BoxKey;
pub use topic_id::TopicId;
pub use topic_keys::{MinuteKeys, TopicKeys};

use sha2::{Digest, Sha512};

/// The first 32 bytes of SHA-512 over the concatenated parts: the hash that the whole protocol uses.
pub(crate) fn hash32(parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha512::new();
    for part in parts {
        sha.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(&sha.finalize()[..32]);
    out
}
