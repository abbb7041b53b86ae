use bytes::Bytes;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::wire::TopicId;

const MAGIC: u8 = 0xD2;
const NEIGHBORS_ONLY: u8 = 1;
const UNSIGNED: u8 = 2;

const DOMAIN: &[u8] = b"dtt/2 message";
const SIGNATURE: usize = 64;
/// Everything before the payload.
const HEAD: usize = 1 + 1 + 32 + 3 * 8;

/// What an envelope says about its message, apart from the author and the payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// The author's session: see [`super::Author`].
    pub session: u64,
    /// The number of the message within the session, from 0.
    pub number: u64,
    /// When the author sent it by its own clock, in unix milliseconds.
    pub sent_ms: u64,
    /// Whether the message is for the author's neighbors only.
    pub neighbors_only: bool,
}

/// A message of a topic, with its author.
///
/// On the wire: `0xD2` ‖ flags (1 byte) ‖ author (32) ‖ session (8, little-endian) ‖ number (8, little-endian) ‖ sent at,
/// unix ms (8, little-endian) ‖ payload ‖ Ed25519 signature (64). Flag bit 0 is "for neighbors only", bit 1 is "without
/// signature". The signature is over `dtt/2 message` ‖ topic id ‖ everything before the signature.
///
/// ```
/// use dtt_core::{TopicId, wire::v2::{Envelope, Head, Unsigned}};
/// use ed25519_dalek::SigningKey;
///
/// let (topic, key) = (TopicId::from_hash(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
/// let head = Head { session: 1_700_000_000_000, number: 0, sent_ms: 1_700_000_000_500, neighbors_only: false };
/// let bytes = Envelope::sign(&topic, &key, &head, b"hello");
/// assert_eq!(bytes.len(), 5 + Envelope::OVERHEAD);
///
/// let envelope = Envelope::decode(&topic, bytes, Unsigned::Refuse)?;
/// assert_eq!((envelope.author, &envelope.payload[..]), (key.verifying_key().to_bytes(), &b"hello"[..]));
/// # Ok::<(), dtt_core::wire::v2::EnvelopeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// The author's 32-byte public key, which is its endpoint id. If the envelope is not signed, anyone may have
    /// written it, and it may not even be a key.
    pub author: [u8; 32],
    /// Numbers, time and scope.
    pub head: Head,
    /// Whether the author has signed all of this.
    pub signed: bool,
    /// The application's bytes: a part of the bytes that were decoded, not a copy.
    pub payload: Bytes,
}

/// Whether a receiver accepts envelopes without a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Unsigned {
    /// Refuse them.
    #[default]
    Refuse,
    /// Accept them. The author and the numbers are then claims of whoever sent the message.
    Accept,
}

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It is not an envelope: it does not begin with `0xD2`.
    #[error("message: it is not an envelope of protocol version 2")]
    Magic,
    /// It is shorter than an envelope without payload.
    #[error("message: {size} bytes, at least {limit} bytes are needed")]
    TooShort {
        /// Size in bytes.
        size: usize,
        /// The least size, in bytes.
        limit: usize,
    },
    /// It has flags that this library does not know.
    #[error("message: its flags are {0:#04x}, the known ones are 0x03")]
    Flags(u8),
    /// It has no signature, and the receiver accepts only signed messages.
    #[error("message: it has no signature")]
    Unsigned,
    /// Its author is no valid Ed25519 key.
    #[error("message: its author is not a valid Ed25519 key")]
    Key,
    /// Its signature is not valid for this topic and author (strict verification).
    #[error("message: its signature is not valid")]
    Signature,
}

impl Envelope {
    /// How many bytes a signed envelope is larger than its payload.
    pub const OVERHEAD: usize = HEAD + SIGNATURE;
    /// How many bytes an envelope without signature is larger than its payload.
    pub const UNSIGNED_OVERHEAD: usize = HEAD;

    /// The bytes of a signed envelope. The author is the key's owner.
    pub fn sign(topic: &TopicId, key: &SigningKey, head: &Head, payload: &[u8]) -> Bytes {
        let prefix = DOMAIN.len() + 32;
        let mut bytes = Vec::with_capacity(prefix + Self::OVERHEAD + payload.len());
        bytes.extend_from_slice(DOMAIN);
        bytes.extend_from_slice(&topic.hash());
        write(&mut bytes, 0, key.verifying_key().as_bytes(), head, payload);
        let signature = key.sign(&bytes);
        bytes.extend_from_slice(&signature.to_bytes());
        // What was signed before the envelope stays in the buffer and out of the message, so nothing is moved.
        Bytes::from(bytes).slice(prefix..)
    }

