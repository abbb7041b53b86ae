//! The peers of one topic: what they send, and what arrives.

use std::{
    collections::BTreeSet,
    fmt,
    ops::AddAssign,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    Kind, Peer, World,
    ways::{Change, reached, were_apart},
};

/// How often every peer sends a message.
const TICK: Duration = Duration::from_millis(500);
/// How often the peers are checked during a wait.
const LOOK: Duration = Duration::from_millis(5);
/// A swarm that has been one for this long counts as connected.
const SETTLED: Duration = Duration::from_secs(3);

/// Peers of one implementation on one topic.
#[derive(Debug)]
pub struct Swarm {
    peers: Vec<Peer>,
    topic: String,
    sent: Vec<Sent>,
}

#[derive(Debug)]
struct Sent {
    author: u8,
    text: String,
    at: Instant,
}

/// A message that a peer did not receive, printed to help find the reason.
#[derive(Debug)]
struct Missing {
    peer: u8,
    text: String,
    after: Duration,
    apart: bool,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, text, after, apart } = self;
        let when = if *apart { ", while it was cut off from the author" } else { "" };
        write!(f, "{peer} has not heard {text:?}, said after {:.1} s{when}", after.as_secs_f64())
    }
}

/// The fate of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Messages that were sent.
    pub sent: u64,
    /// How many times they should have arrived: each at every peer but its author.
    pub expected: u64,
    /// How many times they did arrive.
    pub delivered: u64,
    /// How many times they did not arrive although they should have, and the receiver was cut off from the author
    /// within a second.
    pub apart: u64,
}

impl Delivery {
    /// Whether every message arrived everywhere, and there was at least one.
    pub fn is_whole(&self) -> bool {
        self.expected > 0 && self.delivered == self.expected
    }
}

impl AddAssign for Delivery {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.apart += other.apart;
    }
}

/// Every peer in these swarms sends a message every half second for this long. After that, it has `rest` to receive
/// what is under way. Returns the fate of the messages of each swarm.
pub fn talk(swarms: &mut [Swarm], time: Duration, rest: Duration) -> Result<Vec<Delivery>> {
    let start = Instant::now();
    talk_until(swarms, start + time, |_| Ok(false))?;
    let end = Instant::now() + rest;
    loop {
        let mut all: Vec<Delivery> = swarms.iter_mut().map(|swarm| swarm.delivery(start)).collect::<Result<_>>()?;
        let whole = all.iter().all(Delivery::is_whole);
        if whole || Instant::now() >= end {
            for (swarm, delivery) in swarms.iter_mut().zip(&mut all) {
                for missing in swarm.missing(start)? {
                    println!("{}: {missing}", swarm.topic);
                    delivery.apart += u64::from(missing.apart);
                }
            }
            return Ok(all);
        }
        std::thread::sleep(LOOK * 4);
    }
}

/// Every peer in these swarms sends a message every half second until `so` holds, or the time is over. Returns whether
/// it holds.
pub fn talk_until(
    swarms: &mut [Swarm],
    end: Instant,
    mut so: impl FnMut(&mut [Swarm]) -> Result<bool>,
) -> Result<bool> {
    let mut next = Instant::now();
    while Instant::now() < end {
        if Instant::now() >= next {
            swarms.iter_mut().try_for_each(Swarm::say_something)?;
            next += TICK;
        }
        if so(swarms)? {
            return Ok(true);
        }
        std::thread::sleep(LOOK * 4);
    }
    Ok(false)
}

impl Swarm {
    /// Starts `count` peers, which wait for the line to join. Their indices begin with `first`.
    pub fn start(world: &World, kind: Kind, first: u8, count: u8, topic: &str) -> Result<Self> {
        let peers = (first..first + count).map(|index| Peer::start(world, kind, index)).collect::<Result<_>>()?;
        Ok(Self::of(peers, topic))
    }

    /// A swarm of given peers.
    pub fn of(peers: Vec<Peer>, topic: &str) -> Self {
        Self { peers, topic: topic.into(), sent: Vec::new() }
    }

    /// The topic's name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The peers.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// One of the peers, by its index in the list.
    pub fn peer(&mut self, place: usize) -> &mut Peer {
        &mut self.peers[place]
    }

    /// Adds another peer.
    pub fn add(&mut self, peer: Peer) {
        self.peers.push(peer);
    }

    /// Removes a peer, by its index in the list.
    pub fn remove(&mut self, place: usize) -> Peer {
        self.peers.remove(place)
    }

    /// Waits until the neighbors have made one swarm of all peers for a while without a break, for at most `limit`.
    /// While many peers join, the gossip layer still exchanges neighbors, and now and then a peer loses its last one.
    pub fn await_settled(&mut self, limit: Duration) -> Result<bool> {
        let (end, mut since) = (Instant::now() + limit, None);
        while Instant::now() < end {
            since = if self.is_connected()? { since.or(Some(Instant::now())) } else { None };
            if since.is_some_and(|since| since.elapsed() >= SETTLED) {
                return Ok(true);
            }
            std::thread::sleep(LOOK);
        }
        Ok(false)
    }

