//! Ids and keys.

use std::hash::{DefaultHasher, Hash, Hasher};

use dtt_core::{EndpointId, parse};
use pyo3::{
    basic::CompareOp,
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyString, PyType},
};

use crate::{
    bytes::{buffer, buffer_or_text, utf8, wrong_type},
    error::Fault,
};

/// A node's id: the 32 bytes of its public key.
///
/// Made of 32 bytes or of 64 hexadecimal digits. ``bytes(id)`` and ``str(id)`` give them back. Hashable and ordered.
/// Raises InvalidArgumentError for what is no Ed25519 public key.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct NodeId(pub(crate) EndpointId);

/// A topic's id: the 32 bytes that the gossip topic and the slots in the DHT are derived from.
///
/// ``TopicId(name)`` hashes a name (str or bytes), ``TopicId.from_bytes`` takes 32 bytes that already are an id.
/// ``bytes(id)`` and ``str(id)`` give the id. Hashable and ordered.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct TopicId(pub(crate) dtt_core::TopicId);

/// A node's secret key: 32 bytes. Its ``repr`` shows the id that it makes, never the key.
///
/// ``SecretKey(data)`` takes 32 bytes, ``SecretKey.generate()`` makes a new one.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct SecretKey(pub(crate) dtt_core::SecretKey);

#[pymethods]
impl NodeId {
    /// For pydantic, which need not be there: how it reads and writes fields of this type.
    #[classmethod]
    #[pyo3(signature = (source, handler, /))]
    fn __get_pydantic_core_schema__<'py>(
        cls: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = (source, handler);
        cls.py().import("dtt._pydantic")?.call_method0("node_id")
    }

    #[new]
    #[pyo3(signature = (value, /))]
    fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = match value.cast::<PyString>() {
            Ok(text) => of_hex("peer", &utf8(text, "peer")?)?,
            Err(_) => buffer_or_text(value, "peer")?,
        };
        Ok(Self(parse::endpoint_id(&bytes).map_err(Fault::from)?))
    }

    /// The first ten hexadecimal digits, to be read by people.
    fn short(&self) -> String {
        self.0.fmt_short().to_string()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    fn __str__(&self) -> String {
        hex(self.0.as_bytes())
    }

    pub(crate) fn __repr__(&self) -> String {
        format!("NodeId('{}')", hex(self.0.as_bytes()))
    }

    fn __hash__(&self) -> u64 {
        hash(self.0.as_bytes())
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        let other = other.cast::<Self>().ok().map(|other| other.get().0.as_bytes().cmp(self.0.as_bytes()).reverse());
        compare(op, other)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, (Bound<'py, PyBytes>,)) {
        (py.get_type::<Self>(), (self.__bytes__(py),))
    }
}

#[pymethods]
impl TopicId {
    /// For pydantic, which need not be there: how it reads and writes fields of this type.
    #[classmethod]
    #[pyo3(signature = (source, handler, /))]
    fn __get_pydantic_core_schema__<'py>(
        cls: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = (source, handler);
        cls.py().import("dtt._pydantic")?.call_method0("topic_id")
    }

    #[new]
    #[pyo3(signature = (name, /))]
    fn new(name: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(dtt_core::TopicId::new(buffer_or_text(name, "name")?)))
    }

    /// Takes 32 bytes, or 64 hexadecimal digits, that already are an id.
    #[staticmethod]
    #[pyo3(signature = (value, /))]
    fn from_bytes(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = match value.cast::<PyString>() {
            Ok(text) => of_hex("topic id", &utf8(text, "topic id")?)?,
            Err(_) => buffer(value, "topic id")?,
        };
        let given = bytes.len();
        let id: [u8; 32] = bytes
            .try_into()
            .map_err(|_| Fault::argument("topic id", format_args!("{given} bytes are given, 32 bytes are needed")))?;
        Ok(Self(dtt_core::TopicId::from_hash(&id)))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.hash())
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("TopicId.from_bytes('{}')", self.0)
    }

    fn __hash__(&self) -> u64 {
        hash(&self.0.hash())
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        compare(op, other.cast::<Self>().ok().map(|other| self.0.cmp(&other.get().0)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((py.get_type::<Self>().getattr("from_bytes")?, (self.__bytes__(py),)))
    }
}

#[pymethods]
impl SecretKey {
    /// For pydantic, which need not be there: how it reads and writes fields of this type.
    #[classmethod]
    #[pyo3(signature = (source, handler, /))]
    fn __get_pydantic_core_schema__<'py>(
        cls: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = (source, handler);
        cls.py().import("dtt._pydantic")?.call_method0("secret_key")
    }

    #[new]
    #[pyo3(signature = (data, /))]
    fn new(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = buffer(data, "secret_key")?;
        Ok(Self(parse::secret_key(&bytes).map_err(Fault::from)?))
    }

    /// A new random key.
    #[staticmethod]
    fn generate() -> Self {
        Self(dtt_core::SecretKey::generate())
    }

    /// The id of the node with this key.
    #[getter]
    fn id(&self) -> NodeId {
        NodeId(self.0.public())
    }

    /// The 32 bytes of the key: a secret.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    fn __repr__(&self) -> String {
        format!("<SecretKey of {}>", self.0.public().fmt_short())
    }

    // A copy of a configuration needs no second key. There is no pickling: it would write the key somewhere.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0.public() == self.0.public())
    }

    fn __hash__(&self) -> u64 {
        hash(self.0.public().as_bytes())
    }
}

impl NodeId {
    /// A node's id, given as such or as its bytes or digits.
    pub(crate) fn of(value: &Bound<'_, PyAny>) -> PyResult<EndpointId> {
        match value.cast::<Self>() {
            Ok(id) => Ok(id.get().0),
            Err(_) if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() => {
                Ok(Self::new(value)?.0)
            }
            Err(_) => Err(wrong_type("peer", "a NodeId or NodeAddr", value)),
        }
    }
}

impl TopicId {
    /// A topic's id, given as such or by its name.
    pub(crate) fn of(name: &Bound<'_, PyAny>) -> PyResult<dtt_core::TopicId> {
        match name.cast::<Self>() {
            Ok(id) => Ok(id.get().0),
            Err(_) => match buffer_or_text(name, "name") {
                Ok(name) => Ok(dtt_core::TopicId::new(name)),
                Err(error) if error.is_instance_of::<PyTypeError>(name.py()) => {
                    Err(wrong_type("name", "str, bytes or a TopicId", name))
                }
                Err(error) => Err(error),
            },
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of a text of hexadecimal digits.
fn of_hex(argument: &str, text: &str) -> Result<Vec<u8>, Fault> {
    let problem = || {
        Fault::argument(
            argument,
            format_args!("{} characters are given, 64 hexadecimal digits are needed", text.chars().count()),
        )
    };
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(problem());
    }
    (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| problem())).collect()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn compare(op: CompareOp, ordering: Option<std::cmp::Ordering>) -> PyResult<Py<PyAny>> {
    Python::attach(|py| match ordering {
        Some(ordering) => Ok(op.matches(ordering).into_pyobject(py)?.to_owned().into_any().unbind()),
        None => Ok(py.NotImplemented()),
    })
}
