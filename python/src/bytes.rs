//! What Python programs give where bytes are wanted.

use std::borrow::Cow;

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyByteArray, PyBytes, PyMemoryView, PyString},
};

use crate::error::Fault;

/// Bytes of anything that has a buffer: `bytes`, `bytearray`, `memoryview`, arrays.
pub(crate) fn buffer(object: &Bound<'_, PyAny>, argument: &str) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    if let Ok(bytes) = object.cast::<PyByteArray>() {
        return Ok(bytes.to_vec());
    }
    match PyMemoryView::from(object) {
        Ok(view) => Ok(view.call_method0("tobytes")?.cast_into::<PyBytes>()?.as_bytes().to_vec()),
        Err(_) => Err(wrong_type(argument, "a bytes-like object", object)),
    }
}

/// Bytes, or a text's bytes in UTF-8.
pub(crate) fn buffer_or_text(object: &Bound<'_, PyAny>, argument: &str) -> PyResult<Vec<u8>> {
    match object.cast::<PyString>() {
        Ok(text) => Ok(utf8(text, argument)?.into_owned().into_bytes()),
        Err(_) => buffer(object, argument).map_err(|_| wrong_type(argument, "str or a bytes-like object", object)),
    }
}

/// A text in UTF-8. Python's own error would carry the text, which may be a secret.
pub(crate) fn utf8<'a>(text: &'a Bound<'_, PyString>, argument: &str) -> Result<Cow<'a, str>, Fault> {
    text.to_cow().map_err(|_| Fault::argument(argument, "the text has a lone surrogate, so it has no form in UTF-8"))
}

/// The error for an argument of a wrong type. It names the type, never the value.
pub(crate) fn wrong_type(argument: &str, wanted: &str, object: &Bound<'_, PyAny>) -> PyErr {
    let found = object.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let hint = if object.is_instance_of::<PyString>() { " (encode it)" } else { "" };
    let hint = if wanted.starts_with("a bytes-like") { hint } else { "" };
    PyTypeError::new_err(format!("{argument}: {wanted} is needed, not {found}{hint}"))
}
