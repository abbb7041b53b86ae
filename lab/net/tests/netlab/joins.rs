//! How long joining takes, and whether messages arrive after that.

use std::time::Duration;

use dtt_lab_net::{Delivery, DhtKind, Kind, Link, Peer, Rate, Row, Services, Swarm, World, show};

/// How long the first peer runs before the second one comes.
const STANDS: Duration = Duration::from_secs(8);
/// How many runs there are. Their median counts.
const RUNS: u8 = 5;
/// Fewer runs for the peer implementation: it takes longer, and it is not under test.
const THEIR_RUNS: u8 = 3;
const LIMIT: Duration = Duration::from_secs(60);
const TALK: Duration = Duration::from_secs(5);
const REST: Duration = Duration::from_secs(20);

/// The name of a network with this delay in milliseconds one way and this loss in percent.
pub(crate) fn network(delay: u64, loss: u32) -> String {
    format!("{delay} ms, {loss} %")
}

fn runs(kind: Kind) -> u8 {
    if kind == Kind::Ours { RUNS } else { THEIR_RUNS }
}

/// How long the second peer of each pair takes to join.
fn second_times(pairs: &mut [Swarm]) -> Vec<Option<Duration>> {
    pairs.iter_mut().for_each(|pair| pair.join(0).unwrap());
    std::thread::sleep(STANDS);
    in_turn(
        pairs,
        |pair| pair.join(1).unwrap(),
        |pair| {
            let took = pair.await_one(1, LIMIT).unwrap();
            pair.await_joined(LIMIT).unwrap();
            took
        },
    )
}

/// How long each pair takes until both have joined, if they start at once.
fn both_times(pairs: &mut [Swarm]) -> Vec<Option<Duration>> {
    in_turn(pairs, |pair| pair.join_all().unwrap(), |pair| last(&pair.await_joined(LIMIT).unwrap()))
}

/// Measures one pair after the other. Pairs of the peer implementation, which mostly wait, are measured all at once.
fn in_turn<T>(pairs: &mut [Swarm], start: impl Fn(&mut Swarm), end: impl Fn(&mut Swarm) -> T) -> Vec<T> {
    let at_once = if pairs.iter().all(|pair| pair.peers()[0].kind() == Kind::Theirs) { pairs.len() } else { 1 };
    let mut times = Vec::new();
    for chunk in pairs.chunks_mut(at_once) {
        chunk.iter_mut().for_each(&start);
        times.extend(chunk.iter_mut().map(&end));
    }
    times
}

/// The longest of the times, if all have joined.
fn last(times: &[Option<Duration>]) -> Option<Duration> {
    times.iter().copied().collect::<Option<Vec<_>>>().and_then(|times| times.into_iter().max())
}

/// Swarms on different topics send messages for a while, all at the same time.
fn talk(swarms: &mut [Swarm]) -> Delivery {
    let mut all = Delivery::default();
    dtt_lab_net::talk(swarms, TALK, REST).unwrap().into_iter().for_each(|delivery| all += delivery);
    all
}

fn pairs(world: &World, kind: Kind, name: &str) -> Vec<Swarm> {
    let pair = |run| Swarm::start(world, kind, 1 + 2 * run, 2, &format!("{name} {} {run}", kind.name())).unwrap();
    (0..runs(kind)).map(pair).collect()
}

/// A second peer joins a standing one. The target `must` is in milliseconds.
fn second(world: &World, dht: DhtKind, kind: Kind, network: &str, must: Option<u64>) -> Row {
    let mut pairs = pairs(world, kind, "second");
    let times = second_times(&mut pairs);
    let delivery = talk(&mut pairs);
    let row = Row::new("second joins a standing one", network, dht, kind).joins(&times).delivery(delivery);
    tell(kind, &times, delivery, network);
    match must {
        Some(must) if kind == Kind::Ours => row.joins_within(Duration::from_millis(must)),
        _ => row,
    }
}

fn two_at_once(world: &World, dht: DhtKind, kind: Kind, network: &str) -> Row {
    let mut pairs = pairs(world, kind, "two");
    let times = both_times(&mut pairs);
    let delivery = talk(&mut pairs);
    tell(kind, &times, delivery, network);
    Row::new("two at once, both joined", network, dht, kind).joins(&times).delivery(delivery)
}

