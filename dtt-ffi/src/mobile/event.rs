//! What happens on a topic.

use dtt_core::DeliveryScope;

use super::ids::NodeId;

/// Where a topic stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum TopicState {
    /// Looking for a first neighbor.
    LookingUp,
    /// There is at least one neighbor.
    Joined,
    /// The last neighbor is gone; looking for another one.
    Alone,
}

impl From<dtt_core::TopicState> for TopicState {
    fn from(state: dtt_core::TopicState) -> Self {
        match state {
            dtt_core::TopicState::LookingUp => Self::LookingUp,
            dtt_core::TopicState::Joined => Self::Joined,
            dtt_core::TopicState::Alone => Self::Alone,
        }
    }
}

/// Whom a message was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum MessageScope {
    /// The whole swarm.
    Swarm,
    /// The direct neighbors of its author, which is the neighbor that handed it over.
    Neighbors,
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, uniffi::Record)]
#[uniffi::export(Eq, Hash)]
pub struct Message {
    /// What was sent.
    pub content: Vec<u8>,
    /// The neighbor that handed it over, which need not be its author. Sign messages if authorship matters.
    pub delivered_from: NodeId,
    /// Whom it was sent to.
    pub scope: MessageScope,
}

/// Something that happened on a topic.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Event {
    /// A message came in.
    Received {
        /// The message.
        message: Message,
    },
    /// A node became our direct neighbor.
    NeighborUp {
        /// Its id.
        peer: NodeId,
    },
    /// A direct neighbor went.
    NeighborDown {
        /// Its id.
        peer: NodeId,
    },
    /// Events are missing here: this subscriber was too slow and its queue full, or the gossip layer lost them.
    Lagged {
        /// How many, exactly; none if the gossip layer lost them, which does not count.
        missed: Option<u64>,
    },
    /// The topic looks for neighbors, has joined, or is alone again.
    StateChanged {
        /// Where it stands now.
        state: TopicState,
    },
    /// Another process uses this node's key. Other nodes think that the two are one node, so each misses messages and
    /// neighbors. Each node needs a key of its own. If the two find each other, this comes once on each topic of both.
    KeyInUse,
}

/// None for an event that this layer does not know.
pub(super) fn event(event: dtt_core::Event) -> Option<Event> {
    Some(match event {
        dtt_core::Event::Received(message) => Event::Received {
            message: Message {
                content: message.content.into(),
                delivered_from: message.delivered_from.into(),
                scope: match message.scope {
                    DeliveryScope::Swarm(_) => MessageScope::Swarm,
                    DeliveryScope::Neighbors => MessageScope::Neighbors,
                },
            },
        },
        dtt_core::Event::NeighborUp(peer) => Event::NeighborUp { peer: peer.into() },
        dtt_core::Event::NeighborDown(peer) => Event::NeighborDown { peer: peer.into() },
        dtt_core::Event::Lagged(missed) => Event::Lagged { missed },
        dtt_core::Event::StateChanged(state) => Event::StateChanged { state: state.into() },
        dtt_core::Event::KeyInUse => Event::KeyInUse,
        _ => return None,
    })
}
