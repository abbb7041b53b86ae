//! Real nodes in bad networks: hosts in namespaces of their own, joined by a user-space switch.
//!
//! Each host has a TUN device, and the [`Switch`] holds its other end. Every packet between two hosts passes through
//! the switch, and is delayed, lost, queued or cut there. The programs on the hosts are ordinary processes with
//! ordinary sockets.

mod link;
mod packet;
mod peer;
mod report;
mod swarm;
mod switch;
mod tun;
mod ways;
mod world;

pub use link::{Link, Rate};
pub use peer::{Kind, Peer, Services};
pub use report::{Row, join_report, show};
pub use swarm::{Delivery, Swarm, talk, talk_until};
pub use switch::{Counts, Port, Switch};
pub use world::{DhtKind, Host, Nat, Relay, World};
