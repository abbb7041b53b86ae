//! The parts that a topic is built on.

use ed25519_dalek::SigningKey;

use super::connector::Connector;
use crate::{
    config::TopicConfig,
    net::{Addresses, Dht, Layer, same_key::SameKey},
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

    /// Looks for other processes with the node's key.
    pub(super) fn same_key(&self) -> Option<&SameKey> {
        self.addresses.as_ref().and_then(Addresses::same_key)
    }

    pub(super) fn topic_id(&self) -> &TopicId {
        self.keys.topic_id()
    }
}
