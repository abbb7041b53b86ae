//! The limits of a QUIC connection, set to what gossip needs.

use iroh::endpoint::{QuicTransportConfig, VarInt};

/// Streams that a peer may have open to us. iroh-gossip 0.101 opens one for each topic and direction. While it waits
/// for another one, it sends nothing more on any topic, and QUIC's default is only 100. An open stream costs about a
/// kilobyte; a stream that may be opened costs nothing.
pub(super) const MAX_STREAMS: u32 = 65_536;
/// Bytes of a topic that a peer may send before we have read them. noq 1.4 keeps each packet's part of a stream
/// separately. It ends the connection when more than 2,048 parts wait ("too many gaps in stream buffer"), even if there
/// is no gap (quinn-rs/quinn, issue 2809). The smallest message has 41 bytes, so this window holds fewer messages than
/// that, and none is lost with the connection. With iroh's default of 1,250,000 bytes, too many could wait as soon as a
/// node reads more slowly than small messages come.
const STREAM_WINDOW: u32 = 64 * 1024;
/// Bytes that a peer may send before we have read them, on all of its streams together. The windows of all streams
/// would add up to 4 GB. This one is larger than what an endpoint sends ahead by default, which is 10,000,000 bytes.
const RECEIVE_WINDOW: u32 = 16 * 1024 * 1024;

/// The transport settings that an endpoint needs to run gossip topics. A peer may open 65,536 unidirectional streams on
/// a connection, one for each topic. It may send 64 KiB ahead on each stream, and 16 MiB on all of them. Everything
/// else is iroh's default.
///
/// A [`crate::Node`] sets them itself. A program that brings its own endpoint passes them to
/// `iroh::endpoint::Builder::transport_config`. With QUIC's default of 100 streams, two nodes that share more than 100
/// topics no longer hear each other on any topic: the gossip layer waits for another stream before it sends anything
/// else. An endpoint limits the streams of the other side, so both sides need the settings.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use iroh::{Endpoint, endpoint::presets};
///
/// let endpoint = Endpoint::builder(presets::Minimal).transport_config(dtt_core::transport_config()).bind().await?;
/// # Ok(()) }
/// ```
pub fn transport_config() -> QuicTransportConfig {
    QuicTransportConfig::builder()
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .build()
}
