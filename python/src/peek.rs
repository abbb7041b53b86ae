//! What the slots of a topic hold now.

use dtt_core::{
    Dht, GossipRecordContent, TopicId,
    wire::{AddressHint, HintOwner, TopicKeys, decode_hints},
};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    bytes::buffer_or_text,
    call::Call,
    config::{dht_config, optional},
    error::Fault,
    ids::{self, NodeId},
    rotation::Rotation,
};

/// A value of a slot: its size, and the record if it opens.
struct Value {
    bytes: usize,
    record: Result<Opened, String>,
}

struct Opened {
    publisher: [u8; 32],
    neighbors: Vec<[u8; 32]>,
    hashes: Vec<[u8; 32]>,
    addresses: Vec<String>,
}

struct Slot {
    minute: u64,
    values: Vec<Value>,
}

/// Looks up the slots of a topic in these minutes; gives a dictionary for each.
#[pyfunction]
#[pyo3(signature = (name, secret, rotation, dht, minutes))]
pub(crate) fn peek(
    name: &Bound<'_, PyAny>,
    secret: &Bound<'_, PyAny>,
    rotation: Option<Bound<'_, PyAny>>,
    dht: &Bound<'_, PyAny>,
    minutes: Vec<u64>,
) -> PyResult<Call> {
    let (id, dht): (TopicId, _) = (ids::TopicId::of(name)?, Dht::new(&dht_config(dht)?));
    let rotation = optional::<Rotation>(&rotation)?.map(|rotation| rotation.get().handle());
    let keys = match secret.is_none() {
        true => None,
        false => Some(buffer_or_text(secret, "secret")?),
    };
    let is_member = keys.is_some();
    let keys = TopicKeys::new(id, keys.as_deref().unwrap_or_default(), rotation);
    let look = async move {
        let mut slots = Vec::new();
        for minute in minutes {
            slots.push(look(&dht, &keys, is_member, minute).await?);
        }
        Ok::<_, Fault>(slots)
    };
    Ok(Call::begin(look, |py, slots| {
        let slots: PyResult<Vec<_>> = slots.iter().map(|slot| slot.to_dict(py)).collect();
        Ok(slots?.into_pyobject(py)?.unbind())
    })?)
}

async fn look(dht: &Dht, keys: &TopicKeys, is_member: bool, minute: u64) -> Result<Slot, Fault> {
    let keys = keys.minute(minute);
    let slot = keys.slot();
    let items = dht.get(slot.signing_key().verifying_key(), Some(slot.salt().to_vec()), None).await?;
    let open = |value: &[u8]| match is_member {
        true => keys.open(value).map(|record| Opened::of(&record)).map_err(|error| error.to_string()),
        false => Err("the secret was not given".to_owned()),
    };
    let values = items.iter().map(|item| Value { bytes: item.value().len(), record: open(item.value()) }).collect();
    Ok(Slot { minute, values })
}

impl Opened {
    fn of(record: &dtt_core::Record) -> Self {
        let content: GossipRecordContent = record.content().unwrap_or_default();
        let hints = record.content_bytes().get(GossipRecordContent::BYTES..).unwrap_or_default();
        let own = |(owner, hint): (HintOwner, AddressHint)| match (owner, hint) {
            (HintOwner::Publisher, AddressHint::Relay(url)) => Some(url),
            (HintOwner::Publisher, AddressHint::Ip(address)) => Some(address.to_string()),
            _ => None,
        };
        Self {
            publisher: record.pub_key(),
            neighbors: content.peers().copied().collect(),
            hashes: content.hashes().copied().collect(),
            addresses: decode_hints(hints).unwrap_or_default().into_iter().filter_map(own).collect(),
        }
    }
}

impl Slot {
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("minute", self.minute)?;
        let values: PyResult<Vec<_>> = self.values.iter().map(|value| value.to_dict(py)).collect();
        dict.set_item("values", values?)?;
        Ok(dict)
    }
}

impl Value {
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("size", self.bytes)?;
        match &self.record {
            Err(problem) => dict.set_item("problem", problem)?,
            Ok(record) => {
                let id = |bytes: &[u8; 32]| dtt_core::parse::endpoint_id(bytes).map(NodeId).map_err(Fault::from);
                dict.set_item("publisher", Py::new(py, id(&record.publisher)?)?)?;
                let neighbors = record.neighbors.iter().filter_map(|peer| id(peer).ok());
                dict.set_item("neighbors", neighbors.map(|id| Py::new(py, id)).collect::<PyResult<Vec<_>>>()?)?;
                let hashes: Vec<_> = record.hashes.iter().map(|hash| PyBytes::new(py, hash)).collect();
                dict.set_item("message_hashes", hashes)?;
                dict.set_item("addresses", &record.addresses)?;
            }
        }
        Ok(dict)
    }
}
