//! The peer implementation's rules (distributed-topic-tracker 0.3.5, with its defaults), for comparison.
//!
//! Its DHT actor does one thing at a time. Its bootstrap, publisher and merges wait for whole queries.

use std::{collections::VecDeque, time::Duration};

use dtt_core::{
    GossipRecordContent, MAX_MESSAGE_HASHES, MAX_RECORD_PEERS,
    tracker::{Action, Input, JoinReason, MessageHash, Now, PeerId, SeenRecord},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

const MAX_BOOTSTRAP_RECORDS: usize = 5;
const NO_PEERS_RETRY: Duration = Duration::from_millis(1500);
const SETTLE: Duration = Duration::from_millis(100);
const CONFIRMATION: Duration = Duration::from_millis(500);
const DISCOVERY_POLL: Duration = Duration::from_millis(2000);
const PUBLISHER_FIRST: Duration = Duration::from_secs(10);
const PUBLISHER_BASE: Duration = Duration::from_secs(10);
const PUBLISHER_JITTER: Duration = Duration::from_secs(50);
const MERGE_FIRST: Duration = Duration::from_secs(30);
const MERGE_BASE: Duration = Duration::from_secs(60);
const MERGE_JITTER: Duration = Duration::from_secs(120);
const MERGE_JOINS: usize = 2;
const BUBBLE_NEIGHBORS: usize = 4;
const PUT_RETRIES: u32 = 3;
const PUT_RETRY: Duration = Duration::from_secs(5);
const PUT_RETRY_JITTER: Duration = Duration::from_secs(10);

/// The part that asked for a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Bootstrap,
    Bubble,
    Overlap,
}

#[derive(Debug, Clone)]
enum Operation {
    Get {
        minute: u64,
        asker: Asker,
    },
    /// A get whose result decides on the put.
    CheckAndPut {
        minute: u64,
        content: Box<GossipRecordContent>,
    },
    Put {
        minute: u64,
        content: Box<GossipRecordContent>,
        attempt: u32,
    },
}

#[derive(Debug)]
enum Bootstrap {
    /// Two lookups, one after the other. `left` of them are still to come.
    Looking {
        left: u32,
        minute: u64,
        records: Vec<SeenRecord>,
        of_this_minute: usize,
    },
    Dialing {
        nodes: Vec<PeerId>,
        next: Duration,
        crowd: (u64, usize),
    },
    Confirming {
        until: Duration,
        crowd: (u64, usize),
    },
    Pausing {
        until: Duration,
    },
    Done,
}

/// The timer of one merge, and the records that its two lookups have shown.
#[derive(Debug, Default)]
struct Merge {
    next: Option<Duration>,
    left: u32,
    records: Vec<SeenRecord>,
}

#[derive(Debug)]
pub(crate) struct PeerPolicy {
    me: PeerId,
    rng: StdRng,
    actions: VecDeque<Action>,
    neighbors: Vec<PeerId>,
    hashes: VecDeque<MessageHash>,
    /// The DHT actor: waiting operations, the running one, the records that the running get has shown, and when it may
    /// go on after a failed put.
    waiting: VecDeque<Operation>,
    running: Option<Operation>,
    shown: Vec<SeenRecord>,
    dht_pause: Option<Duration>,
    bootstrap: Bootstrap,
    published_minute: u64,
    publisher: Option<Duration>,
    bubble: Merge,
    overlap: Merge,
}

impl PeerPolicy {
    pub(crate) fn new(me: PeerId, seed: u64, now: Now) -> Self {
        let mut this = Self {
            me,
            rng: StdRng::seed_from_u64(seed),
            actions: VecDeque::new(),
            neighbors: Vec::new(),
            hashes: VecDeque::new(),
            waiting: VecDeque::new(),
            running: None,
            shown: Vec::new(),
            dht_pause: None,
            bootstrap: Bootstrap::Done,
            published_minute: now.minute(),
            publisher: None,
            bubble: Merge::default(),
            overlap: Merge::default(),
        };
        this.waiting.push_back(Operation::CheckAndPut { minute: now.minute(), content: Box::default() });
        this.look(now);
        this.run_dht(now);
        this
    }

