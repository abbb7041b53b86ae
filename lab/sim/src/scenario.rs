//! The scenarios.

use crate::{
    dht::DhtModel,
    network::Partition,
    queue::{MILLI, MINUTE, SECOND, Time},
};

/// How the first nodes arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    AtOnce,
    /// As a Poisson stream of this expected length.
    Stream(Time),
}

/// What a squatter writes into every slot, on every storing node, twice a minute. It writes just before the minute
/// begins, for nodes that keep the first value, and a quarter into the minute, for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Squat {
    /// Bytes that nobody can open. An outsider who knows the topic's name can do no more.
    Garbage,
    /// Proper records of a lying member. Their publishers and peers do not exist.
    Ghosts,
    /// The same, with the hashes of the last messages: a member that listens.
    Mimic,
}

/// Newcomers that are killed and come again, beside nodes that stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crashes {
    /// How many such newcomers there are at a time.
    pub(crate) together: u32,
    /// Whether each newcomer comes back with its key. If not, it is a new node each time.
    pub(crate) same_key: bool,
    pub(crate) pace: Pace,
}

/// How long these newcomers live, and how long they are away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Killed after 1 to 5 s, and back after up to 3 s. Every other one is killed only after it has joined.
    Crash,
    /// Present for 10 s in every minute.
    Phone,
}

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) nodes: u32,
    pub(crate) arrival: Arrival,
    pub(crate) duration: Time,
    /// The share of nodes that leave and are replaced per hour. Half of them are killed.
    pub(crate) churn: f64,
    /// The most by which clocks are off, in either direction.
    pub(crate) skew: Time,
    /// The share of nodes that cannot be dialed.
    pub(crate) unreachable: f64,
    /// Messages per second, each sent by a random node. They begin half a minute after the last planned arrival.
    pub(crate) messages: f64,
    /// A cut, with its beginning and its end.
    pub(crate) partition: Option<(Partition, Time, Time)>,
    pub(crate) squat: Option<Squat>,
    pub(crate) crashes: Option<Crashes>,
    pub(crate) dht: DhtModel,
    /// The interval between two looks at all nodes.
    pub(crate) sample: Time,
    /// How many times it is run, each time with another seed.
    pub(crate) runs: u64,
}

