//! The node, and all nodes at the end of the process.

use std::{
    sync::{Arc, Mutex, Weak, mpsc},
    time::{Duration, Instant},
};

use dtt_core::{JoinOptions, TopicId};
use dtt_embed::{Unpoisoned, closing};
use pyo3::{prelude::*, types::PySet};

use crate::{
    bytes::buffer_or_text,
    call::{Call, nothing},
    config::{node_config, optional, seconds, topic_config},
    error::Fault,
    ids,
    rotation::Rotation,
    runtime::{self, Engine},
    stats,
    topic::Topic,
};

/// Nodes that may still be open when the process ends.
static NODES: Mutex<Vec<Weak<Engine<dtt_core::Node>>>> = Mutex::new(Vec::new());

/// A node that runs.
#[pyclass(frozen, module = "dtt._dtt")]
pub(crate) struct Node(Arc<Engine<dtt_core::Node>>);

/// Checks the options of a node.
#[pyfunction]
pub(crate) fn check_node_config(config: &Bound<'_, PyAny>) -> PyResult<()> {
    node_config(config).map(drop)
}

/// Starts a node with the options of a `NodeConfig`.
#[pyfunction]
pub(crate) fn start_node(config: &Bound<'_, PyAny>) -> PyResult<Call> {
    let call = Call::begin(dtt_core::Node::spawn(node_config(config)?), |py, node| {
        let node = Arc::new(Engine::new(node));
        let mut nodes = NODES.lock().unpoisoned();
        nodes.retain(|node| node.strong_count() > 0);
        nodes.push(Arc::downgrade(&node));
        drop(nodes);
        Ok(Py::new(py, Node(node))?.into_any())
    });
    Ok(call?)
}

#[pymethods]
impl Node {
    /// The addresses at which the node can be reached, as far as it knows them: relay URLs and socket addresses.
    fn address(&self) -> Result<(Vec<String>, Vec<String>), Fault> {
        let address = self.0.get()?.addr();
        let relays = address.relay_urls().map(|url| url.to_string()).collect();
        Ok((relays, address.ip_addrs().map(|address| address.to_string()).collect()))
    }

    /// Joins a topic; gives a Topic.
    #[pyo3(signature = (name, secret, timeout, config, rotation))]
    fn join(
        &self,
        name: &Bound<'_, PyAny>,
        secret: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        config: Option<Bound<'_, PyAny>>,
        rotation: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Call> {
        let node = self.0.get()?.clone();
        let (id, secret): (TopicId, Vec<u8>) = (ids::TopicId::of(name)?, buffer_or_text(secret, "secret")?);
        let mut options = JoinOptions::default();
        if let Some(timeout) = timeout {
            options = options.timeout(seconds("timeout", timeout)?);
        }
        if let Some(config) = config.filter(|config| !config.is_none()) {
            options = options.config(topic_config(&config)?);
        }
        if let Some(rotation) = optional::<Rotation>(&rotation)? {
            options = options.rotation(rotation.get().handle());
        }
        let join = async move {
            let secret = secret;
            node.join_id(id, &secret, options).await
        };
        Ok(Call::begin(join, |py, topic| Ok(Py::new(py, Topic::new(topic))?.into_any()))?)
    }

    /// What the node knows and has done; gives a dictionary.
    fn stats(&self) -> Result<Call, Fault> {
        let node = self.0.get()?.clone();
        let ask = async move { Ok::<_, Fault>(node.stats().await) };
        Call::begin(ask, |py, found| Ok(stats::node(py, &found)?.into_any().unbind()))
    }

    /// Tells the node that the network may have changed.
    fn network_changed(&self) -> Result<Call, Fault> {
        let node = self.0.get()?.clone();
        let tell = async move {
            node.network_changed().await;
            Ok::<_, Fault>(())
        };
        Call::begin(tell, nothing)
    }

    /// Rests until it is resumed.
    fn pause(&self) -> Result<Call, Fault> {
        let node = self.0.get()?.clone();
        let rest = async move {
            node.pause().await;
            Ok::<_, Fault>(())
        };
        Call::begin(rest, nothing)
    }

    /// Ends the rest.
    fn resume(&self) -> Result<Call, Fault> {
        let node = self.0.get()?.clone();
        let go_on = async move {
            node.resume().await;
            Ok::<_, Fault>(())
        };
        Call::begin(go_on, nothing)
    }

    /// Whether it rests.
    fn is_paused(&self) -> Result<bool, Fault> {
        Ok(self.0.get()?.is_paused())
    }

    /// Closes all topics and all connections.
    fn close(&self) -> Result<Call, Fault> {
        let node = self.0.get()?.clone();
        let end = async move {
            closing::close_node(node).await;
            Ok::<_, Fault>(())
        };
        // It begins with the first poll: whoever gives up waiting at once has closed it all the same.
        Call::try_now(end, nothing)
    }

    /// Closes in the background. For a node that nobody holds any more, while something still holds one of its topics.
    fn abandon(&self) -> Result<(), Fault> {
        let node = self.0.get()?.clone();
        runtime::handle()?.spawn(async move { node.close().await });
        Ok(())
    }

    /// Whether it has been closed.
    fn is_closed(&self) -> Result<bool, Fault> {
        Ok(self.0.get()?.is_closed())
    }
}

/// Closes all nodes within so many seconds, and waits for that with Python's lock released.
#[pyfunction]
pub(crate) fn close_all_nodes(py: Python<'_>, limit: f64) -> PyResult<()> {
    let limit = seconds("limit", limit)?;
    runtime::not_forked()?;
    let listed: Vec<_> = NODES.lock().unpoisoned().drain(..).collect();
    let nodes: Vec<_> = listed.iter().filter_map(Weak::upgrade).collect();
    if nodes.is_empty() {
        return Ok(());
    }
    let runtime = runtime::handle()?;
    py.detach(|| {
        let (tell, told) = mpsc::channel();
        for node in &nodes {
            let (Ok(node), tell) = (node.get().cloned(), tell.clone()) else { continue };
            runtime.spawn(async move {
                node.close().await;
                let _ = tell.send(());
            });
        }
        drop(tell);
        let deadline = Instant::now() + limit;
        while told
            .recv_timeout(deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)))
            .is_ok()
        {}
    });
    Ok(())
}

/// A set of node ids.
pub(crate) fn id_set<'py>(
    py: Python<'py>,
    found: impl IntoIterator<Item = dtt_core::EndpointId>,
) -> PyResult<Bound<'py, PySet>> {
    let set = PySet::empty(py)?;
    for id in found {
        set.add(Py::new(py, ids::NodeId(id))?)?;
    }
    Ok(set)
}
