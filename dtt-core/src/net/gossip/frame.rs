//! How the messages of a topic are framed on a stream, in the format of iroh-gossip 0.101.
//!
//! A stream carries one topic in one direction. It is a sequence of frames: a length (4 bytes, big-endian), and that
//! many bytes in [postcard's encoding](https://postcard.jamesmunns.com). The first frame is the topic's id, or what a
//! private topic has in its place (`door.rs`). Each further frame is a message.

use bytes::{BufMut, Bytes, BytesMut};
use iroh::{EndpointId, endpoint::RecvStream};
use iroh_gossip::proto::{TopicId, topic};
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use super::door::{Header, Proofs};

pub(super) type Message = topic::Message<EndpointId>;
/// The frames of a stream that a peer opened.
pub(super) type Frames = FramedRead<RecvStream, LengthDelimitedCodec>;

/// A stream that a peer sends on.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) peer: EndpointId,
    /// The number of its connection, and the stream's number on that connection.
    pub(super) connection: u64,
    pub(super) stream: u64,
    /// How it began, and the topic to which it was found to belong.
    pub(super) header: Header,
    pub(super) topic: Option<TopicId>,
    pub(super) proofs: Proofs,
    pub(super) frames: Frames,
    /// A frame that has been read already.
    pub(super) first: Option<BytesMut>,
}

/// The messages by which a member says that it is no longer a neighbor: `GOES` if it leaves the swarm, `STAYS` if it
/// stays there. iroh-gossip makes such a message only for peers that it counts as neighbors.
pub(super) const GOES: &[u8] = &[0, 0, 0, 4, 0, 5, 0, 0];
pub(super) const STAYS: &[u8] = &[0, 0, 0, 4, 0, 5, 1, 0];

const LENGTH: usize = size_of::<u32>();
/// First size of a stream's read buffer, in bytes. Longer frames get more room. There is one buffer for each topic and
/// neighbor.
const READ: usize = 1024;

/// Frames of at most `max_message_size` bytes. A longer one is an error.
pub(super) fn frames(stream: RecvStream, max_message_size: usize) -> Frames {
    let codec = LengthDelimitedCodec::builder().max_frame_length(max_message_size).new_codec();
    FramedRead::with_capacity(stream, codec, READ)
}

/// The first frame of a stream.
pub(super) fn first(header: &Header) -> Bytes {
    let mut frame = BytesMut::with_capacity(LENGTH + header.len());
    frame.put_u32(header.len() as u32);
    frame.put_slice(header);
    frame.freeze()
}

/// A message with its length; `None` if it is longer than peers read.
pub(super) fn encode(message: &Message, max_message_size: usize) -> Option<Bytes> {
    let mut frame = vec![0; LENGTH];
    frame = postcard::to_extend(message, frame).ok()?;
    let length = frame.len() - LENGTH;
    frame[..LENGTH].copy_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
    (length < max_message_size).then(|| frame.into())
}

pub(super) fn decode(frame: &[u8]) -> Option<Message> {
    postcard::from_bytes(frame).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn farewells_are_what_the_state_machine_reads() {
        for (frame, alive) in [(GOES, "alive: false"), (STAYS, "alive: true")] {
            let message = decode(&frame[LENGTH..]).unwrap();
            assert!(message.is_disconnect() && format!("{message:?}").contains(alive), "{message:?}");
            assert_eq!(encode(&message, 4096).unwrap(), frame);
        }
    }
}
