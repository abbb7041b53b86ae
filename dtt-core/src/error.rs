//! One table of error kinds. Every language's binding maps from their fixed numbers.

use std::time::Duration;

use crate::wire::v2::TicketError;

/// What went wrong, as a number that never changes its meaning.
///
/// Bindings turn a kind into a status code, an exception class or an enum case. Numbers are never reused. New kinds get
/// new numbers, so match with a wildcard arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u16)]
pub enum ErrorKind {
    /// An argument is outside its limits. The message names the argument, the limit and the value.
    InvalidArgument = 1,
    /// A payload is larger than one gossip message can carry.
    TooLarge = 2,
    /// The topic or the node is closed.
    Closed = 3,
    /// The time allowed for the call is over.
    Timeout = 4,
    /// A socket could not be opened, or the endpoint could not start.
    Bind = 5,
    /// The DHT could not be reached, or no DHT node stored the record.
    Dht = 6,
    /// The gossip layer refused a call, or it has ended.
    Gossip = 7,
    /// A record is malformed, foreign, stale, or not signed or sealed as it must be.
    Record = 8,
    /// A defect of this library. Please report it.
    Internal = 9,
}

impl ErrorKind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [ErrorKind; 9] = [
        ErrorKind::InvalidArgument,
        ErrorKind::TooLarge,
        ErrorKind::Closed,
        ErrorKind::Timeout,
        ErrorKind::Bind,
        ErrorKind::Dht,
        ErrorKind::Gossip,
        ErrorKind::Record,
        ErrorKind::Internal,
    ];

    /// The fixed number of this kind.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The fixed name of this kind, in upper case, as the bindings use it.
    pub const fn name(self) -> &'static str {
        match self {
            ErrorKind::InvalidArgument => "INVALID_ARGUMENT",
            ErrorKind::TooLarge => "TOO_LARGE",
            ErrorKind::Closed => "CLOSED",
            ErrorKind::Timeout => "TIMEOUT",
            ErrorKind::Bind => "BIND",
            ErrorKind::Dht => "DHT",
            ErrorKind::Gossip => "GOSSIP",
            ErrorKind::Record => "RECORD",
            ErrorKind::Internal => "INTERNAL",
        }
    }
}

/// Any error of this library. [`Error::kind`] gives the stable number.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is outside its limits.
    #[error("{argument}: {problem}")]
    InvalidArgument {
        /// The argument's or option's name.
        argument: &'static str,
        /// The limit and the value that broke it. Never holds a secret.
        problem: String,
    },
    /// A payload does not fit into one gossip message.
    #[error("message: {size} bytes, the limit is {limit} bytes")]
    TooLarge {
        /// Size of the payload in bytes.
        size: usize,
        /// The most bytes that one message carries.
        limit: usize,
    },
    /// The topic or the node is closed.
    #[error("{0} is closed")]
    Closed(&'static str),
    /// The time allowed for the call is over.
    #[error("{what} did not finish within {} ms", .after.as_millis())]
    Timeout {
        /// The call that did not finish.
        what: &'static str,
        /// The time that was allowed.
        after: Duration,
    },
    /// No neighbor came within the time allowed.
    #[error("join did not finish within {} ms: {why}", .after.as_millis())]
    NotJoined {
        /// The time that was allowed.
        after: Duration,
        /// How far joining came: whether the DHT answered, what was found, and what went wrong.
        why: String,
    },
    /// A socket could not be opened, or the endpoint could not start.
    #[error("cannot bind {what}: {reason}")]
    Bind {
        /// The socket or endpoint that should have been bound.
        what: &'static str,
        /// The reason that the system or the endpoint gave.
        reason: String,
    },
    /// The DHT could not be reached, or no DHT node stored the record.
    #[error("dht {operation} failed: {reason}")]
    Dht {
        /// `lookup` or `store`.
        operation: &'static str,
        /// The reason that the DHT client gave.
        reason: String,
    },
    /// The gossip layer refused a call, or it has ended.
    #[error("gossip: {0}")]
    Gossip(String),
    /// A record was refused.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A text is no ticket.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// A defect of this library.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// The kind of this error, with its fixed number.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::InvalidArgument { .. } | Error::Ticket(_) => ErrorKind::InvalidArgument,
            Error::TooLarge { .. } => ErrorKind::TooLarge,
            Error::Closed(_) => ErrorKind::Closed,
            Error::Timeout { .. } | Error::NotJoined { .. } => ErrorKind::Timeout,
            Error::Bind { .. } => ErrorKind::Bind,
            Error::Dht { .. } => ErrorKind::Dht,
            Error::Gossip(_) => ErrorKind::Gossip,
            Error::Record(_) => ErrorKind::Record,
            Error::Internal(_) => ErrorKind::Internal,
        }
    }

    /// Shorthand for a refused argument.
    pub(crate) fn argument(argument: &'static str, problem: impl Into<String>) -> Self {
        Error::InvalidArgument { argument, problem: problem.into() }
    }
}

