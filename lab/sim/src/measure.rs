//! The measurements of a run.

use serde::Serialize;

use crate::{
    network::NodeId,
    queue::{MINUTE, SECOND, Time},
};

/// The swarm counts as healthy this long after it has become one component.
const HEALTHY_AFTER: Time = MINUTE;
/// The least number of points that a long time series keeps.
const SERIES: usize = 400;

/// All nodes at one moment.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) running: u32,
    /// Nodes without a neighbor.
    pub(crate) isolated: u32,
    /// Nodes that are not in the largest component.
    pub(crate) outside: u32,
    pub(crate) components: u32,
}

/// Counts since the beginning of the run, or of the healthy times only.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    reads: u64,
    writes: u64,
    /// Nodes times nanoseconds.
    node_time: u128,
}

impl Counts {
    fn per_node_minute(&self, count: u64) -> Option<f64> {
        (self.node_time > 0).then(|| round(count as f64 * MINUTE as f64 / self.node_time as f64, 3))
    }
}

/// Everything that is measured during a run.
#[derive(Debug)]
pub(crate) struct Measure {
    total: Counts,
    healthy: Counts,
    last: Time,
    running: u32,
    whole_since: Option<Time>,
    first_whole: Option<Time>,
    last_arrival: Time,
    healed_from: Option<Time>,
    healed: Option<Time>,
    pub(crate) join_times: Vec<Time>,
    pub(crate) true_alarms: u64,
    pub(crate) false_alarms: u64,
    pub(crate) evictions: u64,
    pub(crate) expected: u64,
    pub(crate) delivered: u64,
    isolated_time: u128,
    outside_time: u128,
    series: Vec<Sample>,
    /// Every `stride` samples make a point of the series.
    stride: usize,
    samples: usize,
    labels: Vec<NodeId>,
}

impl Measure {
    pub(crate) fn new(heals_at: Option<Time>) -> Self {
        Self {
            total: Counts::default(),
            healthy: Counts::default(),
            last: 0,
            running: 0,
            whole_since: None,
            first_whole: None,
            last_arrival: 0,
            healed_from: heals_at,
            healed: None,
            join_times: Vec::new(),
            true_alarms: 0,
            false_alarms: 0,
            evictions: 0,
            expected: 0,
            delivered: 0,
            isolated_time: 0,
            outside_time: 0,
            series: Vec::new(),
            stride: 1,
            samples: 0,
            labels: Vec::new(),
        }
    }

    pub(crate) fn read(&mut self) {
        self.total.reads += 1;
        self.healthy.reads += u64::from(self.is_healthy());
    }

    pub(crate) fn wrote(&mut self) {
        self.total.writes += 1;
        self.healthy.writes += u64::from(self.is_healthy());
    }

    /// Notes that one of the first nodes has started.
    pub(crate) fn arrived(&mut self, now: Time) {
        self.last_arrival = now;
    }

    /// Notes that a node joins others because of a split. The alarm is right if one of these nodes was in another
    /// component at the last look, and wrong if all that ran were in the same. Nodes that have gone since, or never
    /// were, do not count.
    pub(crate) fn alarm(&mut self, node: NodeId, peers: &[NodeId]) {
        let label = |node: NodeId| self.labels.get(node as usize).filter(|label| **label != NodeId::MAX);
        let own = label(node);
        let mut others = peers.iter().filter_map(|peer| label(*peer)).peekable();
        if own.is_some() && others.peek().is_some() {
            let right = others.any(|other| Some(other) != own);
            *(if right { &mut self.true_alarms } else { &mut self.false_alarms }) += 1;
        }
    }

    fn is_healthy(&self) -> bool {
        self.whole_since.is_some_and(|since| self.last >= since + HEALTHY_AFTER)
    }

    /// Notes a look at all nodes. `labels` names each node's component, or `NodeId::MAX` for a node that does not run.
    pub(crate) fn sample(&mut self, now: Time, all_arrived: bool, sample: Sample, labels: Vec<NodeId>) {
        let span = u128::from(now - self.last);
        self.total.node_time += span * u128::from(self.running);
        if self.is_healthy() {
            self.healthy.node_time += span * u128::from(self.running);
        }
        self.isolated_time += span * u128::from(sample.isolated);
        self.outside_time += span * u128::from(sample.outside);
        self.running = sample.running;
        let whole = all_arrived && sample.components <= 1 && sample.isolated <= u32::from(sample.running == 1);
        if whole {
            self.whole_since.get_or_insert(now);
            self.first_whole.get_or_insert(now);
            if self.healed_from.is_some_and(|from| now >= from) {
                self.healed.get_or_insert(now);
            }
        } else {
            self.whole_since = None;
        }
        self.last = now;
        self.labels = labels;
        // The points are spread evenly over the whole time, however long that becomes.
        if self.samples.is_multiple_of(self.stride) {
            self.series.push(sample);
        }
        self.samples += 1;
        if self.series.len() > 2 * SERIES {
            let mut nth = 0;
            self.series.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            self.stride *= 2;
        }
    }

