//! What happens to swarms that stand: partitions, DHT hosts that die, moves, crashes.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use dtt_lab_net::{Delivery, DhtKind, Kind, Link, Peer, Row, Swarm, World, show, talk, talk_until};

use crate::joins::network;

/// Nothing ever stays split for longer after the network is whole again.
const HEAL_LIMIT: Duration = Duration::from_secs(180);
const JOIN_LIMIT: Duration = Duration::from_secs(60);
const PARTITION: Duration = Duration::from_secs(60);
/// How long swarms talk before and after whatever happens.
const TALK: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_secs(20);

/// Swarms of one size, one for each implementation, which have joined.
fn standing(world: &World, kinds: &[Kind], count: u8, topic: &str) -> Vec<Swarm> {
    let mut swarms = Vec::new();
    for (kind, first) in kinds.iter().zip([1, 31]) {
        swarms.push(Swarm::start(world, *kind, first, count, &format!("{topic} {}", kind.name())).unwrap());
    }
    join(&mut swarms);
    swarms
}

fn join(swarms: &mut [Swarm]) {
    swarms.iter_mut().for_each(|swarm| swarm.join_all().unwrap());
    for swarm in swarms {
        let joined = swarm.await_joined(JOIN_LIMIT).unwrap();
        let connected = swarm.await_connected(JOIN_LIMIT).unwrap();
        assert!(connected.is_some() || !is_ours(swarm), "no swarm to begin with: {joined:?}");
    }
}

fn is_ours(swarm: &Swarm) -> bool {
    swarm.peers()[0].kind() == Kind::Ours
}

/// What everyone says while all is well is heard by everyone.
fn talk_well(swarms: &mut [Swarm], when: &str) -> Vec<Delivery> {
    let deliveries = talk(swarms, TALK, REST).unwrap();
    for (swarm, delivery) in swarms.iter().zip(&deliveries) {
        println!("{when}: {}: {delivery:?}", swarm.peers()[0].kind().name());
        assert!(delivery.is_whole() || !is_ours(swarm), "{when}: not everything arrived: {delivery:?}");
    }
    deliveries
}

/// Everyone talks until everyone has heard everyone since a moment; how long that took, of each swarm.
fn heal_times(swarms: &mut [Swarm], since: Instant) -> Vec<Option<Duration>> {
    let whole = |swarm: &mut Swarm| swarm.whole_since(since);
    let all = |swarms: &mut [Swarm]| {
        let mut all = true;
        for swarm in swarms {
            all &= whole(swarm)?.is_some();
        }
        Ok(all)
    };
    talk_until(swarms, since + HEAL_LIMIT, all).unwrap();
    let times: Vec<Option<Duration>> = swarms.iter_mut().map(|swarm| whole(swarm).unwrap()).collect();
    for (swarm, took) in swarms.iter().zip(&times) {
        println!("whole again: {}: {took:?}", swarm.peers()[0].kind().name());
    }
    times
}

/// Rows of swarms that had to become whole again.
fn rows(scenario: &str, dht: DhtKind, swarms: &[Swarm], healed: &[Option<Duration>], said: &[Delivery]) -> Vec<Row> {
    let outcome = swarms.iter().zip(healed).zip(said);
    let row = outcome.map(|((swarm, healed), said)| {
        let row = Row::new(scenario, network(25, 0), dht, swarm.peers()[0].kind()).delivery(*said).healed(*healed);
        if is_ours(swarm) { row.target("180 s", healed.is_some()) } else { row }
    });
    row.collect()
}

/// Ours must be whole again.
fn check(swarms: &[Swarm], healed: &[Option<Duration>]) {
    for (swarm, healed) in swarms.iter().zip(healed) {
        assert!(healed.is_some() || !is_ours(swarm), "still split {HEAL_LIMIT:?} after the network was whole");
    }
}

/// Half of the DHT and half of the peers on each side, for a minute.
pub(crate) fn partition(dht: DhtKind, kinds: &[Kind], count: u8) {
    let world = World::new(dht, Link::new(25, 0), 2).unwrap();
    let mut swarms = standing(&world, kinds, count, "partition");
    talk_well(&mut swarms, "before the partition");
    let left: Vec<_> = world.dht_ports().into_iter().step_by(2).collect();
    let is_left = |peer: &Peer| peer.index().is_multiple_of(2);
    let peers = swarms.iter().flat_map(|swarm| swarm.peers());
    let left: Vec<_> = peers.filter(|peer| is_left(peer)).map(|peer| peer.host().port()).chain(left).collect();
    world.switch().partition(|port| usize::from(left.contains(&port)));
    talk_until(&mut swarms, Instant::now() + PARTITION, |_| Ok(false)).unwrap();
    for swarm in &mut swarms {
        assert!(!swarm.is_connected().unwrap(), "the partition has split the swarm");
    }
    world.switch().heal();
    let healed = heal_times(&mut swarms, Instant::now());
    check(&swarms, &healed);
    let said = talk_well(&mut swarms, "after the partition");
    let name = format!("partition-{}-{count:02}", dht.name());
    show(&name, &rows(&format!("60 s partition of {count}, healed"), dht, &swarms, &healed, &said)).unwrap();
}

