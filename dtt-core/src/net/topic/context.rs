//! The parts that a topic is built on.

use ed25519_dalek::SigningKey;

use super::connector::Connector;
use crate::{
    config::TopicConfig,
    net::{Addresses, Dht, Layer},
    tracker::PeerId,
    wire::{TopicId, TopicKeys},
};

/// The parts that a topic is built on. Its handles, its driver and its stores share them.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) keys: TopicKeys,
    pub(crate) signing_key: SigningKey,
    pub(crate) config: TopicConfig,
    pub(crate) dht: Dht,
    pub(crate) gossip: Layer,
    /// Without an address book, records name no addresses.
    pub(crate) addresses: Option<Addresses>,
    /// A gossip layer that the program brought has none.
    pub(crate) connector: Option<Connector>,
}

impl Context {
    /// The node's id.
    pub(super) fn me(&self) -> PeerId {
        self.signing_key.verifying_key().to_bytes()
    }

    pub(super) fn topic_id(&self) -> &TopicId {
        self.keys.topic_id()
    }
}