impl Scenario {
    fn new(name: impl Into<String>, title: impl Into<String>, nodes: u32) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            nodes,
            arrival: Arrival::AtOnce,
            duration: 10 * MINUTE,
            churn: 0.0,
            skew: 0,
            unreachable: 0.0,
            messages: 1.0,
            partition: None,
            squat: None,
            crashes: None,
            dht: DhtModel::default(),
            sample: 250 * MILLI,
            runs: 11,
        }
    }

    /// When the last node arrives, by plan.
    pub(crate) fn last_arrival(&self) -> Time {
        match self.arrival {
            Arrival::AtOnce => 0,
            Arrival::Stream(length) => length,
        }
    }

    /// All scenarios of the evaluation.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (nodes, runs, messages) in [(2, 51, 1.0), (10, 31, 1.0), (100, 15, 1.0), (1000, 5, 0.2), (10_000, 1, 0.1)] {
            let at_once = Self::new(format!("at-once-{nodes}"), format!("{nodes} nodes started at once"), nodes);
            all.push(Self { runs, messages, ..at_once });
            let stream =
                Self::new(format!("stream-{nodes}"), format!("{nodes} nodes, a Poisson stream of 5 min"), nodes);
            all.push(Self { runs, messages, arrival: Arrival::Stream(5 * MINUTE), ..stream });
        }
        all.push(Self {
            duration: 24 * 60 * MINUTE,
            churn: 0.3,
            messages: 1.0 / 30.0,
            sample: 10 * SECOND,
            runs: 1,
            ..Self::new("churn-1000", "1000 nodes, 30 % of them replaced every hour, a day", 1000)
        });
        let cut = |groups, dht, from, until| Some((Partition { groups, dht }, from, until));
        all.push(Self {
            partition: cut(2, false, 3 * MINUTE, 8 * MINUTE),
            duration: 15 * MINUTE,
            messages: 0.2,
            runs: 3,
            ..Self::new("split-1000", "1000 nodes split into halves for 5 min, with one DHT", 1000)
        });
        all.push(Self {
            partition: cut(2, true, 3 * MINUTE, 8 * MINUTE),
            duration: 15 * MINUTE,
            messages: 0.2,
            runs: 3,
            ..Self::new("split-all-1000", "1000 nodes and the DHT split into halves for 5 min", 1000)
        });
        all.push(Self {
            partition: cut(2, true, 3 * MINUTE, 8 * MINUTE),
            duration: 15 * MINUTE,
            messages: 0.0,
            runs: 3,
            ..Self::new("split-silent-1000", "the same, and nobody says anything", 1000)
        });
        for (dht, name, with) in [(false, "split-12", "with one DHT"), (true, "split-all-12", "with the DHT")] {
            all.push(Self {
                partition: cut(2, dht, 3 * MINUTE, 8 * MINUTE),
                duration: 12 * MINUTE,
                messages: 24.0,
                runs: 31,
                ..Self::new(name, format!("12 nodes, 24 messages a second, split into halves for 5 min, {with}"), 12)
            });
        }
        for nodes in [12, 40] {
            all.push(Self {
                partition: cut(2, false, 3 * MINUTE, 8 * MINUTE),
                duration: 15 * MINUTE,
                messages: 0.0,
                ..Self::new(
                    format!("split-silent-{nodes}"),
                    format!("{nodes} nodes that say nothing split into halves for 5 min, with one DHT"),
                    nodes,
                )
            });
        }
        all.push(Self {
            messages: 0.0,
            duration: 20 * MINUTE,
            runs: 3,
            ..Self::new("silent-100", "100 nodes at once that say nothing", 100)
        });
        all.push(Self {
            messages: 0.0,
            duration: 20 * MINUTE,
            runs: 1,
            ..Self::new("silent-1000", "1000 nodes at once that say nothing", 1000)
        });
        all.push(Self {
            partition: cut(10, true, 0, 5 * MINUTE),
            duration: 12 * MINUTE,
            messages: 0.2,
            runs: 3,
            ..Self::new("islands-1000", "ten islands of 100 nodes that grew up apart, joined after 5 min", 1000)
        });
        for (squat, name, what) in [
            (Squat::Garbage, "garbage", "a squatter fills every slot with garbage"),
            (Squat::Ghosts, "ghosts", "a lying member fills every slot with records of nodes that do not exist"),
            (Squat::Mimic, "mimic", "the same, and the records name the messages said last"),
        ] {
            all.push(Self {
                arrival: Arrival::Stream(5 * MINUTE),
                squat: Some(squat),
                ..Self::new(format!("squatter-{name}-100"), format!("100 nodes in a stream of 5 min, {what}"), 100)
            });
        }
        all.push(Self {
            skew: 90 * SECOND,
            ..Self::new("skewed-100", "100 nodes at once, clocks up to 90 s off", 100)
        });
        all.push(Self {
            skew: 90 * SECOND,
            arrival: Arrival::Stream(5 * MINUTE),
            runs: 51,
            ..Self::new("skewed-stream-10", "10 nodes in a stream of 5 min, clocks up to 90 s off", 10)
        });
        all.push(Self {
            unreachable: 0.5,
            ..Self::new("unreachable-100", "100 nodes at once, half of them cannot be dialed", 100)
        });
        all.push(Self {
            messages: 100.0,
            duration: 4 * MINUTE,
            runs: 1,
            ..Self::new("busy-200", "200 nodes, 100 messages a second", 200)
        });
        all.extend(Self::all_crashes());
        all
    }

    /// Nodes that stay, and newcomers that are killed again and again: once with storing nodes that all keep the last
    /// value, and once with storing nodes that all keep the first.
    fn all_crashes() -> Vec<Self> {
        let mut all = Vec::new();
        for (rule, first_wins) in [("last", 0.0), ("first", 1.0)] {
            let dht = DhtModel { first_wins, ..DhtModel::default() };
            let mut row = |name: String, title: String, members: u32, crashes: Crashes| {
                let title = format!("{title}, storing nodes keep the {rule} value");
                let crashes = Some(crashes);
                all.push(Self { crashes, dht, duration: 20 * MINUTE, ..Self::new(name, title, members) });
            };
            for (members, together) in [(2, 1), (3, 1), (6, 1), (30, 1), (3, 20)] {
                for same_key in [true, false] {
                    let key = if same_key { "old" } else { "new" };
                    let name = format!("crashes-{rule}-{members}-{together}-{key}");
                    let title = format!("{members} stand, {together} killed again and again, back with the {key} key");
                    row(name, title, members, Crashes { together, same_key, pace: Pace::Crash });
                }
            }
            let phone = Crashes { together: 1, same_key: true, pace: Pace::Phone };
            row(format!("phone-{rule}"), "3 stand, a phone comes for 10 s every minute".into(), 3, phone);
        }
        all
    }
}