/// Nobody says a word: whether the swarm is whole again shows in its neighbors.
pub(crate) fn silent_partition(dht: DhtKind, kinds: &[Kind], count: u8) {
    let world = World::new(dht, Link::new(25, 0), 3).unwrap();
    let mut swarms = standing(&world, kinds, count, "silent");
    std::thread::sleep(TALK);
    let left: Vec<_> = world.dht_ports().into_iter().step_by(2).collect();
    let peers = swarms.iter().flat_map(|swarm| swarm.peers());
    let peers = peers.filter(|peer| peer.index().is_multiple_of(2)).map(|peer| peer.host().port());
    let left: Vec<_> = peers.chain(left).collect();
    world.switch().partition(|port| usize::from(left.contains(&port)));
    std::thread::sleep(PARTITION);
    for swarm in &mut swarms {
        assert!(!swarm.is_connected().unwrap(), "the partition has split the swarm");
    }
    world.switch().heal();
    let start = Instant::now();
    let mut healed = vec![None; swarms.len()];
    while start.elapsed() < HEAL_LIMIT && healed.iter().any(Option::is_none) {
        for (swarm, healed) in swarms.iter_mut().zip(&mut healed) {
            if healed.is_none() && swarm.is_connected().unwrap() {
                *healed = Some(start.elapsed());
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("silent, whole again: {healed:?}");
    let said = if healed.iter().all(Option::is_some) {
        talk_well(&mut swarms, "after the silence")
    } else {
        vec![Delivery::default(); swarms.len()]
    };
    let name = format!("partition-silent-{}-{count:02}", dht.name());
    show(&name, &rows(&format!("the same, {count} who say nothing"), dht, &swarms, &healed, &said)).unwrap();
    check(&swarms, &healed);
}

/// A DHT host dies every second; newcomers come all along, and the swarm talks on when nothing is left.
pub(crate) fn dying_dht(dht: DhtKind, kinds: &[Kind]) {
    let mut world = World::new(dht, Link::new(25, 0), 4).unwrap();
    let mut swarms = standing(&world, kinds, 3, "dying");
    let (mut rows, mut newcomers) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for left in (0..world.dht_hosts()).rev() {
        talk_until(&mut swarms, Instant::now() + Duration::from_secs(1), |_| Ok(false)).unwrap();
        world.kill_dht_host();
        if ![16, 8, 4, 2, 1].contains(&left) {
            continue;
        }
        let mut fresh = Vec::new();
        for (kind, index) in kinds.iter().zip([10, 40]) {
            let mut one =
                Swarm::start(&world, *kind, index + left as u8, 1, &format!("dying {}", kind.name())).unwrap();
            one.join(0).unwrap();
            fresh.push(one);
        }
        for mut one in fresh {
            let took = one.await_joined(JOIN_LIMIT).unwrap();
            let kind = one.peers()[0].kind();
            println!("{left} DHT hosts left: {} joined after {took:?}", kind.name());
            assert!(took[0].is_some() || kind != Kind::Ours, "nobody joins any more with {left} DHT hosts left");
            let scenario = format!("DHT hosts die: newcomer, {left} of 24 left");
            rows.push(Row::new(scenario, network(25, 0), dht, kind).joins(&took));
            newcomers.push(one);
        }
    }
    talk_until(&mut swarms, Instant::now() + TALK, |_| Ok(false)).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    for swarm in &mut swarms {
        let said = swarm.delivery(start).unwrap();
        println!("all the while, {}: {said:?}", swarm.peers()[0].kind().name());
        assert!(said.is_whole() || !is_ours(swarm), "the swarm needs no DHT to talk: {said:?}");
        let scenario = "DHT hosts die: three who stand, to the last host and after";
        rows.push(Row::new(scenario, network(25, 0), dht, swarm.peers()[0].kind()).delivery(said));
    }
    show(&format!("dying-{}", dht.name()), &rows).unwrap();
}

/// One of four gets another address while it runs.
pub(crate) fn moved(dht: DhtKind, kinds: &[Kind]) {
    let world = World::new(dht, Link::new(25, 0), 5).unwrap();
    let mut swarms = standing(&world, kinds, 4, "moved");
    talk_well(&mut swarms, "before the move");
    for (swarm, last) in swarms.iter_mut().zip([200, 201]) {
        world.readdress(swarm.peer(1).host_mut(), Ipv4Addr::new(10, 77, 2, last)).unwrap();
    }
    let healed = heal_times(&mut swarms, Instant::now());
    check(&swarms, &healed);
    let said = talk_well(&mut swarms, "after the move");
    show(&format!("moved-{}", dht.name()), &rows("one of four changes its address", dht, &swarms, &healed, &said))
        .unwrap();
}

/// One of six is killed and comes back with the same key.
pub(crate) fn killed(dht: DhtKind, kinds: &[Kind]) {
    let world = World::new(dht, Link::new(25, 0), 6).unwrap();
    let mut swarms = standing(&world, kinds, 6, "killed");
    talk_well(&mut swarms, "before the kill");
    let mut gone: Vec<Peer> = swarms.iter_mut().map(|swarm| swarm.remove(2)).collect();
    gone.iter_mut().for_each(Peer::kill);
    talk_until(&mut swarms, Instant::now() + Duration::from_secs(3), |_| Ok(false)).unwrap();
    gone.iter_mut().for_each(|peer| peer.restart().unwrap());
    let back = Instant::now();
    for (swarm, peer) in swarms.iter_mut().zip(gone) {
        swarm.add(peer);
        swarm.join(5).unwrap();
    }
    let healed = heal_times(&mut swarms, back);
    check(&swarms, &healed);
    let joins: Vec<_> = swarms.iter_mut().map(|swarm| swarm.peer(5).joined().unwrap()).collect();
    println!("joined again: {joins:?}");
    let said = talk_well(&mut swarms, "after the return");
    let rows = rows("one of six killed, back with its key after 3 s", dht, &swarms, &healed, &said);
    let rows: Vec<Row> = rows.into_iter().zip(joins).map(|(row, took)| row.joins(&[took])).collect();
    show(&format!("killed-{}", dht.name()), &rows).unwrap();
}
