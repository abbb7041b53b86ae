//! A peer that speaks the gossip protocol as it likes, for the tests of what that does to others.
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
/// And the one that the sender is no neighbor any more, but stays in the swarm.
pub const FAREWELL: &[u8] = &[0, 5, 1, 0];

/// A peer with a connection to a node, that says what it likes.
pub struct Liar {
    pub endpoint: Endpoint,
    pub connection: Connection,
}

impl Liar {
    /// It reads so many bytes ahead on each stream, and none if they are not asked for.
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

/// A shuffle whose way ends here: the node answers each to its origin.
pub fn shuffle(origin: &EndpointId) -> Vec<u8> {
    [&[0, 2][..], origin.as_bytes(), &[0, 0]].concat()
}
