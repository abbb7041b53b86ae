//! What a tracker takes in and gives out.

use std::{fmt, time::Duration};

use crate::wire::{GossipRecordContent, Record};

/// The 32-byte public key of a node.
pub type PeerId = [u8; 32];
/// A [`crate::wire::message_hash`].
pub type MessageHash = [u8; 32];

/// A moment, on the two clocks that a tracker needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since any fixed point, on a clock that never jumps. Deadlines are on this clock.
    pub mono: Duration,
    /// Time since the Unix epoch, as the node's own clock shows it. Slots are on this clock.
    pub unix: Duration,
}

impl Now {
    /// The unix minute.
    pub fn minute(&self) -> u64 {
        self.unix.as_secs() / 60
    }

    /// A minute earlier on the same clock.
    pub(super) fn before(&self) -> Self {
        Self { unix: self.unix.saturating_sub(Duration::from_secs(60)), ..*self }
    }

    /// The time until this minute ends.
    pub(super) fn rest_of_minute(&self) -> Duration {
        Duration::from_secs((self.minute() + 1) * 60) - self.unix
    }
}

/// What a verified record said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRecord {
    /// The slot that shows it.
    pub slot: u64,
    /// The unix minute that it is signed for. In version 1 it is the slot's.
    pub minute: u64,
    /// The node that published it.
    pub publisher: PeerId,
    /// The neighbors of its publisher.
    pub peers: Vec<PeerId>,
    /// Hashes of the messages that its publisher received last.
    pub hashes: Vec<MessageHash>,
}

impl SeenRecord {
    /// Reads a record that has been verified. If its content is of a foreign format, only the publisher is known.
    pub fn of(slot: u64, record: &Record) -> Self {
        Self::new(slot, record, &record.content().unwrap_or_default())
    }

    /// Reads a verified record whose content has been decoded already.
    pub fn new(slot: u64, record: &Record, content: &GossipRecordContent) -> Self {
        Self {
            slot,
            minute: record.unix_minute(),
            publisher: record.pub_key(),
            peers: content.peers().copied().collect(),
            hashes: content.hashes().copied().collect(),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The gossip layer has a new neighbor.
    NeighborUp(PeerId),
    /// The gossip layer lost a neighbor.
    NeighborDown(PeerId),
    /// A peer that was joined cannot be reached: its dial has failed.
    Unreachable(PeerId),
    /// A message to the whole swarm was received.
    Received(MessageHash),
    /// A message to the whole swarm was sent.
    Sent(MessageHash),
    /// Messages may have been missed: the machine was too busy.
    Missed,
    /// A lookup that is under way found a verified record. Records of this node count too: the process may have been
    /// killed and be back, and they name the neighbors that it had.
    Record(SeenRecord),
    /// A lookup ended. Every [`Action::Lookup`] is answered by one.
    LookupDone {
        /// The slot that was looked up.
        slot: u64,
        /// Whether any DHT node answered at all.
        answered: bool,
    },
    /// A store ended, after all its retries.
    StoreDone {
        /// The slot.
        slot: u64,
        /// Whether any DHT node acknowledged it.
        stored: bool,
    },
    /// The node has learned its first address, or its addresses have changed.
    AddressChanged,
    /// The network may have changed, or the machine woke up.
    NetworkChanged,
    /// The application pauses the topic: no lookup, store or join comes until [`Input::Resumed`]. Those under way are
    /// given up and need no answer. The tracker still takes in neighbors and messages.
    Paused,
    /// The pause is over. Everything that was put off is done at once.
    Resumed,
}

/// Why peers are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinReason {
    /// There is no neighbor.
    Bootstrap,
    /// There are few neighbors, or nothing shows that the nodes in a record are in the same swarm.
    Bubble,
    /// A record shows messages that are unknown here, so the swarm may be split.
    Overlap,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Look up a slot. Hand in each verified record, and then [`Input::LookupDone`].
    Lookup {
        /// The slot: the unix minute in version 1, and the number of the period in version 2.
        slot: u64,
    },
    /// Store a record, and then hand in [`Input::StoreDone`]. This replaces a store that is under way.
    Store {
        /// The slot, as in [`Action::Lookup`].
        slot: u64,
        /// The content of the record.
        content: Box<GossipRecordContent>,
    },
    /// Ask the gossip layer to join these peers.
    Join {
        /// The peers.
        peers: Vec<PeerId>,
        /// Why.
        reason: JoinReason,
    },
    /// Tell the application that the state has changed.
    State(TopicState),
}

/// The state of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TopicState {
    /// Looking for a first neighbor.
    #[default]
    LookingUp,
    /// There is at least one neighbor.
    Joined,
    /// The last neighbor is gone; looking for another one.
    Alone,
}

/// The state's name as logs and bindings spell it: `looking_up`, `joined` or `alone`.
impl fmt::Display for TopicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TopicState::LookingUp => "looking_up",
            TopicState::Joined => "joined",
            TopicState::Alone => "alone",
        })
    }
}

/// How much a [`super::Tracker`] remembers, in addition to the present neighbors and the actions that were not yet taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Footprint {
    /// Peers that were dialed, or may be dialed.
    pub peers: usize,
    /// Records of the slots that are in use.
    pub records: usize,
    /// Hashes of messages that were received or sent.
    pub heard: usize,
    /// Hashes of messages that only records named.
    pub named: usize,
}
