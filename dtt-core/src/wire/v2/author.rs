use std::fmt;

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use super::{Envelope, Head};
use crate::wire::TopicId;

/// The author of a topic's messages: it gives each message its number.
///
/// A *session* is the time between joining a topic and leaving it. Its number is the unix time in milliseconds at which
/// it began, or one more than the author's last session if that is larger. Messages are numbered 0, 1, 2 and so on
/// within it. So no two messages of an author have the same session and number, and receivers can tell a replay
/// ([`super::ReplayWindow`]).
pub struct Author {
    topic: TopicId,
    key: SigningKey,
    session: u64,
    next: u64,
}

impl Author {
    /// Begins a session. `earlier` is the last session of this key in this topic, as far as it is known.
    pub fn new(topic: TopicId, key: SigningKey, unix_ms: u64, earlier: Option<u64>) -> Self {
        let session = earlier.map_or(unix_ms, |earlier| earlier.saturating_add(1).max(unix_ms));
        Self { topic, key, session, next: 0 }
    }

    /// The session's number.
    pub fn session(&self) -> u64 {
        self.session
    }

    /// The bytes of the next message, signed.
    pub fn sign(&mut self, payload: &[u8], sent_ms: u64, neighbors_only: bool) -> Bytes {
        let head = self.head(sent_ms, neighbors_only);
        Envelope::sign(&self.topic, &self.key, &head, payload)
    }

    /// The bytes of the next message, without a signature.
    pub fn claim(&mut self, payload: &[u8], sent_ms: u64, neighbors_only: bool) -> Bytes {
        let head = self.head(sent_ms, neighbors_only);
        Envelope::claim(self.key.verifying_key().as_bytes(), &head, payload)
    }

    fn head(&mut self, sent_ms: u64, neighbors_only: bool) -> Head {
        let number = self.next;
        self.next += 1;
        Head { session: self.session, number, sent_ms, neighbors_only }
    }
}

/// Shows the session and the next number alone.
impl fmt::Debug for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Author").field("session", &self.session).field("next", &self.next).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v2::Unsigned;

    #[test]
    fn no_two_messages_have_the_same_session_and_number() {
        let topic = TopicId::from_hash(&[1; 32]);
        let author = |now, earlier| Author::new(topic, SigningKey::from_bytes(&[7; 32]), now, earlier);
        assert_eq!(author(5, None).session(), 5);
        assert_eq!(author(5, Some(4)).session(), 5);
        assert_eq!(author(5, Some(5)).session(), 6, "joined twice within a millisecond");
        assert_eq!(author(5, Some(9)).session(), 10, "the clock went backwards");
        assert_eq!(author(5, Some(u64::MAX)).session(), u64::MAX);
        let mut author = author(5, None);
        for number in 0..3 {
            let bytes = if number == 1 { author.claim(b"x", 6, false) } else { author.sign(b"x", 6, true) };
            let envelope = Envelope::decode(&topic, bytes, Unsigned::Accept).unwrap();
            assert_eq!(envelope.head, Head { session: 5, number, sent_ms: 6, neighbors_only: number != 1 });
            assert_eq!(envelope.signed, number != 1);
        }
        assert_eq!(format!("{author:?}"), "Author { session: 5, next: 3, .. }");
    }
}