fn twelve_at_once(world: &World, dht: DhtKind, kind: Kind, network: &str) -> Row {
    let mut swarm = Swarm::start(world, kind, 1, 12, &format!("twelve {}", kind.name())).unwrap();
    swarm.join_all().unwrap();
    let times = swarm.await_joined(LIMIT).unwrap();
    swarm.await_settled(LIMIT).unwrap();
    let delivery = talk(std::slice::from_mut(&mut swarm));
    tell(kind, &times, delivery, network);
    Row::new("twelve at once, each", network, dht, kind).joins(&times).delivery(delivery)
}

/// Prints the results at once, since the table comes late.
fn tell(kind: Kind, times: &[Option<Duration>], delivery: Delivery, network: &str) {
    println!("{network}, {}: {times:?}, {delivery:?}", kind.name());
}

/// Only the way to join that has a target.
pub(crate) fn second_alone(dht: DhtKind, delay: u64, loss: u32, must: u64) {
    let world = World::new(dht, Link::new(delay, loss), 1).unwrap();
    let row = second(&world, dht, Kind::Ours, &network(delay, loss), Some(must));
    show(&format!("second-{}-{delay:03}-{loss:02}", dht.name()), &[row]).unwrap();
}

/// Every way to join, in one network, for these implementations.
pub(crate) fn all(dht: DhtKind, delay: u64, loss: u32, must: Option<u64>, kinds: &[Kind]) {
    let network = network(delay, loss);
    let world = World::new(dht, Link::new(delay, loss), 1).unwrap();
    let second = |kind| second(&world, dht, kind, &network, must);
    let two = |kind| two_at_once(&world, dht, kind, &network);
    let twelve = |kind| twelve_at_once(&world, dht, kind, &network);
    let ways: [&dyn Fn(Kind) -> Row; 3] = [&second, &two, &twelve];
    let rows: Vec<Row> = ways.iter().flat_map(|way| kinds.iter().map(|kind| way(*kind))).collect();
    show(&format!("joins-{}-{delay:03}-{loss:02}", dht.name()), &rows).unwrap();
}

/// Peers with default options, while iroh's public services cannot be reached.
pub(crate) fn without_services(dht: DhtKind) {
    let (network, kind) = (network(25, 0), Kind::Ours);
    let world = World::new(dht, Link::new(25, 0), 8).unwrap();
    let pair = |run: u8| {
        let peer = |index| Peer::start_with(&world, kind, index, Services::Public).unwrap();
        Swarm::of(vec![peer(1 + 2 * run), peer(2 + 2 * run)], &format!("without services {run}"))
    };
    let mut pairs: Vec<Swarm> = (0..RUNS).map(pair).collect();
    let times = second_times(&mut pairs);
    let delivery = talk(&mut pairs);
    tell(kind, &times, delivery, &network);
    let scenario = "second joins, iroh's services used and out of reach";
    show(
        &format!("services-{}", dht.name()),
        &[Row::new(scenario, network, dht, kind).joins(&times).delivery(delivery)],
    )
    .unwrap();
}

/// Twelve peers at once over slow uplinks with much jitter.
pub(crate) fn slow_uplinks(dht: DhtKind, kinds: &[Kind]) {
    let link = Link { jitter: Duration::from_millis(50), ..Link::new(25, 1) };
    let world = World::new(dht, link, 9).unwrap();
    let rate = Rate { bytes_per_second: 32_000, burst: 3_000, queue: 32_000 };
    let mut rows = Vec::new();
    for kind in kinds {
        let mut swarm = Swarm::start(&world, *kind, 1, 12, &format!("slow {}", kind.name())).unwrap();
        swarm.peers().iter().for_each(|peer| world.switch().set_rate(peer.host().port(), rate));
        swarm.join_all().unwrap();
        let times = swarm.await_joined(LIMIT).unwrap();
        swarm.await_settled(LIMIT).unwrap();
        let delivery = talk(std::slice::from_mut(&mut swarm));
        let network = "25-75 ms, 1 %, 256 kbit/s up";
        tell(*kind, &times, delivery, network);
        rows.push(Row::new("twelve at once, each", network, dht, *kind).joins(&times).delivery(delivery));
    }
    show(&format!("slow-{}", dht.name()), &rows).unwrap();
}
