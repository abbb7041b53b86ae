//! The gossip layer of a node, on the state machine of iroh-gossip 0.101, whose protocol it speaks.
//!
//! iroh-gossip's own `net` part runs all topics of a node in one task. It lets go of a peer on every topic when one
//! topic does, it holds up every topic when one peer reads slowly, and it overwrites events that are not taken in time.
//! Here each topic has its own task and its own streams, on connections that the topics share.
//!
//! From the wire up: `door` (how a private topic's streams begin); `frame`; `peers` (connections) and `channel`; `topics` (which topic a stream belongs to); `link`
//! (one topic and one peer); `member` (one topic); `own` (all topics of a node); and `layer`, which a topic runs on:
//! this one, or iroh-gossip's own if the program brings it. `acceptor` handles peers that were killed and are back.

mod acceptor;
mod channel;
mod connections;
mod door;
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
pub(crate) use door::Door;
pub(crate) use layer::{Layer, TopicSender};
pub(in crate::net) use neighborhood::Neighborhood;
pub(crate) use own::Gossip;
