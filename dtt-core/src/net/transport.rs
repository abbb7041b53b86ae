//! The limits that QUIC has on a connection, set to what gossip needs.

use iroh::endpoint::{QuicTransportConfig, VarInt};

/// Bytes of a topic that a peer may send before we have read them. noq 1.4 keeps each packet's part of a stream by itself, and ends the
/// connection when more than 2,048 wait ("too many gaps in stream buffer"), gaps or no gaps: quinn-rs/quinn, issue 2809. The smallest
/// message has 41 bytes, so that so many of them cannot wait, and no message is lost with the connection. With iroh's default of
/// 1,250,000 bytes they could, as soon as a node reads more slowly than small messages come.
const STREAM_WINDOW: u32 = 64 * 1024;

pub(super) fn transport_config() -> QuicTransportConfig {
    QuicTransportConfig::builder().stream_receive_window(VarInt::from_u32(STREAM_WINDOW)).build()
}
