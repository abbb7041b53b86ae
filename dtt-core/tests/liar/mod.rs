//! A peer that breaks the rules of the gossip protocol, for tests of what that does to others.
#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

use dtt_core::{Node, TopicId};
use iroh::{
    Endpoint, EndpointId, TransportAddr,
    endpoint::{Connection, QuicTransportConfig, SendStream, VarInt},
};

use crate::common::*;

/// iroh-gossip's message to join a topic, in postcard's encoding.
pub const JOIN_MESSAGE: &[u8] = &[0, 0, 0];
/// The message that its sender is no longer a neighbor, but stays in the swarm.
pub const FAREWELL: &[u8] = &[0, 5, 1, 0];

/// A peer that is connected to a node and sends what it likes.
pub struct Liar {
    pub endpoint: Endpoint,
    pub connection: Connection,
}

impl Liar {
    /// It takes `window` bytes ahead on each stream, and reads none unless a test reads them.
    pub async fn to(node: &Node, window: u32) -> Self {
        let transport = QuicTransportConfig::builder()
            .stream_receive_window(VarInt::from_u32(window))
            .keep_alive_interval(Duration::from_secs(5))
            .build();
        let endpoint = endpoint_on_loopback().transport_config(transport).bind().await.unwrap();
        let address = node.addr();
        assert!(address.addrs.iter().any(|address| matches!(address, TransportAddr::Ip(_))));
        let connection = endpoint.connect(address, iroh_gossip::ALPN).await.unwrap();
        Self { endpoint, connection }
    }

    pub async fn stream(&self, topic: &str) -> SendStream {
        let mut stream = self.connection.open_uni().await.unwrap();
        say(&mut stream, &TopicId::new(topic).hash()).await;
        stream
    }
}

pub async fn say(stream: &mut SendStream, frame: &[u8]) {
    stream.write_all(&(frame.len() as u32).to_be_bytes()).await.unwrap();
    stream.write_all(frame).await.unwrap();
}

/// A shuffle that ends at its receiver, so the node answers it to the origin.
pub fn shuffle(origin: &EndpointId) -> Vec<u8> {
    [&[0, 2][..], origin.as_bytes(), &[0, 0]].concat()
}
