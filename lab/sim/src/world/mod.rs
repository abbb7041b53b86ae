//! The simulation itself: events move nodes, messages and records.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use dtt_core::tracker::{Action, Input, JoinReason, MessageHash, Now, SeenRecord};
use iroh_gossip::proto::{Command, InEvent, OutEvent, Scope};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

mod crashes;
mod records;
mod swarm;

use crashes::{CRASHES_BEGIN, Crash};

use crate::{
    dht::{Dht, Slot, Value},
    draw::{exponential, mix},
    measure::{Components, Measure, Outcome, Sample, seconds},
    network::{IDLE_LIMIT, Network, NodeId, Partition},
    node::{GossipTimer, Node, Packet, TOPIC, Traits, node_id, peer_id},
    policy::Rules,
    queue::{MINUTE, Queue, SECOND, Time},
    scenario::{Arrival, Scenario},
};

/// Size of a sealed record with its addresses, in bytes.
const RECORD_BYTES: usize = 650;
/// The first message is sent this long after the last planned arrival.
const QUIET: Time = 30 * SECOND;
/// When in a minute the squatter writes: into the next slot, and into the present one.
const SQUAT_BEFORE: Time = 55 * SECOND;
const SQUAT_AFTER: Time = 15 * SECOND;
/// Any time is good: this is a Wednesday in 2025.
const EPOCH: Duration = Duration::from_secs(1_750_248_000);

#[derive(Debug)]
enum Event {
    Start { first: bool },
    Stop(NodeId),
    Deliver { from: NodeId, to: NodeId, packet: Box<Packet> },
    Dialed { from: NodeId, life: u64, to: NodeId, answers: bool },
    Gone { at: NodeId, peer: NodeId, connection: u64, cut: bool },
    Gossip(NodeId, u64, Box<GossipTimer>),
    Wake(NodeId, Time),
    Answer { node: NodeId, life: u64, slot: Slot, holder: usize },
    LookupEnd { node: NodeId, life: u64, number: u64, answered: bool },
    Write { slot: Slot, holder: usize, value: Value },
    StoreEnd { node: NodeId, life: u64, store: u64, number: u64, stored: bool },
    Say,
    Sample,
    Cut(Option<Partition>),
    Squat { minute: u64 },
    Crash(Crash),
}

pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    rules: Rules,
    seed: u64,
    rng: StdRng,
    queue: Queue<Event>,
    nodes: Vec<Option<Box<Node>>>,
    started: u32,
    running: u32,
    lives: u64,
    network: Network<Packet>,
    dht: Dht,
    measure: Measure,
    said: Vec<(Time, u32)>,
    /// The simulation's clocks at its beginning. The wall clock begins somewhere in a minute.
    begin: (Instant, Duration),
    outputs: Vec<OutEvent<NodeId>>,
    /// The node whose request to join is being handled, and the reason for the request.
    answering: Option<(NodeId, JoinReason)>,
}

