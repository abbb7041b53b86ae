use serde::{Deserialize, Serialize};

use super::hash32;

/// How many neighbors a record names. Part of the wire format.
pub const MAX_RECORD_PEERS: usize = 5;
/// How many message hashes a record names. Part of the wire format.
pub const MAX_MESSAGE_HASHES: usize = 5;

/// The content of a gossip record: 320 bytes. Unused entries are all zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GossipRecordContent {
    /// Public keys (32 bytes each) of up to 5 current gossip neighbors of the publisher.
    pub active_peers: [[u8; 32]; MAX_RECORD_PEERS],
    /// [`message_hash`]es of the last 5 messages that the publisher received, oldest first.
    pub last_message_hashes: [[u8; 32]; MAX_MESSAGE_HASHES],
}

impl GossipRecordContent {
    /// Size on the wire in bytes.
    pub const BYTES: usize = 32 * (MAX_RECORD_PEERS + MAX_MESSAGE_HASHES);

    /// Builds the content from at most five neighbors and five hashes; further ones are left out.
    pub fn new<'a>(
        peers: impl IntoIterator<Item = &'a [u8; 32]>,
        hashes: impl IntoIterator<Item = &'a [u8; 32]>,
    ) -> Self {
        let mut content = Self::default();
        for (entry, peer) in content.active_peers.iter_mut().zip(peers) {
            *entry = *peer;
        }
        for (entry, hash) in content.last_message_hashes.iter_mut().zip(hashes) {
            *entry = *hash;
        }
        content
    }

    /// The neighbors that the record names, without the unused entries.
    pub fn peers(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.active_peers.iter().filter(|peer| **peer != [0; 32])
    }

    /// The message hashes that the record names, without the unused entries.
    pub fn hashes(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.last_message_hashes.iter().filter(|hash| **hash != [0; 32])
    }
}

/// The 32-byte hash by which records name a gossip message.
pub fn message_hash(content: &[u8]) -> [u8; 32] {
    hash32(&[content])
}