    pub(crate) fn finish(mut self, seed: u64, nodes: u32) -> Outcome {
        self.join_times.sort_unstable();
        let all = self.total.node_time.max(1) as f64;
        let hours = self.total.node_time as f64 / (60.0 * MINUTE as f64);
        Outcome {
            seed,
            one_component: self.first_whole.map(|at| seconds(at.saturating_sub(self.last_arrival))),
            heals: self.healed_from.is_some(),
            heal: self.healed.zip(self.healed_from).map(|(at, from)| seconds(at - from)),
            join_median: percentile(&self.join_times, 0.5).map(seconds),
            join_p99: percentile(&self.join_times, 0.99).map(seconds),
            join_most: percentile(&self.join_times, 1.0).map(seconds),
            never_joined: nodes.saturating_sub(self.join_times.len() as u32),
            isolated: round(self.isolated_time as f64 / all, 5),
            outside: round(self.outside_time as f64 / all, 5),
            reads: self.total.per_node_minute(self.total.reads),
            writes: self.total.per_node_minute(self.total.writes),
            healthy_reads: self.healthy.per_node_minute(self.healthy.reads),
            healthy_writes: self.healthy.per_node_minute(self.healthy.writes),
            true_alarms: self.true_alarms,
            false_alarms: self.false_alarms,
            evictions_per_node_hour: round(self.evictions as f64 / hours.max(1e-9), 3),
            delivery: (self.expected > 0).then(|| round(self.delivered as f64 / self.expected as f64, 5)),
            series: self.series,
        }
    }
}

/// The figures of one run. Times in seconds, rates per node and minute.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    /// The time from the last first arrival until all nodes are one component.
    pub(crate) one_component: Option<f64>,
    /// Whether there was a cut that ended.
    pub(crate) heals: bool,
    /// The time from the end of a cut until all nodes are one component.
    pub(crate) heal: Option<f64>,
    pub(crate) join_median: Option<f64>,
    pub(crate) join_p99: Option<f64>,
    pub(crate) join_most: Option<f64>,
    pub(crate) never_joined: u32,
    /// Share of node time without a neighbor.
    pub(crate) isolated: f64,
    /// Share of node time outside the largest component.
    pub(crate) outside: f64,
    pub(crate) reads: Option<f64>,
    pub(crate) writes: Option<f64>,
    /// The same rates, but only for times after all nodes have been one component for a minute.
    pub(crate) healthy_reads: Option<f64>,
    pub(crate) healthy_writes: Option<f64>,
    /// Joins because of a split, to a node in another component.
    pub(crate) true_alarms: u64,
    /// Joins because of a split where there was none.
    pub(crate) false_alarms: u64,
    /// Neighbors that were dropped for one that a merge brought.
    pub(crate) evictions_per_node_hour: f64,
    /// The share of messages that arrived, of those that running nodes should have received.
    pub(crate) delivery: Option<f64>,
    #[serde(skip)]
    pub(crate) series: Vec<Sample>,
}

/// The value below which this share of the sorted values lies.
pub(crate) fn percentile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * share).round() as usize])
}

pub(crate) fn seconds(time: Time) -> f64 {
    round(time as f64 / SECOND as f64, 3)
}

fn round(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

/// The components of a graph, by union and find.
#[derive(Debug)]
pub(crate) struct Components {
    parent: Vec<NodeId>,
}

impl Components {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { parent: (0..nodes as NodeId).collect() }
    }

    pub(crate) fn find(&mut self, node: NodeId) -> NodeId {
        let mut node = node;
        while self.parent[node as usize] != node {
            let grandparent = self.parent[self.parent[node as usize] as usize];
            self.parent[node as usize] = grandparent;
            node = grandparent;
        }
        node
    }

    pub(crate) fn join(&mut self, a: NodeId, b: NodeId) {
        let (a, b) = (self.find(a), self.find(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Time, running: u32, components: u32) -> Sample {
        Sample { seconds: seconds(at), running, isolated: 0, outside: 0, components }
    }

    #[test]
    fn healthy_figures_begin_a_minute_after_the_swarm_is_whole() {
        let mut measure = Measure::new(None);
        for second in 0..=180 {
            measure.read();
            measure.sample(second * SECOND, true, sample(second * SECOND, 10, if second < 30 { 2 } else { 1 }), vec![]);
        }
        let outcome = measure.finish(1, 0);
        assert_eq!(outcome.one_component, Some(30.0));
        assert_eq!(outcome.reads, Some(6.033), "ten nodes read once per second");
        assert_eq!(outcome.healthy_reads, Some(6.0));
    }

    #[test]
    fn a_long_series_is_thinned_evenly() {
        let mut measure = Measure::new(None);
        (0..5000).for_each(|second| measure.sample(second * SECOND, true, sample(second * SECOND, 10, 1), vec![]));
        let series = measure.finish(1, 0).series;
        assert!((SERIES..=2 * SERIES).contains(&series.len()), "{}", series.len());
        assert!(series.windows(2).all(|pair| pair[1].seconds - pair[0].seconds == 8.0));
    }

    #[test]
    fn healing_counts_from_the_end_of_the_cut() {
        let mut measure = Measure::new(Some(100 * SECOND));
        for second in 0..=180 {
            let components = if (50..130).contains(&second) { 2 } else { 1 };
            measure.sample(second * SECOND, true, sample(second * SECOND, 10, components), vec![0, 0, 2]);
        }
        for peers in [&[1][..], &[1, 2], &[9]] {
            measure.alarm(0, peers);
        }
        let outcome = measure.finish(1, 0);
        assert_eq!((outcome.heal, outcome.true_alarms, outcome.false_alarms), (Some(30.0), 1, 1));
    }

    #[test]
    fn components_are_what_edges_connect() {
        let mut components = Components::new(5);
        components.join(3, 1);
        components.join(4, 3);
        let labels: Vec<_> = (0..5).map(|node| components.find(node)).collect();
        assert_eq!(labels, [0, 1, 2, 1, 1]);
        assert_eq!(percentile(&[1, 2, 3, 4, 5], 0.5), Some(3));
        assert_eq!(percentile::<u8>(&[], 0.5), None);
    }
}
