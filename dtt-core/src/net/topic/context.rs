//! The parts that a topic is built on.

use ed25519_dalek::SigningKey;

use super::{connector::Connector, keys::Keys};
use crate::{
    config::TopicConfig,
    error::{Error, Result},
    net::{Addresses, Dht, Layer, same_key::SameKey},
    tracker::PeerId,
    wire::{TopicId, v2::Ticket},
};

/// The parts that a topic is built on. Its handles, its driver and its stores share them.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) keys: Keys,
    /// A name for people, for the topic's tickets.
    pub(crate) name: Option<String>,
    /// The last session of this node in the topic, if that is known.
    pub(crate) earlier_session: Option<u64>,
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

    /// The topic's ticket without any node. Topics of version 1 have none.
    pub(super) fn ticket(&self) -> Result<Ticket> {
        let Keys::V2(keys) = &self.keys else {
            return Err(Error::argument("protocol", "v1, but only topics of v2 have tickets"));
        };
        let ticket = Ticket::new(keys.root().clone());
        self.name.as_ref().map_or(Ok(ticket.clone()), |name| ticket.with_name(name))
    }
}
