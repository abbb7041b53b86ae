//! The events: frozen classes whose fields are Python's objects already, so that reading one costs nothing.

use dtt_core::{DeliveryScope, EndpointId, Event, TopicState};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyString, PyTuple, PyType},
};

use crate::ids::NodeId;

/// A message came in.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct Received {
    /// The message's bytes.
    #[pyo3(get)]
    content: Py<PyBytes>,
    /// The neighbor that handed it over. It is the author only if ``direct``.
    #[pyo3(get)]
    delivered_from: Py<NodeId>,
    /// Whether it came straight from its author.
    #[pyo3(get)]
    direct: bool,
    neighbors_only: bool,
}

/// A node became our direct neighbor.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct NeighborUp {
    /// The neighbor.
    #[pyo3(get)]
    peer: Py<NodeId>,
}

/// A direct neighbor went.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct NeighborDown {
    /// Who was the neighbor.
    #[pyo3(get)]
    peer: Py<NodeId>,
}

/// Events are missing here: this subscriber was too slow and its queue full, or the gossip layer lost them.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct Lagged {
    /// How many, exactly; None if the gossip layer lost them, which does not count.
    #[pyo3(get)]
    missed: Option<u64>,
}

/// The topic looks for neighbors, has joined, or is alone again.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct StateChanged {
    /// ``"looking_up"``, ``"joined"`` or ``"alone"``.
    #[pyo3(get)]
    state: Py<PyString>,
}

/// Another process uses this node's key. Other nodes think that the two are one node, so each misses messages and
/// neighbors. Each node needs a key of its own. If the two find each other, this comes once on each topic of both.
#[pyclass(frozen, module = "dtt")]
pub(crate) struct KeyInUse;

#[pymethods]
impl KeyInUse {
    #[new]
    fn new() -> Self {
        Self
    }

    #[classattr]
    fn __match_args__(py: Python<'_>) -> Bound<'_, PyTuple> {
        PyTuple::empty(py)
    }

    fn __repr__(&self) -> &'static str {
        "KeyInUse()"
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.is_instance_of::<Self>()
    }

    fn __hash__(&self) -> isize {
        7
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, Bound<'py, PyTuple>) {
        (py.get_type::<Self>(), PyTuple::empty(py))
    }
}

#[pymethods]
impl Received {
    #[new]
    #[pyo3(signature = (content, delivered_from, *, direct = true, scope = "swarm"))]
    fn new(content: Py<PyBytes>, delivered_from: Py<NodeId>, direct: bool, scope: &str) -> PyResult<Self> {
        let neighbors_only = match scope {
            "swarm" => false,
            "neighbors" => true,
            _ => return Err(crate::error::Fault::argument("scope", "\"swarm\" or \"neighbors\" is needed").into()),
        };
        Ok(Self { content, delivered_from, direct, neighbors_only })
    }

    /// ``"swarm"``, or ``"neighbors"`` if it was sent to its author's direct neighbors only.
    #[getter]
    fn scope<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        if self.neighbors_only { pyo3::intern!(py, "neighbors") } else { pyo3::intern!(py, "swarm") }
    }

    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("content", "delivered_from")
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (content, from) = (self.content.bind(py).repr()?, self.delivered_from.get().__repr__());
        Ok(format!(
            "Received(content={content}, delivered_from={from}, direct={}, scope='{}')",
            truth(self.direct),
            self.scope(py)
        ))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| {
            let other = other.get();
            self.content.as_bytes(py) == other.content.as_bytes(py)
                && self.delivered_from.get().0 == other.delivered_from.get().0
                && (self.direct, self.neighbors_only) == (other.direct, other.neighbors_only)
        })
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.content.bind(py).hash()
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let arguments = (&self.content, &self.delivered_from, self.direct, self.scope(py));
        Ok((py.import("dtt._events")?.getattr("received")?, arguments.into_pyobject(py)?))
    }
}

/// What the events with one field have in common.
macro_rules! one_field {
    ($name:ident, $field:ident: $type:ty, |$value:ident, $py:ident| $key:expr) => {
        #[pymethods]
        impl $name {
            #[new]
            fn new($field: $type) -> Self {
                Self { $field }
            }

            #[classattr]
            fn __match_args__() -> (&'static str,) {
                (stringify!($field),)
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                let value = (&self.$field).into_pyobject(py)?;
                Ok(format!(concat!(stringify!($name), "(", stringify!($field), "={})"), value.repr()?))
            }

            fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> bool {
                let key = |$value: &$type, $py: Python<'_>| $key;
                other.cast::<Self>().is_ok_and(|other| key(&self.$field, py) == key(&other.get().$field, py))
            }

            fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                (&self.$field).into_pyobject(py)?.hash()
            }

            fn __copy__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
                Ok((py.get_type::<Self>(), PyTuple::new(py, [(&self.$field).into_pyobject(py)?])?))
            }
        }
    };
}

one_field!(NeighborUp, peer: Py<NodeId>, |peer, _py| peer.get().0);
one_field!(NeighborDown, peer: Py<NodeId>, |peer, _py| peer.get().0);
one_field!(Lagged, missed: Option<u64>, |missed, _py| *missed);
one_field!(StateChanged, state: Py<PyString>, |state, py| state.bind(py).to_cow().map(|text| text.into_owned()).ok());

fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// The name of a state, as events and topics give it.
pub(crate) fn state_name(py: Python<'_>, state: TopicState) -> &Bound<'_, PyString> {
    match state {
        TopicState::LookingUp => pyo3::intern!(py, "looking_up"),
        TopicState::Joined => pyo3::intern!(py, "joined"),
        TopicState::Alone => pyo3::intern!(py, "alone"),
    }
}

/// Makes Python's events of the engine's. The few peers of one batch become one object each.
#[derive(Default)]
pub(crate) struct Maker(Vec<(EndpointId, Py<NodeId>)>);

impl Maker {
    pub(crate) fn make<'py>(&mut self, py: Python<'py>, event: Event) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(Some(match event {
            Event::Received(message) => Bound::new(
                py,
                Received {
                    content: PyBytes::new(py, &message.content).unbind(),
                    delivered_from: self.peer(py, message.delivered_from)?,
                    direct: message.scope.is_direct(),
                    neighbors_only: message.scope == DeliveryScope::Neighbors,
                },
            )?
            .into_any(),
            Event::NeighborUp(peer) => Bound::new(py, NeighborUp { peer: self.peer(py, peer)? })?.into_any(),
            Event::NeighborDown(peer) => Bound::new(py, NeighborDown { peer: self.peer(py, peer)? })?.into_any(),
            Event::Lagged(missed) => Bound::new(py, Lagged { missed })?.into_any(),
            Event::StateChanged(state) => {
                Bound::new(py, StateChanged { state: state_name(py, state).clone().unbind() })?.into_any()
            }
            Event::KeyInUse => Bound::new(py, KeyInUse)?.into_any(),
            // A kind that this binding does not know yet.
            _ => return Ok(None),
        }))
    }

    fn peer(&mut self, py: Python<'_>, id: EndpointId) -> PyResult<Py<NodeId>> {
        if let Some((_, peer)) = self.0.iter().find(|(known, _)| *known == id) {
            return Ok(peer.clone_ref(py));
        }
        let peer = Py::new(py, NodeId(id))?;
        self.0.push((id, peer.clone_ref(py)));
        Ok(peer)
    }
}