    pub(crate) fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::NeighborUp(peer) => {
                self.neighbors.push(peer);
                // If the bootstrap sleeps, this wakes it. If it waits for a lookup, it notices the neighbor afterwards.
                if !matches!(self.bootstrap, Bootstrap::Looking { .. }) {
                    self.bootstrap_done(now);
                }
            }
            Input::NeighborDown(peer) => self.neighbors.retain(|known| *known != peer),
            Input::Received(hash) => {
                if self.hashes.len() == MAX_MESSAGE_HASHES {
                    self.hashes.pop_front();
                }
                self.hashes.push_back(hash);
            }
            Input::Record(record) if record.publisher != self.me => {
                let known = self.shown.iter().any(|seen| seen.publisher == record.publisher);
                self.shown.extend(Some(record).filter(|_| !known));
            }
            Input::LookupDone { .. } => self.lookup_done(now),
            Input::StoreDone { stored, .. } => self.store_done(now, stored),
            _ => {}
        }
        self.run_dht(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.advance_bootstrap(now);
        if self.publisher.is_some_and(|at| at <= now.mono) {
            // The next tick is planned when this one is done, since the queue of the DHT actor makes it wait.
            self.publisher = None;
            let content =
                Box::new(GossipRecordContent::new(self.neighbors.iter().take(MAX_RECORD_PEERS), &self.hashes));
            self.waiting.push_back(Operation::CheckAndPut { minute: now.minute(), content });
        }
        for asker in [Asker::Bubble, Asker::Overlap] {
            let merge = self.merge(asker);
            if merge.next.is_some_and(|at| at <= now.mono) {
                merge.next = None;
                merge.left = 2;
                self.waiting.push_back(Operation::Get { minute: now.minute() - 1, asker });
                self.waiting.push_back(Operation::Get { minute: now.minute(), asker });
            }
        }
        self.run_dht(now);
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let bootstrap = match &self.bootstrap {
            Bootstrap::Dialing { next, .. } => Some(*next),
            Bootstrap::Confirming { until, .. } | Bootstrap::Pausing { until } => Some(*until),
            Bootstrap::Looking { .. } | Bootstrap::Done => None,
        };
        [bootstrap, self.publisher, self.bubble.next, self.overlap.next, self.dht_pause].into_iter().flatten().min()
    }

    fn merge(&mut self, asker: Asker) -> &mut Merge {
        if asker == Asker::Bubble { &mut self.bubble } else { &mut self.overlap }
    }

    /// Lets the DHT actor take its next operation.
    fn run_dht(&mut self, now: Now) {
        if self.dht_pause.is_some_and(|until| until > now.mono) || self.running.is_some() {
            return;
        }
        self.dht_pause = None;
        let Some(operation) = self.waiting.pop_front() else { return };
        self.shown.clear();
        self.actions.push_back(match &operation {
            Operation::Get { minute, .. } | Operation::CheckAndPut { minute, .. } => Action::Lookup { slot: *minute },
            Operation::Put { minute, content, .. } => Action::Store { slot: *minute, content: content.clone() },
        });
        self.running = Some(operation);
    }

    fn lookup_done(&mut self, now: Now) {
        let records = std::mem::take(&mut self.shown);
        match self.running.take() {
            Some(Operation::CheckAndPut { minute, content }) => {
                if records.len() < MAX_BOOTSTRAP_RECORDS {
                    self.waiting.push_back(Operation::Put { minute, content, attempt: 0 });
                } else {
                    self.publisher_again(now);
                }
            }
            Some(Operation::Get { minute, asker: Asker::Bootstrap }) => self.bootstrap_looked(now, minute, records),
            Some(Operation::Get { asker, .. }) => {
                let merge = self.merge(asker);
                merge.records.extend(records);
                merge.left -= 1;
                if merge.left == 0 {
                    self.merge_now(now, asker);
                }
            }
            other => self.running = other,
        }
    }

    fn store_done(&mut self, now: Now, stored: bool) {
        let Some(Operation::Put { minute, content, attempt }) = self.running.take() else { return };
        if stored || attempt == PUT_RETRIES {
            self.publisher_again(now);
        } else {
            self.dht_pause = Some(now.mono + PUT_RETRY + self.jitter(PUT_RETRY_JITTER));
            self.waiting.push_front(Operation::Put { minute, content, attempt: attempt + 1 });
        }
    }

    fn publisher_again(&mut self, now: Now) {
        if matches!(self.bootstrap, Bootstrap::Done) && self.publisher.is_none() {
            self.publisher = Some(now.mono + PUBLISHER_BASE + self.jitter(PUBLISHER_JITTER));
        }
    }

    fn look(&mut self, now: Now) {
        let minute = now.minute();
        for minute in [minute - 1, minute] {
            self.waiting.push_back(Operation::Get { minute, asker: Asker::Bootstrap });
        }
        self.bootstrap = Bootstrap::Looking { left: 2, minute, records: Vec::new(), of_this_minute: 0 };
    }

    fn bootstrap_looked(&mut self, now: Now, of: u64, found: Vec<SeenRecord>) {
        let Bootstrap::Looking { left, minute, records, of_this_minute } = &mut self.bootstrap else { return };
        if of == *minute {
            *of_this_minute = found.len();
        }
        records.extend(found);
        *left -= 1;
        if *left > 0 {
            return;
        }
        let (minute, records, crowd) = (*minute, std::mem::take(records), *of_this_minute);
        if !self.neighbors.is_empty() {
            self.bootstrap_done(now);
        } else if records.is_empty() {
            self.publish_alone(minute, crowd);
            self.bootstrap = Bootstrap::Pausing { until: now.mono + NO_PEERS_RETRY };
        } else {
            let mut nodes: Vec<PeerId> = records
                .iter()
                .flat_map(|record| std::iter::once(record.publisher).chain(record.peers.iter().copied()))
                .filter(|peer| *peer != self.me)
                .collect();
            nodes.sort_unstable();
            nodes.dedup();
            nodes.shuffle(&mut self.rng);
            self.bootstrap = Bootstrap::Dialing { nodes, next: now.mono, crowd: (minute, crowd) };
            self.advance_bootstrap(now);
        }
    }

    /// A node that finds nobody publishes once a minute, if the last lookup has shown few records.
    fn publish_alone(&mut self, minute: u64, records: usize) {
        if minute != self.published_minute {
            self.published_minute = minute;
            if records < MAX_BOOTSTRAP_RECORDS {
                self.waiting.push_back(Operation::Put { minute, content: Box::default(), attempt: 0 });
            }
        }
    }

    fn advance_bootstrap(&mut self, now: Now) {
        match &mut self.bootstrap {
            Bootstrap::Dialing { nodes, next, crowd } if *next <= now.mono => match nodes.pop() {
                Some(peer) => {
                    *next = now.mono + SETTLE;
                    self.actions.push_back(Action::Join { peers: vec![peer], reason: JoinReason::Bootstrap });
                }
                None => self.bootstrap = Bootstrap::Confirming { until: now.mono + CONFIRMATION, crowd: *crowd },
            },
            Bootstrap::Confirming { until, crowd } if *until <= now.mono => {
                let (minute, crowd) = *crowd;
                self.publish_alone(minute, crowd);
                self.bootstrap = Bootstrap::Pausing { until: now.mono + DISCOVERY_POLL };
            }
            Bootstrap::Pausing { until } if *until <= now.mono => self.look(now),
            _ => {}
        }
    }

    /// Ends the bootstrap for good. The publisher and both merges begin.
    fn bootstrap_done(&mut self, now: Now) {
        if matches!(self.bootstrap, Bootstrap::Done) {
            return;
        }
        self.bootstrap = Bootstrap::Done;
        self.publisher = Some(now.mono + PUBLISHER_FIRST);
        self.bubble.next = Some(now.mono + MERGE_FIRST);
        self.overlap.next = Some(now.mono + MERGE_FIRST);
    }

    fn merge_now(&mut self, now: Now, asker: Asker) {
        let again = now.mono + MERGE_BASE + self.jitter(MERGE_JITTER);
        let merge = self.merge(asker);
        merge.next = Some(again);
        let mut records = std::mem::take(&mut merge.records);
        let reason = if asker == Asker::Bubble {
            if self.neighbors.len() >= BUBBLE_NEIGHBORS {
                return;
            }
            JoinReason::Bubble
        } else {
            if self.hashes.is_empty() {
                return;
            }
            // Only the last five messages are compared.
            records.retain(|record| {
                !record.hashes.is_empty() && !record.hashes.iter().any(|hash| self.hashes.contains(hash))
            });
            JoinReason::Overlap
        };
        let mut peers: Vec<PeerId> = records
            .iter()
            .flat_map(|record| std::iter::once(record.publisher).chain(record.peers.iter().copied()))
            .filter(|peer| *peer != self.me && !self.neighbors.contains(peer))
            .collect();
        peers.sort_unstable();
        peers.dedup();
        peers.shuffle(&mut self.rng);
        peers.truncate(MERGE_JOINS);
        if !peers.is_empty() {
            self.actions.push_back(Action::Join { peers, reason });
        }
    }

    fn jitter(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: PeerId = [1; 32];

    fn at(seconds: f64) -> Now {
        let mono = Duration::from_secs_f64(seconds);
        Now { mono, unix: Duration::from_secs(60_000_000) + mono }
    }

    fn actions(policy: &mut PeerPolicy) -> Vec<Action> {
        std::iter::from_fn(|| policy.next_action()).collect()
    }

    fn lookup_ends(policy: &mut PeerPolicy, now: Now, records: &[SeenRecord]) -> Vec<Action> {
        records.iter().for_each(|record| policy.handle(now, Input::Record(record.clone())));
        policy.handle(now, Input::LookupDone { slot: 0, answered: true });
        actions(policy)
    }

    fn record(minute: u64, publisher: u8) -> SeenRecord {
        SeenRecord {
            slot: minute,
            minute,
            publisher: [publisher; 32],
            peers: vec![[publisher + 100; 32]],
            hashes: vec![],
        }
    }

    /// The actor does one thing at a time: the check, then the old slot and the new one, which waited already, then the
    /// put. The dials are 100 ms apart.
    #[test]
    fn it_looks_and_dials_as_the_peer_implementation_does() {
        let minute = at(0.0).minute();
        let mut policy = PeerPolicy::new(ME, 1, at(0.0));
        assert_eq!(actions(&mut policy), [Action::Lookup { slot: minute }]);
        assert_eq!(lookup_ends(&mut policy, at(2.0), &[]), [Action::Lookup { slot: minute - 1 }]);
        assert_eq!(lookup_ends(&mut policy, at(4.0), &[]), [Action::Lookup { slot: minute }]);
        let dials = |actions: &[Action]| {
            actions.iter().filter(|action| matches!(action, Action::Join { reason: JoinReason::Bootstrap, .. })).count()
        };
        let found = lookup_ends(&mut policy, at(8.0), &[record(minute, 2)]);
        assert_eq!(dials(&found), 1);
        assert!(
            found.iter().any(|action| matches!(action, Action::Store { .. })),
            "the put has waited until now: {found:?}"
        );
        assert_eq!(policy.next_deadline(), Some(at(8.1).mono));
        policy.handle_timeout(at(8.1));
        assert_eq!(dials(&actions(&mut policy)), 1);
        policy.handle(at(8.2), Input::NeighborUp([2; 32]));
        assert_eq!(policy.next_deadline(), Some(at(18.2).mono), "the publisher comes first, 10 s after joining");
    }

    #[test]
    fn it_takes_a_busy_topic_for_a_split_one() {
        let minute = at(0.0).minute();
        let mut policy = PeerPolicy::new(ME, 1, at(0.0));
        lookup_ends(&mut policy, at(0.5), &(10..15).map(|n| record(minute, n)).collect::<Vec<_>>());
        lookup_ends(&mut policy, at(1.0), &[]);
        policy.handle(at(1.0), Input::NeighborUp([2; 32]));
        lookup_ends(&mut policy, at(1.5), &[record(minute, 2)]);
        for n in 0..20u8 {
            policy.handle(at(20.0), Input::Received([n; 32]));
        }
        policy.publisher = None;
        policy.bubble.next = None;
        policy.handle_timeout(at(32.0));
        assert_eq!(actions(&mut policy), [Action::Lookup { slot: minute - 1 }]);
        lookup_ends(&mut policy, at(33.0), &[]);
        let heard_before = SeenRecord { hashes: vec![[3; 32]], ..record(minute, 9) };
        let joins = lookup_ends(&mut policy, at(35.0), &[heard_before]);
        assert!(matches!(joins[..], [Action::Join { reason: JoinReason::Overlap, .. }]), "{joins:?}");
    }
}
