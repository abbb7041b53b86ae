//! Ids, keys and slots: pure functions of their arguments.

use std::{fmt, net::SocketAddr};

use dtt_core::{EndpointAddr, EndpointId, parse, wire};

use super::{
    call::Outcome,
    error::{ErrorKind, RawError},
};

/// A node's id: its public key, as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, uniffi::Record)]
#[uniffi::export(Display)]
pub struct NodeId {
    /// 64 hexadecimal digits, in lower case as the library gives them; ids are compared by their digits. Whether they are a valid
    /// key is checked where the id is used.
    pub hex: String,
}

/// A topic's id, which follows from its name, as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, uniffi::Record)]
#[uniffi::export(Display)]
pub struct TopicId {
    /// 64 hexadecimal digits, in lower case as the library gives them; ids are compared by their digits.
    pub hex: String,
}

/// A node's id with the addresses at which it can be reached, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NodeAddress {
    /// The node's id.
    pub node: NodeId,
    /// URLs of its relay servers.
    #[uniffi(default = [])]
    pub relays: Vec<String>,
    /// IP addresses with ports, as `192.0.2.1:4433` or `[2001:db8::1]:4433`.
    #[uniffi(default = [])]
    pub addresses: Vec<String>,
}

/// Where a topic's records of one minute stand in the DHT, as a BEP 44 mutable item.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TopicSlot {
    /// The item's public key: 32 bytes.
    pub public_key: Vec<u8>,
    /// The item's salt: 32 bytes.
    pub salt: Vec<u8>,
    /// The item's target: 20 bytes.
    pub target: Vec<u8>,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex)
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex)
    }
}

impl From<EndpointId> for NodeId {
    fn from(id: EndpointId) -> Self {
        Self { hex: hex(id.as_bytes()) }
    }
}

impl From<&dtt_core::TopicId> for TopicId {
    fn from(id: &dtt_core::TopicId) -> Self {
        Self { hex: hex(&id.hash()) }
    }
}

impl From<EndpointAddr> for NodeAddress {
    fn from(address: EndpointAddr) -> Self {
        Self {
            node: address.id.into(),
            relays: address.relay_urls().map(ToString::to_string).collect(),
            addresses: address.ip_addrs().map(ToString::to_string).collect(),
        }
    }
}

impl NodeId {
    pub(super) fn parse(&self) -> Outcome<EndpointId> {
        Ok(parse::endpoint_id(&unhex(&self.hex, "node")?)?)
    }
}

impl TopicId {
    pub(super) fn parse(&self) -> Outcome<dtt_core::TopicId> {
        Ok(dtt_core::TopicId::from_hash(&unhex(&self.hex, "topic")?))
    }
}

impl NodeAddress {
    pub(super) fn parse(&self) -> Outcome<EndpointAddr> {
        let mut address = EndpointAddr::new(self.node.parse()?);
        for relay in &self.relays {
            address = address.with_relay_url(parse::relay_url(relay)?);
        }
        for ip in &self.addresses {
            let ip: SocketAddr = parse::socket_addr(ip)?;
            address = address.with_ip_addr(ip);
        }
        Ok(address)
    }
}

/// The id of the topic of this name: any bytes, none too.
#[uniffi::export]
pub fn topic_id_of_name(name: Vec<u8>) -> TopicId {
    (&dtt_core::TopicId::new(name)).into()
}

/// The id that these 32 bytes are.
#[uniffi::export]
pub fn topic_id_of_bytes(bytes: Vec<u8>) -> Outcome<TopicId> {
    Ok(TopicId { hex: hex(&array(&bytes, "topic")?) })
}

/// The 32 bytes of a topic's id.
#[uniffi::export]
pub fn topic_id_bytes(id: TopicId) -> Outcome<Vec<u8>> {
    Ok(id.parse()?.hash().to_vec())
}

/// The id that these 32 bytes are; they must be a valid Ed25519 public key.
#[uniffi::export]
pub fn node_id_of_bytes(bytes: Vec<u8>) -> Outcome<NodeId> {
    Ok(parse::endpoint_id(&bytes)?.into())
}

/// The 32 bytes of a node's id.
#[uniffi::export]
pub fn node_id_bytes(id: NodeId) -> Outcome<Vec<u8>> {
    Ok(id.parse()?.as_bytes().to_vec())
}

/// The minute that now is: unix time / 60.
#[uniffi::export]
pub fn unix_minute() -> u64 {
    dtt_core::unix_minute(0)
}

/// Where a topic's records of one minute stand in the DHT.
#[uniffi::export]
pub fn topic_slot(topic: TopicId, unix_minute: u64) -> Outcome<TopicSlot> {
    let slot = wire::Slot::new(&topic.parse()?, unix_minute);
    Ok(TopicSlot { public_key: slot.public_key().to_vec(), salt: slot.salt().to_vec(), target: slot.target().to_vec() })
}

/// The fixed name of an error kind, in upper case.
#[uniffi::export]
pub fn error_kind_name(kind: ErrorKind) -> String {
    let known = dtt_core::ErrorKind::ALL.into_iter().find(|known| known.code() == kind as u16);
    known.map_or("INTERNAL", dtt_core::ErrorKind::name).to_owned()
}

/// The version of the library that runs.
#[uniffi::export]
pub fn library_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

pub(super) fn array<const N: usize>(bytes: &[u8], argument: &str) -> Outcome<[u8; N]> {
    let wrong = |_| RawError::argument(argument, format!("{} bytes are given, {N} bytes are needed", bytes.len()));
    bytes.try_into().map_err(wrong)
}

fn hex(bytes: &[u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)] as char).collect()
}

fn unhex(text: &str, argument: &str) -> Outcome<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64);
    let Some(digits) = digits else {
        let shown: String = text.chars().take(100).collect();
        return Err(RawError::argument(argument, format!("{shown:?} is given, 64 hexadecimal digits are needed")));
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_there_and_back() {
        let id = topic_id_of_name(b"my-topic".to_vec());
        assert_eq!(id.hex, dtt_core::TopicId::new("my-topic").to_string());
        assert_eq!(topic_id_of_bytes(topic_id_bytes(id.clone()).unwrap()).unwrap(), id);
        let node = NodeId::from(dtt_core::SecretKey::from_bytes(&[7; 32]).public());
        assert_eq!(node.hex, dtt_core::SecretKey::from_bytes(&[7; 32]).public().to_string());
        assert_eq!(node_id_of_bytes(node_id_bytes(node.clone()).unwrap()).unwrap(), node);
    }

    #[test]
    fn what_is_no_id_is_named_with_what_is_needed() {
        let text = |hex: &str| TopicId { hex: hex.to_owned() }.parse().unwrap_err().to_string();
        assert_eq!(text("abc"), "topic: \"abc\" is given, 64 hexadecimal digits are needed");
        assert!(text(&"g".repeat(64)).contains("64 hexadecimal digits"));
        assert!(text(&"ö".repeat(5000)).len() < 400, "a long value is cut");
        assert_eq!(
            topic_id_of_bytes(vec![1; 31]).unwrap_err().to_string(),
            "topic: 31 bytes are given, 32 bytes are needed"
        );
    }
}