    /// The bytes of an envelope without signature, which claims an author.
    pub fn claim(author: &[u8; 32], head: &Head, payload: &[u8]) -> Bytes {
        let mut bytes = Vec::with_capacity(Self::UNSIGNED_OVERHEAD + payload.len());
        write(&mut bytes, UNSIGNED, author, head, payload);
        bytes.into()
    }

    /// Takes a message of a topic apart. A signature is verified strictly: no weak keys, no malleable signatures.
    ///
    /// The payload shares the memory of `bytes`. It is copied for a moment only, to be hashed with the topic id.
    pub fn decode(topic: &TopicId, bytes: Bytes, unsigned: Unsigned) -> Result<Self, EnvelopeError> {
        let size = bytes.len();
        match bytes.first() {
            Some(&MAGIC) => {}
            Some(_) => return Err(EnvelopeError::Magic),
            None => return Err(EnvelopeError::TooShort { size, limit: HEAD }),
        }
        let Some((head, _)) = bytes.split_first_chunk::<HEAD>() else {
            return Err(EnvelopeError::TooShort { size, limit: HEAD });
        };
        let (flags, author, head) = read(head);
        if flags & !(NEIGHBORS_ONLY | UNSIGNED) != 0 {
            return Err(EnvelopeError::Flags(flags));
        }
        let signed = flags & UNSIGNED == 0;
        let end = if signed {
            let Some(end) = size.checked_sub(SIGNATURE).filter(|end| *end >= HEAD) else {
                return Err(EnvelopeError::TooShort { size, limit: Self::OVERHEAD });
            };
            verify(topic, &author, &bytes, end)?;
            end
        } else if unsigned == Unsigned::Accept {
            size
        } else {
            return Err(EnvelopeError::Unsigned);
        };
        Ok(Self { author, head, signed, payload: bytes.slice(HEAD..end) })
    }
}

fn write(out: &mut Vec<u8>, flags: u8, author: &[u8; 32], head: &Head, payload: &[u8]) {
    out.extend_from_slice(&[MAGIC, flags | if head.neighbors_only { NEIGHBORS_ONLY } else { 0 }]);
    out.extend_from_slice(author);
    for number in [head.session, head.number, head.sent_ms] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(payload);
}

/// Flags, author and numbers.
fn read(bytes: &[u8; HEAD]) -> (u8, [u8; 32], Head) {
    let number = |index: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[34 + 8 * index..][..8]);
        u64::from_le_bytes(number)
    };
    let mut author = [0; 32];
    author.copy_from_slice(&bytes[2..34]);
    let neighbors_only = bytes[1] & NEIGHBORS_ONLY != 0;
    (bytes[1], author, Head { session: number(0), number: number(1), sent_ms: number(2), neighbors_only })
}

