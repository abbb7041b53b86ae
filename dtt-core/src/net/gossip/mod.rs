//! The gossip layer of a node, on the state machine of iroh-gossip 0.101, whose protocol it speaks.
//!
//! iroh-gossip's own `net` part runs all topics of a node in one task. It lets go of a peer on every topic when one topic does, holds up
//! every topic when one peer reads slowly, and overwrites events that are not taken in time. Here each topic has a task of
//! its own, with streams of its own, on connections that the topics share.
//!
//! From the wire up: `frame`, then `peers` (connections) and `channel`, `topics` (where a stream belongs), `link` (one topic and one peer),
//! `member` (one topic), `own` (all of a node), and `layer`, which a topic runs on: this one, or iroh-gossip's that the program brings.
//! `acceptor` is for peers that were killed and are back.

mod acceptor;
mod channel;
mod connections;
mod frame;
mod layer;
mod link;
mod member;
mod neighborhood;
mod own;
mod peer_data;
mod peers;
mod readers;
mod timers;
mod topics;

pub(in crate::net) use acceptor::Acceptor;
pub(in crate::net) use connections::{Connections, LOOK, NO_ANSWER, longest_round_trip};
pub(crate) use layer::{Layer, TopicSender};
pub(in crate::net) use neighborhood::Neighborhood;
pub(crate) use own::Gossip;
