//! What a member says, with its author: envelopes go out numbered and signed, and come in verified, each once.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use iroh::EndpointId;
use iroh_gossip::{
    api,
    proto::{DeliveryScope, Scope},
};

use crate::{
    net::{clock::unix_ms, stats::Refusal},
    sync::Unpoisoned,
    tracker::PeerId,
    wire::{
        TopicId,
        v2::{Author, Envelope, EnvelopeError, Replay, ReplayWindow, Unsigned},
    },
};

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The application's bytes.
    pub content: Bytes,
    /// Who wrote it, and when. `None` on a topic of protocol version 1, whose messages say nothing of this.
    pub origin: Option<Origin>,
    /// The neighbor that handed it over, which need not be its author.
    pub delivered_from: EndpointId,
    /// Whether it came to the whole swarm, and over how many hops, or to the author's neighbors only.
    pub scope: DeliveryScope,
}

/// Who wrote a message, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// The id of the node that wrote the message.
    pub author: EndpointId,
    /// The author's session: the unix time in milliseconds at which it joined the topic, or more. A later session of an
    /// author has a larger number.
    pub session: u64,
    /// The number of the message within the session: 0, 1, 2 and so on.
    pub number: u64,
    /// When the author sent it, by its own clock.
    pub sent_at: SystemTime,
    /// Whether the author has signed all of this. If not, any member may have written it. That happens only on topics with
    /// `unsigned_messages`.
    pub signed: bool,
}

/// Makes the messages of this node.
#[derive(Debug)]
pub(super) struct Outbox {
    author: Mutex<Author>,
    unsigned: bool,
}

impl Outbox {
    /// Begins a session that is later than `earlier`.
    pub(super) fn new(topic: TopicId, key: SigningKey, earlier: Option<u64>, unsigned: bool) -> Self {
        Self { author: Author::new(topic, key, unix_ms(), earlier).into(), unsigned }
    }

    pub(super) fn session(&self) -> u64 {
        self.author.lock().unpoisoned().session()
    }

    /// How many bytes a message is larger than its content.
    pub(super) fn overhead(&self) -> usize {
        if self.unsigned { Envelope::UNSIGNED_OVERHEAD } else { Envelope::OVERHEAD }
    }

    /// Makes the next message and hands it on, before any other message gets its number. Returns its bytes.
    pub(super) fn send(&self, content: &[u8], scope: Scope, hand_on: impl FnOnce(Bytes)) -> Bytes {
        let neighbors_only = matches!(scope, Scope::Neighbors);
        let mut author = self.author.lock().unpoisoned();
        let message = match self.unsigned {
            true => author.claim(content, unix_ms(), neighbors_only),
            false => author.sign(content, unix_ms(), neighbors_only),
        };
        hand_on(message.clone());
        message
    }
}

/// Judges the messages that come in.
#[derive(Debug)]
pub(super) struct Inbox {
    topic: TopicId,
    me: PeerId,
    /// This node's session: what it said itself is no news.
    session: u64,
    unsigned: Unsigned,
    window: ReplayWindow,
}

impl Inbox {
    pub(super) fn new(topic: TopicId, me: PeerId, session: u64, unsigned: bool) -> Self {
        let unsigned = if unsigned { Unsigned::Accept } else { Unsigned::Refuse };
        Self { topic, me, session, unsigned, window: ReplayWindow::default() }
    }

    pub(super) fn open(&mut self, message: api::Message) -> Result<Message, Refusal> {
        let api::Message { content, scope, delivered_from } = message;
        let envelope = Envelope::decode(&self.topic, content, self.unsigned)?;
        let author = EndpointId::from_bytes(&envelope.author).map_err(|_| Refusal::Signature)?;
        // Gossip hands on what is for the whole swarm. So the author itself delivers what is for its neighbors.
        let fits = match scope {
            DeliveryScope::Swarm(_) => !envelope.head.neighbors_only,
            DeliveryScope::Neighbors => envelope.head.neighbors_only && delivered_from == author,
        };
        if !fits {
            return Err(Refusal::Scope);
        }
        let is_own = envelope.author == self.me && envelope.head.session == self.session;
        if is_own || self.window.receive(&envelope, unix_ms()) != Replay::New {
            return Err(Refusal::Repeated);
        }
        let origin = Origin {
            author,
            session: envelope.head.session,
            number: envelope.head.number,
            sent_at: UNIX_EPOCH + Duration::from_millis(envelope.head.sent_ms),
            signed: envelope.signed,
        };
        Ok(Message { content: envelope.payload, origin: Some(origin), delivered_from, scope })
    }
}

impl From<EnvelopeError> for Refusal {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Magic | EnvelopeError::TooShort { .. } | EnvelopeError::Flags(_) => Self::Malformed,
            EnvelopeError::Unsigned => Self::Unsigned,
            EnvelopeError::Key | EnvelopeError::Signature => Self::Signature,
        }
    }
}

