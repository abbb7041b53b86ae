//! Troubles of standing swarms: partitions, DHT hosts that die, moves, crashes.

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use anyhow::Result;
use dtt_lab_net::{Delivery, DhtKind, Kind, Link, Peer, Port, Row, Swarm, World, show, talk, talk_until};

use super::joins::network;

/// No swarm may stay split for longer after the network is whole again.
const HEAL_LIMIT: Duration = Duration::from_secs(180);
const JOIN_LIMIT: Duration = Duration::from_secs(60);
/// How long swarms send messages before and after the trouble.
const TALK: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_secs(20);

/// The first index of each swarm's peers.
const FIRSTS: [u8; 4] = [1, 16, 31, 46];

/// Swarms of one size, one for each implementation. All of their peers have joined.
fn standing(world: &World, kinds: &[Kind], count: u8) -> Vec<Swarm> {
    let start = |(kind, first): (&Kind, u8)| {
        Swarm::start(world, *kind, first, count, &format!("{} from {first}", kind.name())).unwrap()
    };
    let mut swarms: Vec<Swarm> = kinds.iter().zip(FIRSTS).map(start).collect();
    swarms.iter_mut().for_each(|swarm| swarm.join_all().unwrap());
    for swarm in &mut swarms {
        let joined = swarm.await_joined(JOIN_LIMIT).unwrap();
        println!("joined after {joined:?}");
    }
    settle(&mut swarms, "to begin with");
    swarms
}

fn is_ours(swarm: &Swarm) -> bool {
    swarm.peers()[0].kind() == Kind::Ours
}

/// Waits until each swarm has been one for a while: peers that were just reached again may still be dialing and
/// dropping neighbors. Twelve that start at once may be two groups for a while, and a split heals within the limit for
/// splits.
fn settle(swarms: &mut [Swarm], when: &str) {
    for swarm in swarms {
        let limit = if is_ours(swarm) { HEAL_LIMIT } else { JOIN_LIMIT };
        let settled = swarm.await_settled(limit).unwrap();
        assert!(settled || !is_ours(swarm), "{when}: not one swarm for long enough: {:?}", swarm.neighbors());
    }
}

/// Every peer sends messages while all is well, and every peer must receive them.
fn talk_well(swarms: &mut [Swarm], when: &str) -> Vec<Delivery> {
    let deliveries = talk(swarms, TALK, REST).unwrap();
    for (swarm, delivery) in swarms.iter().zip(&deliveries) {
        println!("{when}: {}: {delivery:?}", swarm.peers()[0].kind().name());
    }
    deliveries
}

/// Every peer sends until it has received a message of every other one since a moment, and `rest` holds as well.
/// Returns how long that took in each swarm.
fn heal_times(swarms: &mut [Swarm], since: Instant, mut rest: impl FnMut() -> Result<bool>) -> Vec<Option<Duration>> {
    let whole = |swarms: &mut [Swarm]| -> Result<Vec<Option<Duration>>> {
        swarms.iter_mut().map(|swarm| swarm.whole_since(since)).collect()
    };
    let all = |swarms: &mut [Swarm]| Ok(rest()? & whole(swarms)?.iter().all(Option::is_some));
    talk_until(swarms, since + HEAL_LIMIT, all).unwrap();
    let times = whole(swarms).unwrap();
    println!("whole again: {times:?}");
    times
}

/// Rows of swarms that had to become whole again, with the messages that were sent while all was well.
fn rows(
    scenario: &str,
    dht: DhtKind,
    swarms: &[Swarm],
    healed: &[Option<Duration>],
    said: &[Vec<Delivery>],
) -> Vec<Row> {
    let row = |(place, swarm): (usize, &Swarm)| {
        let mut all = Delivery::default();
        said.iter().for_each(|said| all += said[place]);
        let row = Row::new(scenario, network(25, 0), dht, swarm.peers()[0].kind());
        row.delivery(all).healed(healed[place], HEAL_LIMIT)
    };
    swarms.iter().enumerate().map(row).collect()
}

/// Cuts the network: half of the DHT and half of the peers are on each side.
fn cut(world: &World, swarms: &[Swarm]) {
    let peers = swarms.iter().flat_map(|swarm| swarm.peers());
    let peers = peers.filter(|peer| peer.index().is_multiple_of(2)).map(|peer| peer.host().port());
    let left: HashSet<Port> = world.dht_ports().into_iter().step_by(2).chain(peers).collect();
    world.switch().partition(|port| usize::from(left.contains(&port)));
}

/// Ends a partition, which must have split every swarm by now.
fn heal(world: &World, swarms: &mut [Swarm]) -> Instant {
    for swarm in &mut *swarms {
        assert!(!swarm.is_connected().unwrap(), "the partition has split the swarm");
    }
    world.switch().heal();
    Instant::now()
}

