//! Protocol version 2: private topics. `docs/protocol.md` states the formats exactly.
//!
//! In version 2, the secret decides where a topic is, not only who can read its records. Everything follows from a
//! topic's [`Root`], which a name and a secret give, or a [`Ticket`]. Without it, nobody can compute a [`Slot`] or the
//! id of the gossip topic. Records are those of version 1, in one box that is bound to its slot. Messages are in an
//! [`Envelope`], which says who wrote them.
//!
//! As in version 1, all functions are pure. Times are handed in. Only the one-time key of a sealed record and
//! [`Root::random`] are random.
//!
//! ```
//! use dtt_core::{GossipRecordContent, Record, wire::v2::{Period, TopicKeys}};
//! use ed25519_dalek::SigningKey;
//!
//! let now = 1_700_000_000;
//! let keys = TopicKeys::from_secret(b"my-topic", b"my secret", None)?;
//! let node = SigningKey::from_bytes(&[7; 32]);
//! let record = Record::sign(keys.topic_id().hash(), now / 60, GossipRecordContent::default(), &node)?;
//!
//! let period = keys.period(Period::at(now));
//! let value = period.seal(&record)?;
//! assert_eq!(period.open(&value, now)?, record);
//! # Ok::<(), dtt_core::Error>(())
//! ```

mod author;
mod envelope;
mod keys;
mod period;
mod record;
mod replay;
mod root;
mod slot;
mod ticket;
mod window;

pub use author::Author;
pub use envelope::{Envelope, EnvelopeError, Head, Unsigned};
pub use keys::{PeriodKeys, TopicKeys};
pub use period::{PERIOD, Period, TOLERANCE, accepted_minutes};
pub use record::{MAX_HINTS_BYTES, MAX_RECORD_BYTES, RECORD_OVERHEAD, decode_hints, encode_hints};
pub use replay::{Replay, ReplayWindow};
pub use root::Root;
pub use slot::Slot;
pub use ticket::{Ticket, TicketError};
