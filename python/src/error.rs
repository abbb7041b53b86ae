//! From the engine's errors to the exception classes of `dtt._errors`.

use std::borrow::Cow;

use dtt_core::{Error, ErrorKind};
use pyo3::{prelude::*, sync::PyOnceLock, types::PyAny};

/// Which exception class: the number of an [`ErrorKind`], or one of Python's own kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FaultKind(u16);

impl FaultKind {
    /// The child of a process that used the engine. No kind of the engine's.
    pub(crate) const FORKED: Self = Self(1000);

    pub(crate) const fn of(kind: ErrorKind) -> Self {
        Self(kind.code())
    }
}

/// An error that becomes an exception when Python is there.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    kind: FaultKind,
    message: Cow<'static, str>,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn argument(argument: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(FaultKind::of(ErrorKind::InvalidArgument), format!("{argument}: {problem}"))
    }

    pub(crate) fn closed(what: &str) -> Self {
        Self::new(FaultKind::of(ErrorKind::Closed), format!("{what} is closed"))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(FaultKind::of(error.kind()), error.to_string())
    }
}

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> Self {
        static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Python::attach(|py| {
            let made =
                MAKE.import(py, "dtt._errors", "of_kind").and_then(|make| make.call1((fault.kind.0, fault.message)));
            made.map_or_else(|error| error, PyErr::from_value)
        })
    }
}