/// A partition. Some swarms go on sending all the time. The others send nothing until they are whole again, which their
/// neighbors show.
pub(crate) fn partition(dht: DhtKind, talking: &[Kind], silent: &[Kind], count: u8, time: Duration) {
    let world = World::new(dht, Link::new(25, 0), 2).unwrap();
    let mut swarms = standing(&world, &[talking, silent].concat(), count);
    let before = talk_well(&mut swarms, "before the partition");
    cut(&world, &swarms);
    talk_until(&mut swarms[..talking.len()], Instant::now() + time, |_| Ok(false)).unwrap();
    let since = heal(&world, &mut swarms);
    let (talkers, listeners) = swarms.split_at_mut(talking.len());
    let mut silent_healed = vec![None; listeners.len()];
    let healed = heal_times(talkers, since, || {
        for (swarm, healed) in listeners.iter_mut().zip(&mut silent_healed) {
            if healed.is_none() && swarm.is_connected()? {
                *healed = Some(since.elapsed());
            }
        }
        Ok(silent_healed.iter().all(Option::is_some))
    });
    println!("without a word: {silent_healed:?}");
    settle(&mut swarms, "after the partition");
    let said = [before, talk_well(&mut swarms, "after the partition")];
    let healed = [healed, silent_healed].concat();
    let mut rows = rows(&format!("{} s partition of {count}", time.as_secs()), dht, &swarms, &healed, &said);
    rows.iter_mut().skip(talking.len()).for_each(|row| row.note("nobody speaks"));
    show(&format!("partition-{}-{count:02}-{:03}", dht.name(), time.as_secs()), &rows).unwrap();
}

/// Every second, a DHT host dies. Newcomers come all the time, and the swarm goes on sending when no host is left.
pub(crate) fn dying_dht(dht: DhtKind, kinds: &[Kind]) {
    let mut world = World::new(dht, Link::new(25, 0), 4).unwrap();
    let mut swarms = standing(&world, kinds, 3);
    let (mut rows, mut newcomers) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for left in (0..world.dht_hosts()).rev() {
        talk_until(&mut swarms, Instant::now() + Duration::from_secs(1), |_| Ok(false)).unwrap();
        world.kill_dht_host();
        if ![16, 8, 4, 2, 1].contains(&left) {
            continue;
        }
        let mut fresh = Vec::new();
        for (place, (kind, index)) in kinds.iter().zip([30, 32]).enumerate() {
            // Each newcomer has an index of its own: `left` is 16, 8, 4, 2 and 1.
            let index = index + 5 * left.ilog2() as u8;
            let mut one = Swarm::start(&world, *kind, index, 1, swarms[place].topic()).unwrap();
            one.join(0).unwrap();
            fresh.push(one);
        }
        for mut one in fresh {
            let took = one.await_joined(JOIN_LIMIT).unwrap();
            let kind = one.peers()[0].kind();
            println!("{left} DHT hosts left: {} joined after {took:?}", kind.name());
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
        let scenario = "DHT hosts die: three who stand, to the last host and after";
        rows.push(Row::new(scenario, network(25, 0), dht, swarm.peers()[0].kind()).delivery(said));
    }
    show(&format!("dying-{}", dht.name()), &rows).unwrap();
}

/// One of four peers gets another address while it runs.
pub(crate) fn moved(dht: DhtKind, kinds: &[Kind]) {
    let world = World::new(dht, Link::new(25, 0), 5).unwrap();
    let mut swarms = standing(&world, kinds, 4);
    let before = talk_well(&mut swarms, "before the move");
    for (swarm, last) in swarms.iter_mut().zip([200, 201]) {
        world.readdress(swarm.peer(1).host_mut(), Ipv4Addr::new(10, 77, 2, last)).unwrap();
    }
    let healed = heal_times(&mut swarms, Instant::now(), || Ok(true));
    let said = [before, talk_well(&mut swarms, "after the move")];
    show(&format!("moved-{}", dht.name()), &rows("one of four changes its address", dht, &swarms, &healed, &said))
        .unwrap();
}

/// One of six peers is killed and comes back with the same key.
pub(crate) fn killed(dht: DhtKind, kinds: &[Kind]) {
    let world = World::new(dht, Link::new(25, 0), 6).unwrap();
    let mut swarms = standing(&world, kinds, 6);
    let before = talk_well(&mut swarms, "before the kill");
    let mut gone: Vec<Peer> = swarms.iter_mut().map(|swarm| swarm.remove(2)).collect();
    gone.iter_mut().for_each(Peer::kill);
    talk_until(&mut swarms, Instant::now() + Duration::from_secs(3), |_| Ok(false)).unwrap();
    gone.iter_mut().for_each(|peer| peer.restart().unwrap());
    let back = Instant::now();
    for (swarm, peer) in swarms.iter_mut().zip(gone) {
        swarm.add(peer);
        swarm.join(5).unwrap();
    }
    let healed = heal_times(&mut swarms, back, || Ok(true));
    let joins: Vec<_> = swarms.iter_mut().map(|swarm| swarm.peer(5).joined().unwrap()).collect();
    println!("joined again: {joins:?}");
    settle(&mut swarms, "after the return");
    let said = [before, talk_well(&mut swarms, "after the return")];
    let rows = rows("one of six killed, back with its key after 3 s", dht, &swarms, &healed, &said);
    let rows: Vec<Row> = rows.into_iter().zip(joins).map(|(row, took)| row.joins(&[took])).collect();
    show(&format!("killed-{}", dht.name()), &rows).unwrap();
}
