//! Messages of version 2. Byte 0 chooses what the rest is: a message, numbers and a payload that are signed, or messages
//! for a replay window.

#![no_main]

use std::collections::{BTreeMap, HashSet};

use arbitrary::{Arbitrary, Unstructured};
use dtt_core::{
    TopicId,
    wire::v2::{Envelope, EnvelopeError, Head, Replay, ReplayWindow, TOLERANCE, Unsigned},
};
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    let mut input = Unstructured::new(rest);
    match mode % 4 {
        0 => decode(rest),
        1 => drop(Message::arbitrary(&mut input).map(|message| sign(&message, input.take_rest()))),
        2 => drop(Vec::arbitrary(&mut input).map(|messages: Vec<Small>| all_is_remembered(&messages))),
        _ => drop(Vec::arbitrary(&mut input).map(|messages: Vec<Message>| little_is_remembered(&messages))),
    }
});

/// The topic of the first test vectors.
fn topic() -> TopicId {
    let hex = "e5071601bfc8ef7e1407d94334858bffc958180329ce98648781b1a70e4a07c7";
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("two digits");
    TopicId::from_hash(&std::array::from_fn(byte))
}

fn decode(bytes: &[u8]) {
    let decoded = |bytes: &[u8], unsigned| Envelope::decode(&topic(), bytes.to_vec().into(), unsigned);
    let strict = decoded(bytes, Unsigned::Refuse);
    let lax = decoded(bytes, Unsigned::Accept);
    assert!(strict == lax || (strict == Err(EnvelopeError::Unsigned) && lax.as_ref().is_ok_and(|it| !it.signed)));
    let envelope = match lax {
        Ok(envelope) => envelope,
        Err(EnvelopeError::Magic) => return assert_ne!(bytes[0], 0xD2),
        Err(EnvelopeError::TooShort { size, limit }) => return assert!(size == bytes.len() && size < limit),
        Err(EnvelopeError::Flags(flags)) => return assert!(flags == bytes[1] && flags > 3),
        Err(EnvelopeError::Key | EnvelopeError::Signature) => return assert!(bytes.len() >= Envelope::OVERHEAD),
        Err(error) => panic!("{error}"),
    };
    // Everything that it says is in the bytes, and nothing else is.
    let claim = Envelope::claim(&envelope.author, &envelope.head, &envelope.payload);
    assert_eq!(claim[2..], bytes[2..claim.len()]);
    assert_eq!(bytes.len() - envelope.payload.len(), if envelope.signed { 122 } else { 58 });
    if envelope.signed {
        // A signature is valid for one message only. The message itself decides which bit is changed here.
        let at = usize::from(bytes[bytes.len() - 1]) * 7 % bytes.len();
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << (bytes[2] % 8);
        assert!(decoded(&changed, Unsigned::Refuse).is_err(), "byte {at} can be changed");
    }
}

#[derive(Debug, Arbitrary)]
struct Message {
    author: u8,
    session: u64,
    number: u64,
    sent_ms: u64,
    neighbors_only: bool,
    now: u64,
}

impl Message {
    fn head(&self) -> Head {
        let Message { session, number, sent_ms, neighbors_only, .. } = *self;
        Head { session, number, sent_ms, neighbors_only }
    }
}

fn sign(message: &Message, payload: &[u8]) {
    let (key, head) = (SigningKey::from_bytes(&[message.author; 32]), message.head());
    let bytes = Envelope::sign(&topic(), &key, &head, payload);
    decode(&bytes);
    let author = key.verifying_key().to_bytes();
    let expected = Envelope { author, head, signed: true, payload: payload.to_vec().into() };
    assert_eq!(Envelope::decode(&topic(), bytes, Unsigned::Refuse), Ok(expected));
    decode(&Envelope::claim(&author, &head, payload));
}

fn received(author: u8, signed: bool, head: Head) -> Envelope {
    Envelope { author: [author; 32], head, signed, payload: Default::default() }
}

/// A message of few authors, sessions and times.
#[derive(Debug, Arbitrary)]
struct Small {
    author: u8,
    number: u16,
    sent: u8,
    now: u8,
}

/// The sessions of an author, each with its highest number and all its numbers.
type Sessions = BTreeMap<u64, (u64, HashSet<u64>)>;

/// With no more authors and sessions than a window remembers, it says what a set of all messages says.
fn all_is_remembered(messages: &[Small]) {
    let mut window = ReplayWindow::new(4);
    let mut model: BTreeMap<(bool, u8), Sessions> = BTreeMap::new();
    let minute = 60_000;
    for message in messages {
        let (author, signed, session) =
            (message.author & 1, message.author & 2 == 0, u64::from(message.author >> 2 & 3));
        let number = u64::from(message.number);
        let (sent_ms, now) = (u64::from(message.sent) * minute, u64::from(message.now) * minute);
        let sessions = model.entry((signed, author)).or_default();
        let earlier = sessions.last_key_value().is_some_and(|(newest, _)| session < *newest);
        let fresh = sent_ms.abs_diff(now) <= TOLERANCE * 1_000;
        let expected = if !sessions.contains_key(&session) && earlier && !fresh {
            Replay::OldSession
        } else {
            let (highest, numbers) = sessions.entry(session).or_insert((number, HashSet::new()));
            if highest.saturating_sub(number) >= ReplayWindow::NUMBERS {
                Replay::TooOld
            } else {
                *highest = (*highest).max(number);
                if numbers.insert(number) { Replay::New } else { Replay::Duplicate }
            }
        };
        let head = Head { session, number, sent_ms, neighbors_only: false };
        assert_eq!(window.receive(&received(author, signed, head), now), expected);
    }
}

/// With more, it remembers at least what it has just heard, and no more authors than it should.
fn little_is_remembered(messages: &[Message]) {
    let mut window = ReplayWindow::new(3);
    for message in messages {
        let envelope = received(message.author, message.neighbors_only, message.head());
        if window.receive(&envelope, message.now) == Replay::New {
            assert_eq!(window.receive(&envelope, message.now), Replay::Duplicate);
        } else {
            assert_ne!(window.receive(&envelope, message.now), Replay::New);
        }
        assert!(window.authors() <= 3);
    }
}