impl From<api::Message> for Message {
    /// A message of version 1.
    fn from(message: api::Message) -> Self {
        let api::Message { content, scope, delivered_from } = message;
        Self { content, origin: None, delivered_from, scope }
    }
}

impl From<Message> for api::Message {
    fn from(message: Message) -> Self {
        let Message { content, scope, delivered_from, .. } = message;
        Self { content, scope, delivered_from }
    }
}

#[cfg(test)]
mod tests {
    use iroh_gossip::proto::DeliveryScope::Neighbors;

    use super::*;
    use crate::wire::v2::Head;

    /// To the whole swarm, over no hop. Its distance has no constructor, so it comes from its encoding.
    fn swarm() -> DeliveryScope {
        postcard::from_bytes(&[0, 0]).unwrap()
    }

    fn key(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn id(n: u8) -> EndpointId {
        EndpointId::from_bytes(key(n).verifying_key().as_bytes()).unwrap()
    }

    fn topic() -> TopicId {
        TopicId::new("topic")
    }

    fn inbox(unsigned: bool) -> Inbox {
        Inbox::new(topic(), *id(1).as_bytes(), 500, unsigned)
    }

    fn from(n: u8, content: Bytes, scope: DeliveryScope) -> api::Message {
        api::Message { content, scope, delivered_from: id(n) }
    }

    fn signed(author: u8, session: u64, number: u64, neighbors_only: bool) -> Bytes {
        let head = Head { session, number, sent_ms: unix_ms(), neighbors_only };
        Envelope::sign(&topic(), &key(author), &head, b"payload")
    }

    #[test]
    fn what_an_outbox_makes_an_inbox_opens_once() {
        let outbox = Outbox::new(topic(), key(2), Some(u64::MAX - 1), false);
        assert_eq!((outbox.session(), outbox.overhead()), (u64::MAX, 122));
        let mut inbox = inbox(false);
        for number in 0..3 {
            let mut handed_on = None;
            let bytes = outbox.send(b"payload", Scope::Swarm, |message| handed_on = Some(message));
            assert_eq!(handed_on.as_ref(), Some(&bytes));
            let message = inbox.open(from(3, bytes.clone(), swarm())).unwrap();
            let origin = message.origin.unwrap();
            assert_eq!((&message.content[..], message.delivered_from), (&b"payload"[..], id(3)));
            assert_eq!((origin.author, origin.session, origin.number), (id(2), u64::MAX, number));
            assert_eq!(inbox.open(from(4, bytes, swarm())), Err(Refusal::Repeated));
        }
    }

    #[test]
    fn a_member_cannot_speak_for_another_one() {
        let mut inbox = inbox(false);
        let mut forged = signed(2, 7, 0, false).to_vec();
        forged[2..34].copy_from_slice(id(3).as_bytes());
        assert_eq!(inbox.open(from(2, forged.into(), swarm())), Err(Refusal::Signature));
        let claim = Envelope::claim(id(3).as_bytes(), &Head::default(), b"payload");
        assert_eq!(inbox.open(from(2, claim.clone(), swarm())), Err(Refusal::Unsigned));
        assert_eq!(inbox.open(from(2, b"payload".to_vec().into(), swarm())), Err(Refusal::Malformed));
        let open = inbox_that_accepts_claims().open(from(2, claim, swarm())).unwrap();
        assert!(!open.origin.unwrap().signed);
        // No key at all: y = 2 is on no point of the curve.
        let nobody = [&[2u8][..], &[0; 31]].concat().try_into().unwrap();
        let claim = Envelope::claim(&nobody, &Head::default(), b"payload");
        assert_eq!(inbox_that_accepts_claims().open(from(2, claim, swarm())), Err(Refusal::Signature));
    }

    fn inbox_that_accepts_claims() -> Inbox {
        inbox(true)
    }

    #[test]
    fn a_message_for_neighbors_goes_no_further() {
        let mut inbox = inbox(false);
        assert_eq!(inbox.open(from(3, signed(2, 7, 0, true), swarm())), Err(Refusal::Scope));
        assert_eq!(inbox.open(from(3, signed(2, 7, 1, true), Neighbors)), Err(Refusal::Scope), "not its author");
        assert_eq!(inbox.open(from(2, signed(2, 7, 2, false), Neighbors)), Err(Refusal::Scope));
        assert!(inbox.open(from(2, signed(2, 7, 3, true), Neighbors)).is_ok());
    }

    #[test]
    fn what_this_node_said_itself_is_no_news() {
        let mut inbox = inbox(false);
        assert_eq!(inbox.open(from(3, signed(1, 500, 9, false), swarm())), Err(Refusal::Repeated));
        // Another session of this key: another process has it, or this node was started again.
        assert!(inbox.open(from(3, signed(1, 499, 9, false), swarm())).is_ok());
    }
}
