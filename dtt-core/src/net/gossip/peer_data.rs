//! How a node can be reached, as join messages say it, in the encoding of iroh-gossip 0.101.

use std::{collections::BTreeSet, net::SocketAddr};

use iroh::{EndpointAddr, EndpointId, RelayUrl};
use iroh_gossip::proto::PeerData;
use serde::{Deserialize, Serialize};

/// Addresses of one peer that are read. More are not worth remembering.
const MAX: usize = 16;

#[derive(Serialize, Deserialize)]
struct Reached {
    relay: Option<RelayUrl>,
    direct: BTreeSet<SocketAddr>,
}

pub(super) fn encode(address: &EndpointAddr) -> PeerData {
    let reached =
        Reached { relay: address.relay_urls().next().cloned(), direct: address.ip_addrs().copied().collect() };
    // An address is plain data, so encoding it into memory does not fail.
    PeerData::new(postcard::to_allocvec(&reached).unwrap_or_default())
}

/// `None` if the data names no address.
pub(super) fn decode(id: EndpointId, data: &PeerData) -> Option<EndpointAddr> {
    let reached: Reached = postcard::from_bytes(data.as_bytes()).ok()?;
    let direct = reached.direct.into_iter().take(MAX);
    let address = direct.fold(EndpointAddr::new(id), EndpointAddr::with_ip_addr);
    let address = reached.relay.into_iter().fold(address, EndpointAddr::with_relay_url);
    (!address.is_empty()).then_some(address)
}
