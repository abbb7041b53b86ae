//! Peers that can be reached only through a relay.

use std::{net::Ipv4Addr, time::Duration};

use dtt_lab_net::{DhtKind, Kind, Link, Nat, Peer, Row, Services, Swarm, World, show, talk};

use super::joins::network;

const LIMIT: Duration = Duration::from_secs(60);

/// Two peers behind routers of each kind, and one without a router. All of them use the relay.
pub(crate) fn relayed(dht: DhtKind, kinds: &[Kind]) {
    let world = World::new(dht, Link::new(25, 0), 7).unwrap();
    let relay = world.relay(Ipv4Addr::new(10, 77, 4, 1)).unwrap();
    let mut rows = Vec::new();
    for (kind, first) in kinds.iter().zip([1u8, 31]) {
        let nats = [Nat::KeepsPorts, Nat::KeepsPorts, Nat::PortPerDestination, Nat::PortPerDestination];
        let mut peers = Vec::new();
        for (index, nat) in (first..).zip(nats) {
            let host = world.host_behind(nat, Ipv4Addr::new(10, 77, 3, index)).unwrap();
            peers.push(Peer::start_on(host, *kind, index, Services::Relay(relay.url.clone())).unwrap());
        }
        let open = world.host(Ipv4Addr::new(10, 77, 2, first)).unwrap();
        peers.push(Peer::start_on(open, *kind, first + 4, Services::Relay(relay.url.clone())).unwrap());
        let mut swarm = Swarm::of(peers, &format!("relayed {}", kind.name()));
        swarm.join_all().unwrap();
        let joins = swarm.await_joined(LIMIT).unwrap();
        swarm.await_settled(LIMIT).unwrap();
        println!("{}: {joins:?}", kind.name());
        let mut swarms = [swarm];
        let said = talk(&mut swarms, Duration::from_secs(10), Duration::from_secs(20)).unwrap()[0];
        println!("{}: {said:?}", kind.name());
        rows.push(
            Row::new("four behind NAT and one in the open, with a relay", network(25, 0), dht, *kind)
                .joins(&joins)
                .delivery(said),
        );
    }
    show(&format!("relayed-{}", dht.name()), &rows).unwrap();
}
