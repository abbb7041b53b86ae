//! How a node can be reached, as join messages say it, in the encoding of iroh-gossip 0.101. After it comes what the node's
//! records on the topic would say, in the encoding of their address extension. Peers that run iroh-gossip's `net` part
//! ignore it.

use std::{collections::BTreeSet, net::SocketAddr};

use iroh::{EndpointAddr, EndpointId, RelayUrl};
use iroh_gossip::proto::PeerData;
use serde::{Deserialize, Serialize};

use crate::{
    config::AddressHints,
    net::addresses::to_hints,
    wire::{AddressHint, HintOwner, decode_hints, encode_hints},
};

/// Addresses of one peer that are read. More are not worth remembering.
const MAX: usize = 16;

#[derive(Serialize, Deserialize)]
struct Reached {
    relay: Option<RelayUrl>,
    direct: BTreeSet<SocketAddr>,
}

/// `policy` decides what the node's records would say.
pub(super) fn encode(address: &EndpointAddr, policy: AddressHints) -> PeerData {
    let reached =
        Reached { relay: address.relay_urls().next().cloned(), direct: address.ip_addrs().copied().collect() };
    // An address is plain data, so encoding it into memory does not fail.
    let mut data = postcard::to_allocvec(&reached).unwrap_or_default();
    let hints = to_hints(address.addrs.iter().cloned(), policy);
    data.extend(encode_hints(hints.iter().map(|hint| (HintOwner::Publisher, hint))));
    PeerData::new(data)
}

/// What the peer says: where it can be reached, if it says that, and what its records would say.
pub(super) fn decode(id: EndpointId, data: &PeerData) -> (Option<EndpointAddr>, Vec<AddressHint>) {
    let Ok((reached, rest)) = postcard::take_from_bytes::<Reached>(data.as_bytes()) else { return (None, Vec::new()) };
    let direct = reached.direct.into_iter().take(MAX);
    let address = direct.fold(EndpointAddr::new(id), EndpointAddr::with_ip_addr);
    let address = reached.relay.into_iter().fold(address, EndpointAddr::with_relay_url);
    let hints = decode_hints(rest).unwrap_or_default().into_iter().take(MAX);
    let hints = hints.filter(|(owner, _)| *owner == HintOwner::Publisher).map(|(_, hint)| hint).collect();
    ((!address.is_empty()).then_some(address), hints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_may_repeat_only_what_the_records_of_a_node_say() {
        let id = iroh::SecretKey::from_bytes(&[1; 32]).public();
        let direct: SocketAddr = ([192, 168, 1, 2], 4433).into();
        let relay: RelayUrl = "https://relay.example/".parse().unwrap();
        let address = EndpointAddr::new(id).with_ip_addr(direct).with_relay_url(relay.clone());
        let [by_relay, by_ip] = [AddressHint::Relay(relay.to_string()), AddressHint::Ip(direct)];
        for (policy, hints) in [
            (AddressHints::Auto, vec![by_relay.clone()]),
            (AddressHints::All, vec![by_relay.clone(), by_ip]),
            (AddressHints::RelayOnly, vec![by_relay]),
            (AddressHints::Off, vec![]),
        ] {
            let data = encode(&address, policy);
            assert_eq!(decode(id, &data), (Some(address.clone()), hints));
            // As a peer of iroh-gossip reads it.
            assert!(postcard::from_bytes::<Reached>(data.as_bytes()).is_ok());
        }
        assert_eq!(decode(id, &PeerData::new(vec![9, 9, 9])), (None, vec![]));
    }
}