    /// Tells every peer to join.
    pub fn join_all(&mut self) -> Result<()> {
        (0..self.peers.len()).try_for_each(|place| self.join(place))
    }

    /// Tells one peer to join.
    pub fn join(&mut self, place: usize) -> Result<()> {
        let topic = self.topic.clone();
        self.peers[place].join(&topic)
    }

    /// Waits until all peers have joined, for at most `limit`. Returns how long each one took, in the order of the
    /// peers.
    pub fn await_joined(&mut self, limit: Duration) -> Result<Vec<Option<Duration>>> {
        self.wait(limit, |swarm| Ok(swarm.joins()?.iter().all(Option::is_some)))?;
        self.joins()
    }

    /// Waits until one peer has joined, for at most `limit`.
    pub fn await_one(&mut self, place: usize, limit: Duration) -> Result<Option<Duration>> {
        self.wait(limit, |swarm| Ok(swarm.peers[place].joined()?.is_some()))?;
        self.peers[place].joined()
    }

    /// Every peer sends one message.
    pub fn say_something(&mut self) -> Result<()> {
        for peer in &mut self.peers {
            let text = format!("{} {}", peer.index(), self.sent.len());
            self.sent.push(Sent { author: peer.index(), text: text.clone(), at: Instant::now() });
            peer.say(&text)?;
        }
        Ok(())
    }

    /// The fate of the messages that were sent since a moment.
    pub fn delivery(&mut self, since: Instant) -> Result<Delivery> {
        let mut delivery = Delivery::default();
        for sent in self.sent.iter().rev().take_while(|sent| sent.at >= since) {
            delivery.sent += 1;
            for peer in self.peers.iter_mut().filter(|peer| peer.index() != sent.author) {
                delivery.expected += 1;
                delivery.delivered += u64::from(peer.heard(&sent.text)?.is_some());
            }
        }
        Ok(delivery)
    }

    /// Messages since a moment that a peer has not received.
    fn missing(&mut self, since: Instant) -> Result<Vec<Missing>> {
        let mut changes: Vec<Change> = Vec::new();
        for peer in &mut self.peers {
            changes.extend(peer.changes()?);
        }
        let mut missing = Vec::new();
        for sent in self.sent.iter().filter(|sent| sent.at >= since) {
            for peer in self.peers.iter_mut().filter(|peer| peer.index() != sent.author) {
                if peer.heard(&sent.text)?.is_none() {
                    let apart = were_apart(&changes, sent.author, peer.index(), sent.at);
                    missing.push(Missing {
                        peer: peer.index(),
                        text: sent.text.clone(),
                        after: sent.at - since,
                        apart,
                    });
                }
            }
        }
        Ok(missing)
    }

    /// How long after a moment every peer had received, from every other one, a message that was sent after it. `None`
    /// if that has not happened yet.
    pub fn whole_since(&mut self, moment: Instant) -> Result<Option<Duration>> {
        let indices: Vec<u8> = self.peers.iter().map(Peer::index).collect();
        let sent: Vec<&Sent> = self.sent.iter().rev().take_while(|sent| sent.at >= moment).collect();
        let mut last = moment;
        for peer in &mut self.peers {
            let me = peer.index();
            for author in indices.iter().filter(|index| **index != me) {
                let mut first: Option<Instant> = None;
                for message in sent.iter().filter(|sent| sent.author == *author) {
                    if let Some(at) = peer.heard(&message.text)? {
                        first = Some(first.map_or(at, |first| first.min(at)));
                    }
                }
                match first {
                    Some(at) => last = last.max(at),
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(last - moment))
    }

    /// Which peer has which neighbors.
    pub fn neighbors(&mut self) -> Result<BTreeSet<(u8, u8)>> {
        let mut links = BTreeSet::new();
        for peer in &mut self.peers {
            let index = peer.index();
            links.extend(peer.neighbors()?.iter().map(|other| (index, *other)));
        }
        Ok(links)
    }

    /// Whether the neighbors make one swarm of all peers.
    pub fn is_connected(&mut self) -> Result<bool> {
        Ok(reached(&self.neighbors()?, self.peers[0].index()).len() == self.peers.len())
    }

    fn joins(&mut self) -> Result<Vec<Option<Duration>>> {
        self.peers.iter_mut().map(Peer::joined).collect()
    }

    fn wait(&mut self, limit: Duration, so: impl Fn(&mut Self) -> Result<bool>) -> Result<bool> {
        let deadline = Instant::now() + limit;
        loop {
            if so(self)? {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        }
    }
}
