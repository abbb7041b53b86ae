//! The policy of a node: dtt's tracker, or the rules of the peer implementation.

use std::time::Duration;

use dtt_core::{
    Protocol, TopicConfig,
    tracker::{Action, Input, Now, PeerId, Tracker},
    wire::v2::Period,
};

use crate::{
    peer_policy::PeerPolicy,
    queue::{SECOND, Time},
};

/// The rules that the nodes of a run follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rules {
    /// The tracker of dtt-core, unchanged, with its default configuration and protocol version 2.
    Dtt,
    /// The same with protocol version 1.
    #[serde(rename = "dtt-v1")]
    DttV1,
    /// The deployed behavior of the peer implementation, with its defaults.
    Peer,
}

impl Rules {
    pub(crate) const ALL: [Self; 3] = [Self::Dtt, Self::DttV1, Self::Peer];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dtt => "dtt",
            Self::DttV1 => "dtt-v1",
            Self::Peer => "peer",
        }
    }

    /// The number of a time's slot.
    pub(crate) fn slot(self, now: Now) -> u64 {
        match self {
            Self::Dtt => Period::at(now.unix.as_secs()).number(),
            Self::DttV1 | Self::Peer => now.minute(),
        }
    }

    /// Whether every DHT node keeps the newest value of a slot, since each value has a higher sequence number.
    pub(crate) fn newest_wins(self) -> bool {
        self == Self::Dtt
    }

    /// How long a DHT node may take to answer: each implementation's default.
    pub(crate) fn request_limit(self) -> Time {
        match self {
            Self::Dtt | Self::DttV1 => SECOND,
            Self::Peer => 2 * SECOND,
        }
    }
}

/// A node's policy: inputs and the time go in, actions and a deadline come out.
#[derive(Debug)]
pub(crate) enum Policy {
    Dtt(Box<Tracker>),
    Peer(Box<PeerPolicy>),
}

impl Policy {
    pub(crate) fn new(rules: Rules, me: PeerId, seed: u64, now: Now) -> Self {
        match rules {
            Rules::Dtt => Self::tracker(Protocol::V2, me, seed, now),
            Rules::DttV1 => Self::tracker(Protocol::V1, me, seed, now),
            Rules::Peer => Self::Peer(Box::new(PeerPolicy::new(me, seed, now))),
        }
    }

    fn tracker(protocol: Protocol, me: PeerId, seed: u64, now: Now) -> Self {
        let config = TopicConfig::builder().protocol(protocol).build();
        Self::Dtt(Box::new(Tracker::new(me, &config, seed, now)))
    }

    pub(crate) fn handle(&mut self, now: Now, input: Input) {
        match self {
            Self::Dtt(tracker) => tracker.handle(now, input),
            Self::Peer(policy) => policy.handle(now, input),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        match self {
            Self::Dtt(tracker) => tracker.handle_timeout(now),
            Self::Peer(policy) => policy.handle_timeout(now),
        }
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        match self {
            Self::Dtt(tracker) => tracker.next_action(),
            Self::Peer(policy) => policy.next_action(),
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        match self {
            Self::Dtt(tracker) => tracker.next_deadline(),
            Self::Peer(policy) => policy.next_deadline(),
        }
    }
}