/// Runs a scenario to its end.
pub(crate) fn run(scenario: &Scenario, rules: Rules, seed: u64) -> Outcome {
    let mut world = World::new(scenario, rules, seed);
    while let Some(event) = world.queue.pop() {
        if world.queue.now() > scenario.duration {
            break;
        }
        world.happen(event);
    }
    world.count_waiting();
    world.measure.finish(seed, world.started)
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, rules: Rules, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(mix(&[seed, 3]));
        let phase = Duration::from_nanos(rng.random_range(0..MINUTE));
        let mut world = Self {
            scenario,
            rules,
            seed,
            rng,
            queue: Queue::new(),
            nodes: Vec::new(),
            started: 0,
            running: 0,
            lives: 0,
            network: Network::new(mix(&[seed, 4])),
            dht: Dht::new(scenario.dht, rules.newest_wins(), seed),
            measure: Measure::new(scenario.partition.map(|(_, _, until)| until)),
            said: Vec::new(),
            begin: (Instant::now(), EPOCH + phase),
            outputs: Vec::new(),
            answering: None,
        };
        world.plan();
        world
    }

    /// Puts everything into the queue that is certain from the start.
    fn plan(&mut self) {
        let scenario = self.scenario;
        if let Some((partition, from, until)) = scenario.partition {
            self.queue.at(from, Event::Cut(Some(partition)));
            self.queue.at(until, Event::Cut(None));
        }
        if scenario.squat.is_some() {
            let minute = self.minute();
            self.queue.at(0, Event::Squat { minute: minute + 1 });
            self.queue.at(0, Event::Squat { minute });
            for minute in minute + 1..=minute + scenario.duration / MINUTE + 1 {
                let begins = Duration::from_secs(minute * 60) - self.begin.1;
                let begins = begins.as_nanos() as Time;
                self.queue.at(begins.saturating_sub(MINUTE - SQUAT_BEFORE), Event::Squat { minute });
                self.queue.at(begins + SQUAT_AFTER, Event::Squat { minute });
            }
        }
        for _ in 0..scenario.nodes {
            // In a Poisson stream with a known number of arrivals, each arrival has an independent random time.
            let at = match scenario.arrival {
                Arrival::AtOnce => self.rng.random_range(0..SECOND / 2),
                Arrival::Stream(length) => self.rng.random_range(0..length),
            };
            self.queue.at(at, Event::Start { first: true });
        }
        if scenario.messages > 0.0 {
            self.queue.at(scenario.last_arrival() + QUIET, Event::Say);
        }
        for newcomer in 0..scenario.crashes.map_or(0, |crashes| crashes.together) {
            self.queue.at(CRASHES_BEGIN, Event::Crash(Crash::Start { newcomer }));
        }
        self.queue.at(scenario.sample, Event::Sample);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start { first } => self.start(first),
            Event::Stop(id) => self.stop(id),
            Event::Deliver { from, to, packet } => self.deliver(from, to, *packet),
            Event::Dialed { from, life, to, answers } if self.life(from) == life => self.dialed(from, to, answers),
            Event::Gone { at, peer, connection, cut } => {
                let healed = cut && self.network.has_path(at, peer);
                if !healed && self.network.gone(at, peer, connection) {
                    self.gossip(at, InEvent::PeerDisconnected(peer), None);
                }
            }
            Event::Gossip(id, life, timer) if self.life(id) == life => {
                self.gossip(id, InEvent::TimerExpired(*timer), None);
            }
            Event::Wake(id, at) => self.wake(id, at),
            Event::Answer { node, life, slot, holder } if self.life(node) == life => self.answer(node, slot, holder),
            Event::LookupEnd { node, life, number, answered } if self.life(node) == life => {
                self.input(node, Input::LookupDone { slot: number, answered });
            }
            Event::Write { slot, holder, value } => {
                self.dht.write(slot, holder, value, RECORD_BYTES);
            }
            Event::StoreEnd { node, life, store, number, stored } => {
                if self.nodes[node as usize].as_ref().is_some_and(|node| (node.life, node.store) == (life, store)) {
                    self.input(node, Input::StoreDone { slot: number, stored });
                }
            }
            Event::Say => self.say(),
            Event::Sample => self.sample(),
            Event::Cut(partition) => self.cut(partition),
            Event::Squat { minute } => self.squat(minute),
            Event::Crash(crash) => self.crash(crash),
            // These belong to a process that is gone.
            Event::Dialed { .. } | Event::Gossip(..) | Event::Answer { .. } | Event::LookupEnd { .. } => {}
        }
    }

    // Nodes

    fn start(&mut self, first: bool) {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(None);
        self.start_as(id);
        if first {
            self.measure.arrived(self.queue.now());
        }
        if self.scenario.churn > 0.0 {
            let mean = (60 * MINUTE) as f64 / self.scenario.churn;
            let life = exponential(&mut self.rng, mean as Time);
            self.queue.after(life, Event::Stop(id));
        }
    }

    /// Starts a process with this number's key.
    fn start_as(&mut self, id: NodeId) {
        let skew = self.scenario.skew as i64;
        let traits = Traits {
            unreachable: self.rng.random_bool(self.scenario.unreachable),
            skew: if skew > 0 { self.rng.random_range(-skew..=skew) } else { 0 },
        };
        let now = self.now_of(traits);
        let node = Node::new(id, self.lives, self.rules, self.seed, traits, self.queue.now(), now);
        self.nodes[id as usize] = Some(Box::new(node));
        self.lives += 1;
        self.started += 1;
        self.running += 1;
        self.gossip(id, InEvent::Command(TOPIC, Command::Join(Vec::new())), None);
        // The socket is bound before the node joins anything, so the endpoint knows an address.
        self.input(id, Input::AddressChanged);
    }

    /// Half of the nodes that leave say goodbye. Another node takes the place of each.
    fn stop(&mut self, id: NodeId) {
        let says_goodbye = self.rng.random_bool(0.5);
        if says_goodbye {
            self.gossip(id, InEvent::Command(TOPIC, Command::Quit), None);
        }
        self.end(id, says_goodbye);
        self.queue.after(0, Event::Start { first: false });
    }

    fn end(&mut self, id: NodeId, says_goodbye: bool) {
        self.nodes[id as usize] = None;
        self.running -= 1;
        for (peer, connection) in self.network.stop(id) {
            let noticed = if says_goodbye { self.network.latency(id, peer) } else { IDLE_LIMIT };
            self.queue.after(noticed, Event::Gone { at: peer, peer: id, connection, cut: false });
        }
    }

    /// The number of the process that this node runs; `u64::MAX` if it runs none.
    fn life(&self, id: NodeId) -> u64 {
        self.nodes.get(id as usize).and_then(Option::as_ref).map_or(u64::MAX, |node| node.life)
    }

    fn now_of(&self, traits: Traits) -> Now {
        let mono = Duration::from_nanos(self.queue.now());
        let unix = self.begin.1 + mono;
        let skew = Duration::from_nanos(traits.skew.unsigned_abs());
        Now { mono, unix: if traits.skew < 0 { unix - skew } else { unix + skew } }
    }

    fn minute(&self) -> u64 {
        (self.begin.1 + Duration::from_nanos(self.queue.now())).as_secs() / 60
    }

    // The policy

    fn input(&mut self, id: NodeId, input: Input) {
        let Some(node) = &self.nodes[id as usize] else { return };
        let now = self.now_of(node.traits);
        let Some(node) = &mut self.nodes[id as usize] else { return };
        node.policy.handle(now, input);
        self.carry_out(id);
    }

    fn wake(&mut self, id: NodeId, at: Time) {
        let Some(node) = &mut self.nodes[id as usize] else { return };
        if node.wakes != Some(at) {
            return;
        }
        node.wakes = None;
        let now = self.now_of(self.nodes[id as usize].as_ref().expect("it runs").traits);
        self.nodes[id as usize].as_mut().expect("it runs").policy.handle_timeout(now);
        self.carry_out(id);
    }

    /// Carries out the actions of the policy, and makes sure that it is woken in time.
    fn carry_out(&mut self, id: NodeId) {
        loop {
            let Some(node) = &mut self.nodes[id as usize] else { return };
            let Some(action) = node.policy.next_action() else { break };
            match action {
                Action::Lookup { slot } => self.look_up(id, slot),
                Action::Store { slot, content } => {
                    let signed = self.now_of(self.nodes[id as usize].as_ref().expect("it runs").traits).minute();
                    let seen = SeenRecord {
                        slot,
                        minute: if self.rules.newest_wins() { signed } else { slot },
                        publisher: peer_id(id),
                        peers: content.peers().copied().collect(),
                        hashes: content.hashes().copied().collect(),
                    };
                    self.store(id, slot, Value::Record(Rc::new(seen)));
                }
                Action::Join { peers, reason } => self.join(id, &peers.iter().map(node_id).collect::<Vec<_>>(), reason),
                Action::State(_) => {}
            }
        }
        let Some(node) = &mut self.nodes[id as usize] else { return };
        let deadline = node.policy.next_deadline().map(|at| (at.as_nanos() as Time).max(self.queue.now()));
        if let Some(at) = deadline
            && node.wakes != deadline
        {
            node.wakes = deadline;
            self.queue.at(at, Event::Wake(id, at));
        }
    }

    fn join(&mut self, id: NodeId, peers: &[NodeId], reason: JoinReason) {
        if reason == JoinReason::Overlap {
            self.measure.alarm(id, peers);
        }
        self.gossip(id, InEvent::Command(TOPIC, Command::Join(peers.to_vec())), Some(reason));
    }

    // The world

    fn say(&mut self) {
        let mean = SECOND as f64 / self.scenario.messages;
        let pause = exponential(&mut self.rng, mean as Time);
        self.queue.after(pause, Event::Say);
        let running: u32 = self.running;
        if running < 2 {
            return;
        }
        // The nth of the running nodes.
        let nth = self.rng.random_range(0..running) as usize;
        let (id, _) = self.nodes.iter().enumerate().filter(|(_, node)| node.is_some()).nth(nth).expect("so many run");
        let number = self.said.len() as u64;
        self.said.push((self.queue.now(), running));
        self.measure.expected += u64::from(running - 1);
        self.input(id as NodeId, Input::Sent(message_hash(number)));
        let content = Bytes::copy_from_slice(&[number.to_le_bytes(), self.seed.to_le_bytes()].concat());
        self.gossip(id as NodeId, InEvent::Command(TOPIC, Command::Broadcast(content, Scope::Swarm)), None);
    }

    fn cut(&mut self, partition: Option<Partition>) {
        self.network.set_partition(partition);
        for (at, peer, connection) in self.network.cut() {
            self.queue.after(IDLE_LIMIT, Event::Gone { at, peer, connection, cut: true });
        }
    }

    fn sample(&mut self) {
        self.queue.after(self.scenario.sample, Event::Sample);
        let now = self.queue.now();
        let unix = self.begin.1 + Duration::from_nanos(now.saturating_sub(5 * MINUTE));
        let oldest = self.rules.slot(Now { mono: Duration::ZERO, unix });
        self.dht.forget_before(oldest.saturating_sub(u64::from(self.rules.newest_wins())));
        let mut components = Components::new(self.nodes.len());
        let mut isolated = 0;
        for (id, node) in self.nodes.iter().enumerate() {
            let Some(node) = node else { continue };
            isolated += u32::from(node.neighbors.is_empty());
            for peer in &node.neighbors {
                // Only neighbors in both directions count, and only with a path between them.
                let mutual = self.nodes.get(*peer as usize).and_then(Option::as_ref);
                let id = id as NodeId;
                if mutual.is_some_and(|other| other.neighbors.contains(&id)) && self.network.has_path(id, *peer) {
                    components.join(id, *peer);
                }
            }
        }
        let mut labels = vec![NodeId::MAX; self.nodes.len()];
        let mut sizes = std::collections::BTreeMap::<NodeId, u32>::new();
        for (id, node) in self.nodes.iter().enumerate() {
            if node.is_some() {
                labels[id] = components.find(id as NodeId);
                *sizes.entry(labels[id]).or_default() += 1;
            }
        }
        let sample = Sample {
            seconds: seconds(now),
            running: self.running,
            isolated,
            outside: self.running - sizes.values().max().copied().unwrap_or(0),
            components: sizes.len() as u32,
        };
        let all_arrived = self.started >= self.scenario.nodes;
        self.measure.sample(now, all_arrived, sample, labels);
    }
}

/// Stands in for the hash of a message: as good as random, and cheap.
fn message_hash(number: u64) -> MessageHash {
    let mut hash = [0; 32];
    for (part, chunk) in hash.chunks_exact_mut(8).enumerate() {
        chunk.copy_from_slice(&mix(&[number, part as u64]).to_le_bytes());
    }
    hash
}