fn verify(topic: &TopicId, author: &[u8; 32], bytes: &[u8], end: usize) -> Result<(), EnvelopeError> {
    let (body, signature) = bytes.split_at(end);
    let signature = Signature::from_slice(signature).map_err(|_| EnvelopeError::Signature)?;
    VerifyingKey::from_bytes(author)
        .map_err(|_| EnvelopeError::Key)?
        .verify_strict(&[DOMAIN, &topic.hash(), body].concat(), &signature)
        .map_err(|_| EnvelopeError::Signature)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic() -> TopicId {
        TopicId::from_hash(&[1; 32])
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn decode(bytes: impl Into<Bytes>) -> Result<Envelope, EnvelopeError> {
        Envelope::decode(&topic(), bytes.into(), Unsigned::Refuse)
    }

    #[test]
    fn the_layout_is_that_of_the_protocol() {
        assert_eq!((Envelope::OVERHEAD, Envelope::UNSIGNED_OVERHEAD), (122, 58));
        let head = Head { session: 0x0102, number: 0x0304, sent_ms: 0x0506, neighbors_only: true };
        let bytes = Envelope::claim(&[0xAA; 32], &head, b"hi");
        let mut expected = vec![0xD2, 0x03];
        expected.extend_from_slice(&[0xAA; 32]);
        expected
            .extend_from_slice(&[2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 6, 5, 0, 0, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_message_is_refused_by_its_reason() {
        let good = Envelope::sign(&topic(), &key(), &Head::default(), b"payload");
        assert!(decode(good.clone()).unwrap().signed);
        assert_eq!(decode(vec![]), Err(EnvelopeError::TooShort { size: 0, limit: 58 }));
        assert_eq!(decode(vec![0xD2; 57]), Err(EnvelopeError::TooShort { size: 57, limit: 58 }));
        assert_eq!(decode(good.slice(..121)), Err(EnvelopeError::TooShort { size: 121, limit: 122 }));
        assert_eq!(decode(b"text".to_vec()), Err(EnvelopeError::Magic));
        let changed = |at: usize, to: &[u8]| {
            let mut bytes = good.to_vec();
            bytes[at..at + to.len()].copy_from_slice(to);
            decode(bytes)
        };
        assert_eq!(changed(1, &[0x04]), Err(EnvelopeError::Flags(4)));
        assert_eq!(changed(1, &[0x02]), Err(EnvelopeError::Unsigned));
        assert_eq!(changed(60, b"x"), Err(EnvelopeError::Signature));
        // y = 2 is on no point of the curve.
        assert_eq!(changed(2, &[&[2u8][..], &[0; 31]].concat()), Err(EnvelopeError::Key));
        // A key of low order: with lax verification, anyone can sign anything with it.
        assert_eq!(changed(2, &[&[1u8][..], &[0; 31]].concat()), Err(EnvelopeError::Signature));
        let other = TopicId::from_hash(&[2; 32]);
        assert_eq!(Envelope::decode(&other, good, Unsigned::Refuse), Err(EnvelopeError::Signature));
        assert_eq!(EnvelopeError::Flags(4).to_string(), "message: its flags are 0x04, the known ones are 0x03");
    }

    #[test]
    fn a_key_and_a_signature_of_low_order_verify_nothing() {
        // With A and R of order 1 and s = 0, the equation of a lax verification holds for every message.
        let identity = [&[1u8][..], &[0; 31]].concat();
        let mut bytes = Envelope::claim(&[0; 32], &Head::default(), b"anything").to_vec();
        bytes[1] = 0;
        bytes[2..34].copy_from_slice(&identity);
        bytes.extend_from_slice(&identity);
        bytes.extend_from_slice(&[0; 32]);
        assert_eq!(decode(bytes), Err(EnvelopeError::Signature));
    }

    #[test]
    fn an_envelope_without_signature_is_accepted_only_where_the_receiver_says_so() {
        let bytes = Envelope::claim(&[0xAA; 32], &Head::default(), b"");
        assert_eq!(decode(bytes.clone()), Err(EnvelopeError::Unsigned));
        let envelope = Envelope::decode(&topic(), bytes, Unsigned::Accept).unwrap();
        assert_eq!((envelope.author, envelope.signed, envelope.payload.len()), ([0xAA; 32], false, 0));
        // A receiver that accepts them still verifies the others.
        let mut signed = Envelope::sign(&topic(), &key(), &Head::default(), b"x").to_vec();
        signed[58] ^= 1;
        assert_eq!(Envelope::decode(&topic(), signed.into(), Unsigned::Accept), Err(EnvelopeError::Signature));
    }

    #[test]
    fn the_payload_is_not_copied() {
        let bytes = Envelope::sign(&topic(), &key(), &Head::default(), b"payload");
        let place = bytes[HEAD..].as_ptr();
        assert_eq!(decode(bytes).unwrap().payload.as_ptr(), place);
    }

    proptest! {
        #[test]
        fn envelopes_survive_a_round_trip_and_no_bit_can_be_changed(
            session: u64, number: u64, sent_ms: u64, neighbors_only: bool,
            payload in prop::collection::vec(any::<u8>(), 0..300), at: usize, bit in 0u32..8,
        ) {
            let head = Head { session, number, sent_ms, neighbors_only };
            let bytes = Envelope::sign(&topic(), &key(), &head, &payload);
            prop_assert_eq!(bytes.len(), payload.len() + Envelope::OVERHEAD);
            let author = key().verifying_key().to_bytes();
            let expected = Envelope { author, head, signed: true, payload: payload.clone().into() };
            prop_assert_eq!(decode(bytes.clone()).unwrap(), expected);
            let mut changed = bytes.to_vec();
            let at = at % changed.len();
            changed[at] ^= 1u8 << bit;
            prop_assert!(decode(changed).is_err());

            let claim = Envelope::claim(&author, &head, &payload);
            let decoded = Envelope::decode(&topic(), claim, Unsigned::Accept).unwrap();
            prop_assert_eq!(decoded, Envelope { author, head, signed: false, payload: payload.into() });
        }

        #[test]
        fn noise_is_never_a_signed_message(noise in prop::collection::vec(any::<u8>(), 0..400)) {
            let marked = [&[0xD2, 0x00][..], &noise].concat();
            prop_assert!(decode(noise).is_err());
            prop_assert!(decode(marked).is_err());
        }
    }
}
