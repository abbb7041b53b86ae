//! Why a call failed.

use super::status::dtt_status_t::{self, *};

/// A status and its message.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: dtt_status_t,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(status: dtt_status_t, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn unknown_option(argument: &str, value: i32, choices: &str) -> Self {
        Self::new(DTT_UNKNOWN_OPTION, format!("{argument}: {value} is given, {choices} are possible"))
    }
}

impl From<dtt_core::Error> for Fault {
    fn from(error: dtt_core::Error) -> Self {
        Self::new(error.kind().into(), error.to_string())
    }
}

impl From<dtt_embed::Error> for Fault {
    fn from(error: dtt_embed::Error) -> Self {
        use dtt_embed::Error;
        let status = match &error {
            Error::Forked => DTT_FORKED,
            Error::System(_) => DTT_SYSTEM,
            Error::HasListener | Error::HasDescriptor => DTT_BUSY,
            Error::Closed => DTT_CLOSED,
            Error::ListenerRuns => DTT_TIMEOUT,
        };
        Self::new(status, error.to_string())
    }
}

pub(super) type Outcome<T = ()> = Result<T, Fault>;
