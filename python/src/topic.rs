//! A topic that has been joined.

use bytes::Bytes;
use dtt_core::{EndpointAddr, parse};
use dtt_embed::closing;
use pyo3::{
    prelude::*,
    types::{PyDict, PySet, PyString},
};

use crate::{
    bytes::buffer,
    call::{Call, nothing},
    config::seconds,
    error::Fault,
    event::state_name,
    ids::{NodeId, TopicId},
    node::id_set,
    queue::Queue,
    runtime::Engine,
    stats,
};

/// A handle to a topic.
#[pyclass(frozen, module = "dtt._dtt")]
pub(crate) struct Topic(Engine<dtt_core::Topic>);

impl Topic {
    pub(crate) fn new(topic: dtt_core::Topic) -> Self {
        Self(Engine::new(topic))
    }
}

#[pymethods]
impl Topic {
    /// The topic's id.
    fn id(&self) -> Result<TopicId, Fault> {
        Ok(TopicId(*self.0.get()?.id()))
    }

    /// The most bytes that one message carries.
    fn max_message_size(&self) -> Result<usize, Fault> {
        Ok(self.0.get()?.max_message_size())
    }

    /// The direct neighbors now.
    fn neighbors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PySet>> {
        id_set(py, self.0.get()?.neighbors())
    }

    /// Where the topic stands; none when it is closed.
    fn state<'py>(&self, py: Python<'py>) -> Result<Option<&Bound<'py, PyString>>, Fault> {
        Ok(self.0.get()?.state().map(|state| state_name(py, state)))
    }

    /// What the topic has done so far.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats::topic(py, &self.0.get()?.stats())
    }

    /// A queue of one's own.
    fn subscribe(&self) -> Result<Queue, Fault> {
        Ok(Queue::new(self.0.get()?))
    }

    /// Sends a message to the whole swarm.
    fn broadcast(&self, content: &Bound<'_, PyAny>) -> PyResult<Call> {
        let (topic, content) = (self.0.get()?.clone(), Bytes::from(buffer(content, "content")?));
        Ok(Call::try_now(async move { topic.broadcast(content).await }, nothing)?)
    }

    /// Sends a message to the direct neighbors only.
    fn broadcast_neighbors(&self, content: &Bound<'_, PyAny>) -> PyResult<Call> {
        let (topic, content) = (self.0.get()?.clone(), Bytes::from(buffer(content, "content")?));
        Ok(Call::try_now(async move { topic.broadcast_neighbors(content).await }, nothing)?)
    }

    /// Joins peers: each a NodeId with relay URLs and socket addresses, which may be none.
    fn join_peers(&self, peers: Vec<(Bound<'_, PyAny>, Vec<String>, Vec<String>)>) -> PyResult<Call> {
        let topic = self.0.get()?.clone();
        let peers: PyResult<Vec<_>> = peers.iter().map(|(id, relays, ips)| address(id, relays, ips)).collect();
        let peers = peers?;
        Ok(Call::begin(async move { topic.join_peers(peers).await }, nothing)?)
    }

    /// Waits for a first neighbor, for so many seconds at the most.
    #[pyo3(signature = (timeout))]
    fn joined(&self, timeout: Option<f64>) -> PyResult<Call> {
        let topic = self.0.get()?.clone();
        let limit = timeout.map(|timeout| seconds("timeout", timeout)).transpose()?;
        let wait = async move {
            match limit {
                Some(limit) => topic.joined_within(limit).await,
                None => topic.joined().await,
            }
        };
        Ok(Call::try_now(wait, nothing)?)
    }

    /// The state of the DHT client; gives a dictionary.
    fn dht_health(&self) -> Result<Call, Fault> {
        let topic = self.0.get()?.clone();
        let ask = async move { Ok::<_, Fault>(topic.dht_health().await) };
        Call::begin(ask, |py, health| Ok(stats::dht(py, &health)?.into_any().unbind()))
    }

    /// Closes the topic.
    fn close(&self) -> Result<Call, Fault> {
        let topic = self.0.get()?.clone();
        let close = async move {
            // Its task may wait for a rotation of the program's.
            closing::close_topic(topic).await;
            Ok::<_, Fault>(())
        };
        Call::try_now(close, nothing)
    }
}

fn address(id: &Bound<'_, PyAny>, relays: &[String], ips: &[String]) -> PyResult<EndpointAddr> {
    let mut address = EndpointAddr::new(NodeId::of(id)?);
    for relay in relays {
        address = address.with_relay_url(parse::relay_url(relay).map_err(Fault::from)?);
    }
    for ip in ips {
        address = address.with_ip_addr(parse::socket_addr(ip).map_err(Fault::from)?);
    }
    Ok(address)
}
