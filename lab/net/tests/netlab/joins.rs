//! How long joining takes, and whether what is said then arrives.

use std::time::{Duration, Instant};

use dtt_lab_net::{Delivery, DhtKind, Kind, Link, Row, Swarm, World, show};

/// How long a first node stands before a second one comes.
const STANDS: Duration = Duration::from_secs(8);
/// Runs of which the median counts.
const RUNS: u8 = 5;
/// The peer implementation takes longer and is not what is tested.
const THEIR_RUNS: u8 = 3;
const LIMIT: Duration = Duration::from_secs(60);
const TALK: Duration = Duration::from_secs(5);
const REST: Duration = Duration::from_secs(20);

/// A network of this kind, in milliseconds one way and percent.
pub(crate) fn network(delay: u64, loss: u32) -> String {
    format!("{delay} ms, {loss} %")
}

fn runs(kind: Kind) -> u8 {
    if kind == Kind::Ours { RUNS } else { THEIR_RUNS }
}

/// The time that the second of two takes, of each pair.
fn second_times(pairs: &mut [Swarm]) -> Vec<Option<Duration>> {
    for pair in &mut *pairs {
        pair.join(0).unwrap();
    }
    std::thread::sleep(STANDS);
    let mut times = Vec::new();
    for pair in pairs {
        pair.join(1).unwrap();
        times.push(pair.await_one(1, LIMIT).unwrap());
        pair.await_joined(LIMIT).unwrap();
    }
    times
}

/// The time until both have joined that start at once, of each pair.
fn both_times(pairs: &mut [Swarm]) -> Vec<Option<Duration>> {
    let both = |pair: &mut Swarm| {
        pair.join_all().unwrap();
        last(&pair.await_joined(LIMIT).unwrap())
    };
    pairs.iter_mut().map(both).collect()
}

/// The longest of the times, if all have joined.
fn last(times: &[Option<Duration>]) -> Option<Duration> {
    times.iter().copied().collect::<Option<Vec<_>>>().and_then(|times| times.into_iter().max())
}

/// Pairs on topics of their own talk for a while, all at the same time.
fn talk(swarms: &mut [Swarm]) -> Delivery {
    let (start, mut all) = (Instant::now(), Delivery::default());
    while start.elapsed() < TALK {
        swarms.iter_mut().for_each(|swarm| swarm.say_something().unwrap());
        std::thread::sleep(Duration::from_millis(500));
    }
    let heard = |swarm: &mut Swarm| swarm.delivery(start).unwrap();
    while start.elapsed() < TALK + REST && !swarms.iter_mut().all(|swarm| heard(swarm).is_whole()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    swarms.iter_mut().for_each(|swarm| all += heard(swarm));
    all
}

fn pairs(world: &World, kind: Kind, name: &str) -> Vec<Swarm> {
    let pair = |run| Swarm::start(world, kind, 1 + 2 * run, 2, &format!("{name} {} {run}", kind.name())).unwrap();
    (0..runs(kind)).map(pair).collect()
}

/// Second joins standing one; the must-reach of the issue is in milliseconds.
pub(crate) fn second(world: &World, dht: DhtKind, kind: Kind, network: &str, must: Option<u64>) -> Row {
    let mut pairs = pairs(world, kind, "second");
    let times = second_times(&mut pairs);
    let delivery = talk(&mut pairs);
    let row = Row::new("second joins a standing one", network, dht, kind).joins(&times).delivery(delivery);
    check(kind, &times, delivery, network);
    let Some(must) = must.filter(|_| kind == Kind::Ours) else { return row };
    let median = row.median().expect("most have joined");
    row.target(&format!("{must} ms"), median <= Duration::from_millis(must))
}

fn two_at_once(world: &World, dht: DhtKind, kind: Kind, network: &str) -> Row {
    let mut pairs = pairs(world, kind, "two");
    let times = both_times(&mut pairs);
    let delivery = talk(&mut pairs);
    check(kind, &times, delivery, network);
    Row::new("two at once, both joined", network, dht, kind).joins(&times).delivery(delivery)
}

fn twelve_at_once(world: &World, dht: DhtKind, kind: Kind, network: &str) -> Row {
    let mut swarm = Swarm::start(world, kind, 1, 12, &format!("twelve {}", kind.name())).unwrap();
    swarm.join_all().unwrap();
    let times = swarm.await_joined(LIMIT).unwrap();
    swarm.await_connected(LIMIT).unwrap();
    let delivery = talk(std::slice::from_mut(&mut swarm));
    check(kind, &times, delivery, network);
    Row::new("twelve at once, each", network, dht, kind).joins(&times).delivery(delivery)
}

/// What ours must do in every network: everyone joins, and everything that is said then arrives.
fn check(kind: Kind, times: &[Option<Duration>], delivery: Delivery, network: &str) {
    println!("{network}, {}: {times:?}, {delivery:?}", kind.name());
    if kind == Kind::Ours {
        assert!(times.iter().all(Option::is_some), "{network}: not everyone joined within {LIMIT:?}: {times:?}");
        assert!(delivery.is_whole(), "{network}: not everything arrived: {delivery:?}");
    }
}

/// Every way to join, in one network, for both implementations.
pub(crate) fn all(dht: DhtKind, delay: u64, loss: u32, must: Option<u64>) {
    let network = network(delay, loss);
    let world = World::new(dht, Link::new(delay, loss), 1).unwrap();
    let mut rows = Vec::new();
    for kind in [Kind::Ours, Kind::Theirs] {
        rows.push(second(&world, dht, kind, &network, must));
    }
    for kind in [Kind::Ours, Kind::Theirs] {
        rows.push(two_at_once(&world, dht, kind, &network));
    }
    for kind in [Kind::Ours, Kind::Theirs] {
        rows.push(twelve_at_once(&world, dht, kind, &network));
    }
    show(&format!("joins-{}-{delay:03}-{loss:02}", dht.name()), &rows).unwrap();
}
