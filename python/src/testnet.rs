//! The embedded DHT.

use std::sync::Mutex;

use dtt_core::ErrorKind;
use dtt_embed::Unpoisoned;
use pyo3::prelude::*;

use crate::{
    call::Call,
    error::{Fault, FaultKind},
    runtime::{self, Engine},
};

/// An embedded DHT that runs.
#[pyclass(frozen, module = "dtt._dtt")]
pub(crate) struct Testnet(Mutex<Option<Engine<dtt_core::Testnet>>>);

/// Starts an embedded DHT of so many nodes, the first of them at this port; gives a Testnet.
#[pyfunction]
#[pyo3(signature = (nodes, port))]
pub(crate) fn start_testnet(nodes: usize, port: Option<u16>) -> Result<Call, Fault> {
    let start = async move {
        let started = tokio::task::spawn_blocking(move || match port {
            Some(port) => dtt_core::Testnet::with_port(nodes, port),
            None => dtt_core::Testnet::with_nodes(nodes),
        })
        .await;
        let internal = |error| Fault::new(FaultKind::of(ErrorKind::Internal), format!("internal error: {error}"));
        started.map_err(internal)?.map_err(Fault::from)
    };
    Call::begin(start, |py, testnet| Ok(Py::new(py, Testnet(Mutex::new(Some(Engine::new(testnet)))))?.into_any()))
}

#[pymethods]
impl Testnet {
    /// The nodes to enter it by.
    fn bootstrap(&self) -> Result<Vec<String>, Fault> {
        runtime::not_forked()?;
        let testnet = self.0.lock().unpoisoned();
        Ok(testnet.as_ref().ok_or_else(|| Fault::closed("the testnet"))?.get()?.bootstrap().to_vec())
    }

    /// Ends its nodes, with Python's lock released.
    fn close(&self, py: Python<'_>) -> Result<(), Fault> {
        runtime::not_forked()?;
        let testnet = self.0.lock().unpoisoned().take();
        py.detach(|| drop(testnet));
        Ok(())
    }
}
