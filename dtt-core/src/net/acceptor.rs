//! Connections of the gossip layer that nobody uses any more are closed.
//!
//! iroh-gossip 0.101 never closes a connection whose last topic has gone, or that a newer one has replaced; keep-alives
//! hold it open on both sides (n0-computer/iroh-gossip, issue 145). Every connection has an accepting side, and there
//! this closes it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use iroh::{
    EndpointId,
    endpoint::{Connection, VarInt},
    protocol::{AcceptError, ProtocolHandler},
};
use iroh_gossip::net::Gossip;
use tokio::time::Instant;

/// How often the connections are looked through.
const LOOK: Duration = Duration::from_secs(5);
