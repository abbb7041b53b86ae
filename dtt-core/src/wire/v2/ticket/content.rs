//! The bytes of a ticket: version (1) ‖ root (32) ‖ length of the name (1) ‖ name ‖ number of nodes (1) ‖ nodes.
//!
//! A node is its id (32) ‖ number of its addresses (1) ‖ addresses. An address is kind (1) ‖ length (1) ‖ value, with the
//! kinds of the address extension of records.

use iroh_base::{EndpointAddr, EndpointId};
use zeroize::Zeroizing;

use super::{Root, Ticket, TicketError, TransportAddr, checked_name};
use crate::wire::{AddressHint, hints};

pub(super) const VERSION: u8 = 2;

/// Version, root, no name, no nodes.
pub(super) const MIN_BYTES: usize = 1 + 32 + 1 + 1;
const MAX_ADDRESS: usize = 2 + 255;
const MAX_NODE: usize = 32 + 1 + Ticket::MAX_ADDRESSES * MAX_ADDRESS;
pub(super) const MAX_BYTES: usize = MIN_BYTES + Ticket::MAX_NAME_BYTES + Ticket::MAX_NODES * MAX_NODE;

pub(super) fn encode(ticket: &Ticket) -> Zeroizing<Vec<u8>> {
    // Room for all, so that the root is not left behind in memory when the vector grows.
    let mut out = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    out.push(VERSION);
    out.extend_from_slice(ticket.root.as_bytes());
    let name = ticket.name.as_deref().unwrap_or_default();
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    out.push(ticket.nodes.len() as u8);
    for node in &ticket.nodes {
        out.extend_from_slice(node.id.as_bytes());
        out.push(node.addrs.len() as u8);
        for (kind, value) in node.addrs.iter().filter_map(value) {
            out.extend_from_slice(&[kind, value.len() as u8]);
            out.extend_from_slice(&value);
        }
    }
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Ticket, TicketError> {
    let mut rest = Reader(bytes);
    let version = rest.byte()?;
    if version != VERSION {
        return Err(TicketError::Version(version));
    }
    let root = Root::from_bytes(rest.array()?);
    let length = rest.byte()?;
    let name = std::str::from_utf8(rest.bytes(length)?).map_err(|_| TicketError::Content("its name is not UTF-8"))?;
    let name = checked_name(name).map_err(|_| TicketError::Content("its name has a control character"))?;
    let count = usize::from(rest.byte()?);
    if count > Ticket::MAX_NODES {
        return Err(TicketError::Content("it names more than 8 nodes"));
    }
    let nodes = (0..count).map(|_| node(&mut rest)).collect::<Result<_, _>>()?;
    if !rest.0.is_empty() {
        return Err(TicketError::Content("it has bytes after its nodes"));
    }
    Ok(Ticket { root, name, nodes })
}

fn node(rest: &mut Reader<'_>) -> Result<EndpointAddr, TicketError> {
    let id = EndpointId::from_bytes(rest.array()?)
        .map_err(|_| TicketError::Content("the id of a node is not a valid Ed25519 public key"))?;
    let count = usize::from(rest.byte()?);
    if count > Ticket::MAX_ADDRESSES {
        return Err(TicketError::Content("a node has more than 8 addresses"));
    }
    let mut node = EndpointAddr::new(id);
    for _ in 0..count {
        let (kind, length) = (rest.byte()?, rest.byte()?);
        let hint = hints::decode_value(kind, rest.bytes(length)?, 0)
            .map_err(|_| TicketError::Content("an address of a node is malformed"))?;
        match hint {
            Some(AddressHint::Ip(address)) => drop(node.addrs.insert(TransportAddr::Ip(address))),
            Some(AddressHint::Relay(url)) => {
                let url = url.parse().map_err(|_| TicketError::Content("a relay of a node is not a URL"))?;
                node.addrs.insert(TransportAddr::Relay(url));
            }
            // A kind of address that later versions of this library know.
            None => {}
        }
    }
    Ok(node)
}

/// The node as a ticket can tell it: the addresses that have a form on the wire, and no more of them than allowed.
pub(super) fn reduced(node: EndpointAddr) -> EndpointAddr {
    let written = node.addrs.iter().filter_map(|address| {
        value(address)?;
        Some(match address {
            // The wire carries no flow label and no scope.
            TransportAddr::Ip(address) => TransportAddr::Ip((address.ip(), address.port()).into()),
            other => other.clone(),
        })
    });
    EndpointAddr::from_parts(node.id, written.take(Ticket::MAX_ADDRESSES))
}

fn value(address: &TransportAddr) -> Option<(u8, Vec<u8>)> {
    match address {
        TransportAddr::Relay(url) => hints::encode_value(&AddressHint::Relay(url.to_string())),
        TransportAddr::Ip(address) => hints::encode_value(&AddressHint::Ip(*address)),
        _ => None,
    }
}

/// What is left of the bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, TicketError> {
        self.array::<1>().map(|[byte]| *byte)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], TicketError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(ENDS)?;
        self.0 = rest;
        Ok(array)
    }

    fn bytes(&mut self, length: u8) -> Result<&'a [u8], TicketError> {
        let (bytes, rest) = self.0.split_at_checked(usize::from(length)).ok_or(ENDS)?;
        self.0 = rest;
        Ok(bytes)
    }
}

const ENDS: TicketError = TicketError::Content("it ends too early");
