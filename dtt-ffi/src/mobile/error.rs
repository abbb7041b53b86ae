//! Errors, with the engine's fixed numbers.

use std::time::Duration;

use dtt_core::{Error, ErrorKind as Kind, RecordError};
use dtt_embed::runtime;

/// What went wrong, as a number that never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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
    /// The DHT could not be reached, or nobody stored the record.
    Dht = 6,
    /// The gossip layer refused or ended.
    Gossip = 7,
    /// A record is malformed, foreign, stale, or not signed or sealed as it must be.
    Record = 8,
    /// A defect of this library. Please report it.
    Internal = 9,
}

impl From<Kind> for ErrorKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::InvalidArgument => Self::InvalidArgument,
            Kind::TooLarge => Self::TooLarge,
            Kind::Closed => Self::Closed,
            Kind::Timeout => Self::Timeout,
            Kind::Bind => Self::Bind,
            Kind::Dht => Self::Dht,
            Kind::Gossip => Self::Gossip,
            Kind::Record => Self::Record,
            // A kind that is younger than this table.
            _ => Self::Internal,
        }
    }
}

/// Why a call failed, as the languages' own layers see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum RawError {
    /// It failed.
    #[error("{reason}")]
    Failed {
        /// The kind.
        kind: ErrorKind,
        /// The message.
        reason: String,
    },
    /// It was cancelled.
    #[error("the call was cancelled")]
    Cancelled,
}

impl RawError {
    pub(super) fn internal(reason: impl Into<String>) -> Self {
        Self::Failed { kind: ErrorKind::Internal, reason: reason.into() }
    }

    pub(super) fn argument(argument: &str, problem: impl std::fmt::Display) -> Self {
        Self::Failed { kind: ErrorKind::InvalidArgument, reason: format!("{}: {problem}", camel(argument)) }
    }
}

/// The name of an argument or a function as Swift and Kotlin write it.
fn camel(argument: &str) -> String {
    let mut words = argument.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|initial| initial.to_ascii_uppercase()));
        name + letters.as_str()
    })
}

impl From<dtt_core::Error> for RawError {
    fn from(error: dtt_core::Error) -> Self {
        match error {
            Error::InvalidArgument { argument, problem } => Self::argument(argument, problem),
            // The name of a function, for example.
            Error::Timeout { what, .. } => {
                Self::Failed { kind: ErrorKind::Timeout, reason: error.to_string().replacen(what, &camel(what), 1) }
            }
            other => Self::Failed { kind: other.kind().into(), reason: other.to_string() },
        }
    }
}

impl From<dtt_embed::Error> for RawError {
    fn from(error: dtt_embed::Error) -> Self {
        Self::internal(error.to_string())
    }
}

/// What a listener may fail with. Whatever else it throws is taken for this too.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// It failed.
    #[error("{reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

/// What a secret rotation may fail with. The reason is shown in errors and in the log: it must not hold a secret. Of whatever
/// else a rotation throws only the type is shown.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum RotationError {
    /// It failed.
    #[error("{reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for RotationError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // Its text may hold anything, the seed too.
        Self::Failed { reason: "it threw an error that is none of a rotation's".to_owned() }
    }
}

/// Fails on purpose with an error of this kind, or panics if there is none, so that the bindings can test how they treat it. It
/// changes nothing.
#[uniffi::export]
pub fn raw_fail_on_purpose(kind: Option<ErrorKind>) -> Result<(), RawError> {
    let reason = || "on purpose".to_owned();
    Err(RawError::from(match kind {
        None if std::hint::black_box(true) => panic!("on purpose"),
        Some(ErrorKind::InvalidArgument) => Error::InvalidArgument { argument: "argument", problem: reason() },
        Some(ErrorKind::TooLarge) => Error::TooLarge { size: 5000, limit: 4057 },
        Some(ErrorKind::Closed) => Error::Closed("the topic"),
        Some(ErrorKind::Timeout) => Error::Timeout { what: "broadcast", after: Duration::from_secs(5) },
        Some(ErrorKind::Bind) => Error::Bind { what: "the endpoint", reason: reason() },
        Some(ErrorKind::Dht) => Error::Dht { operation: "store", reason: reason() },
        Some(ErrorKind::Gossip) => Error::Gossip(reason()),
        Some(ErrorKind::Record) => RecordError::Signature.into(),
        Some(ErrorKind::Internal) | None => Error::Internal(reason()),
    }))
}

/// How many tasks run in the library now, so that the bindings can test that none is left behind.
#[uniffi::export]
pub fn raw_alive_tasks() -> u64 {
    runtime::handle().map_or(0, |runtime| runtime.metrics().num_alive_tasks() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_the_names_that_the_languages_give_them() {
        for (given, shown) in
            [("nodes", "nodes"), ("max_message_size", "maxMessageSize"), ("a_", "a"), ("", ""), ("é_é", "éé")]
        {
            assert_eq!(camel(given), shown);
        }
        let error = Error::InvalidArgument { argument: "secret_key", problem: "31 bytes".into() };
        assert_eq!(RawError::from(error).to_string(), "secretKey: 31 bytes");
        let error = Error::Timeout { what: "broadcast_neighbors", after: Duration::from_secs(5) };
        assert_eq!(RawError::from(error).to_string(), "broadcastNeighbors did not finish within 5000 ms");
    }

    #[test]
    fn kinds_have_the_engines_numbers() {
        for kind in Kind::ALL {
            assert_eq!(ErrorKind::from(kind) as u16, kind.code(), "{kind:?}");
            let failed = raw_fail_on_purpose(Some(kind.into()));
            assert!(matches!(failed, Err(RawError::Failed { kind: given, .. }) if given as u16 == kind.code()));
        }
    }
}
