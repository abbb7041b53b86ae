//! Newcomers that are killed again and again, beside members that stay and send messages.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use dtt_lab_net::{DhtKind, Kind, Link, Peer, Row, Swarm, World, show};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::joins::network;

/// How long the members have to become one swarm.
const SETTLE_LIMIT: Duration = Duration::from_secs(90);
/// A newcomer that takes longer counts as one that never joined.
const JOIN_LIMIT: Duration = Duration::from_secs(150);
const TICK: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(5);
/// How long after joining, or after its start, a newcomer is killed, and how long after that it starts again. In
/// milliseconds.
const LIFE: Range<u64> = 1000..5000;
const AWAY: Range<u64> = 0..3000;
/// The first and the last key of newcomers that have a new key each time.
const FIRST_NEW_KEY: u8 = 60;
const LAST_NEW_KEY: u8 = 240;

/// The scenario, and its targets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crashes {
    pub(crate) dht: DhtKind,
    /// Milliseconds one way.
    pub(crate) delay: u64,
    pub(crate) members: u8,
    /// Newcomers at a time.
    pub(crate) together: u8,
    /// Whether each newcomer comes back with its key.
    pub(crate) same_key: bool,
    /// How many starts are counted. Each of them is waited for until it has joined.
    pub(crate) starts: usize,
    pub(crate) median: Duration,
    pub(crate) worst: Duration,
}

/// A newcomer, and its next step.
struct Newcomer {
    peer: Peer,
    /// Whether it is killed only after it has joined. The others disturb the swarm, as programs do that a supervisor
    /// restarts.
    patient: bool,
    started: Instant,
    next: Next,
}

#[derive(Clone, Copy)]
enum Next {
    Join(Instant),
    Kill(Instant),
    Start(Instant),
}

struct Loop<'a> {
    crashes: Crashes,
    topic: &'a str,
    rng: StdRng,
    keys: u8,
    joins: Vec<Option<Duration>>,
}

impl Loop<'_> {
    fn after(&mut self, range: Range<u64>) -> Instant {
        Instant::now() + Duration::from_millis(self.rng.random_range(range))
    }

    fn start(&mut self, newcomer: &mut Newcomer) {
        if !self.crashes.same_key {
            self.keys = if self.keys >= LAST_NEW_KEY { FIRST_NEW_KEY } else { self.keys + 1 };
            newcomer.peer.take_key(self.keys);
        }
        newcomer.peer.restart().unwrap();
        self.begin(newcomer);
    }

    fn begin(&mut self, newcomer: &mut Newcomer) {
        newcomer.peer.join(self.topic).unwrap();
        newcomer.patient = self.rng.random_bool(0.5);
        newcomer.started = Instant::now();
        newcomer.next =
            if newcomer.patient { Next::Join(newcomer.started + JOIN_LIMIT) } else { Next::Kill(self.after(LIFE)) };
    }

    fn step(&mut self, newcomer: &mut Newcomer) {
        let now = Instant::now();
        match newcomer.next {
            Next::Join(until) => {
                let joined = newcomer.peer.joined().unwrap();
                if joined.is_some() || until <= now {
                    self.joins.push(joined);
                    newcomer.next = Next::Kill(self.after(LIFE));
                }
            }
            Next::Kill(at) if at <= now => {
                newcomer.peer.kill();
                newcomer.next = Next::Start(self.after(AWAY));
            }
            Next::Start(at) if at <= now => self.start(newcomer),
            _ => {}
        }
    }
}

/// Runs such a loop until enough starts have joined.
pub(crate) fn crashes(crashes: Crashes) {
    let Crashes { dht, delay, members, together, same_key, .. } = crashes;
    let key = if same_key { "old" } else { "new" };
    let name = format!("crashes-{}-{delay}-{members:02}-{together:02}-{key}", dht.name());
    let world = World::new(dht, Link::new(delay, 0), 7).unwrap();
    let mut swarm = Swarm::start(&world, Kind::Ours, 1, members, &name).unwrap();
    swarm.join_all().unwrap();
    assert!(swarm.await_settled(SETTLE_LIMIT).unwrap(), "the members are one swarm");
    let topic = swarm.topic().to_owned();
    let mut all =
        Loop { crashes, topic: &topic, rng: StdRng::seed_from_u64(7), keys: FIRST_NEW_KEY, joins: Vec::new() };
    let mut newcomers: Vec<Newcomer> = (0..together)
        .map(|place| {
            let peer = Peer::start(&world, Kind::Ours, members + 1 + place).unwrap();
            Newcomer { peer, patient: false, started: Instant::now(), next: Next::Start(Instant::now()) }
        })
        .collect();
    newcomers.iter_mut().for_each(|newcomer| all.begin(newcomer));
    let mut next_word = Instant::now();
    while all.joins.len() < crashes.starts {
        if next_word <= Instant::now() {
            swarm.say_something().unwrap();
            next_word += TICK;
        }
        newcomers.iter_mut().for_each(|newcomer| all.step(newcomer));
        std::thread::sleep(LOOK);
    }
    // A newcomer that still waits gets its time as well. Otherwise the slowest ones would be left out.
    for newcomer in &mut newcomers {
        while matches!(newcomer.next, Next::Join(_)) {
            all.step(newcomer);
            std::thread::sleep(LOOK);
        }
    }
    let mut slow: Vec<_> = all.joins.iter().filter(|took| took.is_none_or(|took| took > crashes.worst)).collect();
    slow.sort();
    println!("{name}: slower than {:?}: {slow:?}", crashes.worst);
    let scenario = format!("{members} stand, {together} killed again and again, back with the {key} key");
    let row = Row::new(scenario, network(delay, 0), dht, Kind::Ours).joins(&all.joins);
    show(&name, &[row.joins_within(crashes.median).worst_within(crashes.worst)]).unwrap();
}
