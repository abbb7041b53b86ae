//! The gossip layer of a node, on the state machine of iroh-gossip 0.101, whose protocol it speaks.
//!
//! iroh-gossip's own `net` part runs all topics of a node in one task. It lets go of a peer on every topic when one topic does, holds up
//! every topic when one peer reads slowly, and overwrites events that are not taken in time. Here each topic has a task of
//! its own, with streams of its own, on connections that the topics share.
//!
//! `acceptor` is for peers that were killed and are back.

mod acceptor;
mod connections;
mod either;
mod frame;
mod layer;
mod link;
mod member;
mod neighborhood;
mod peer_data;
mod subscription;
mod timers;

pub(super) use acceptor::Acceptor;
pub(super) use connections::{Connections, LOOK, NO_ANSWER, longest_round_trip};
pub(crate) use either::{Layer, Way};
pub(crate) use layer::Gossip;
pub(super) use neighborhood::Neighborhood;