/// Why a record was refused. [`crate::TopicStats`] counts refused records by groups of these reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Shorter than the smallest possible record or sealed record.
    #[error("record: {size} bytes, at least {limit} bytes are needed")]
    TooShort {
        /// Size in bytes.
        size: usize,
        /// The least size, in bytes.
        limit: usize,
    },
    /// Larger than a DHT value may be (BEP 44) or than a decoder accepts.
    #[error("record: {size} bytes, the limit is {limit} bytes")]
    TooLong {
        /// Size in bytes.
        size: usize,
        /// The greatest size, in bytes.
        limit: usize,
    },
    /// A length field does not fit the size of the whole.
    #[error("record: its length field of {stated} bytes does not fit its size of {size} bytes")]
    Length {
        /// The length that the record states, in bytes.
        stated: usize,
        /// The size of the whole, in bytes.
        size: usize,
    },
    /// It cannot be opened with this secret, rotation and minute.
    #[error("record: it cannot be opened with this secret")]
    Sealed,
    /// It belongs to another topic.
    #[error("record: it is signed for another topic")]
    Topic,
    /// It belongs to another minute than its slot.
    #[error("record: it is signed for minute {found}, its slot is minute {slot}")]
    Minute {
        /// The minute in the record.
        found: u64,
        /// The minute of the slot that held it.
        slot: u64,
    },
    /// Protocol version 2: it is of a minute that a reader does not accept at this time.
    #[error("record: it is signed for minute {found}, minutes {earliest} to {latest} are accepted now")]
    Age {
        /// The minute in the record.
        found: u64,
        /// The earliest minute that is accepted.
        earliest: u64,
        /// The latest minute that is accepted.
        latest: u64,
    },
    /// Its public key is no valid Ed25519 key.
    #[error("record: its public key is not a valid Ed25519 key")]
    Key,
    /// Its signature is not valid (strict verification).
    #[error("record: its signature is not valid")]
    Signature,
    /// Its content cannot be decoded as the requested type.
    #[error("record: its content cannot be decoded")]
    Content,
}

/// Shorthand for results of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused text as error messages repeat it: in quotes, and cut if it is long.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_fixed() {
        let table: Vec<_> = ErrorKind::ALL.iter().map(|k| (k.code(), k.name())).collect();
        assert_eq!(
            table,
            [
                (1, "INVALID_ARGUMENT"),
                (2, "TOO_LARGE"),
                (3, "CLOSED"),
                (4, "TIMEOUT"),
                (5, "BIND"),
                (6, "DHT"),
                (7, "GOSSIP"),
                (8, "RECORD"),
                (9, "INTERNAL"),
            ]
        );
    }

    #[test]
    fn messages_name_the_limit_and_the_value() {
        let error = Error::TooLarge { size: 5000, limit: 4057 };
        assert_eq!(error.to_string(), "message: 5000 bytes, the limit is 4057 bytes");
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
}
