//! What happens to packets between two hosts. The packets themselves are not needed here.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A path between two hosts, one way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Link {
    /// How long each packet takes.
    pub delay: Duration,
    /// How much longer a packet may take, evenly spread. Packets of one path stay in order.
    pub jitter: Duration,
    /// The share of packets that are lost, each independently.
    pub loss: f64,
}

impl Link {
    /// A path with this delay in milliseconds and loss in percent.
    pub fn new(delay: u64, loss: u32) -> Self {
        Self { delay: Duration::from_millis(delay), jitter: Duration::ZERO, loss: f64::from(loss) / 100.0 }
    }
}

/// How fast a host may send: a token bucket with a queue behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Bytes that pass per second.
    pub bytes_per_second: u32,
    /// Bytes that may pass at once after a pause.
    pub burst: u32,
    /// Bytes that may wait. Further bytes are dropped.
    pub queue: u32,
}

/// The random fate of the packets from one host to another. It follows from the seed, packet by packet.
#[derive(Debug)]
pub(crate) struct Path {
    rng: StdRng,
    last: Option<Instant>,
}

impl Path {
    pub(crate) fn new(seed: u64, from: usize, to: usize) -> Self {
        Self { rng: StdRng::seed_from_u64(seed ^ ((from as u64) << 40) ^ ((to as u64) << 20)), last: None }
    }

    /// When a packet arrives that is sent at `start`; `None` if it is lost.
    pub(crate) fn arrival(&mut self, link: &Link, start: Instant) -> Option<Instant> {
        // Both numbers are drawn for every packet, so that the n-th packet's fate depends on nothing else.
        let (luck, late) = (self.rng.random::<f64>(), self.rng.random::<f64>());
        if luck < link.loss {
            return None;
        }
        let arrival = start + link.delay + link.jitter.mul_f64(late);
        let arrival = self.last.map_or(arrival, |last| arrival.max(last));
        self.last = Some(arrival);
        Some(arrival)
    }
}

#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// Bytes that may pass now. Below zero, bytes that wait.
    level: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, level: f64::from(rate.burst), at: now }
    }

    /// When a packet of this size passes; `None` if the queue is full.
    pub(crate) fn pass(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let per_second = f64::from(self.rate.bytes_per_second);
        let refill = now.duration_since(self.at).as_secs_f64() * per_second;
        self.level = (self.level + refill).min(f64::from(self.rate.burst));
        self.at = now;
        let level = self.level - bytes as f64;
        if -level > f64::from(self.rate.queue) {
            return None;
        }
        self.level = level;
        Some(now + Duration::from_secs_f64((-level).max(0.0) / per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_lose_the_same_packets() {
        let link = Link { delay: Duration::from_millis(10), jitter: Duration::from_millis(30), loss: 0.2 };
        let start = Instant::now();
        let run = |seed| {
            let mut path = Path::new(seed, 1, 2);
            (0..1000).map(|n| path.arrival(&link, start + Duration::from_millis(n))).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let arrived: Vec<Instant> = run(7).into_iter().flatten().collect();
        assert!((760..840).contains(&arrived.len()), "{} of 1000 arrived", arrived.len());
        assert!(arrived.is_sorted(), "packets of one path stay in order");
    }

    #[test]
    fn a_bucket_lets_a_burst_pass_then_its_rate_and_drops_the_overflow() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate { bytes_per_second: 1000, burst: 500, queue: 1000 }, start);
        assert_eq!(bucket.pass(500, start), Some(start));
        assert_eq!(bucket.pass(500, start), Some(start + Duration::from_millis(500)));
        assert_eq!(bucket.pass(500, start), Some(start + Duration::from_secs(1)));
        assert_eq!(bucket.pass(1, start), None);
        let later = start + Duration::from_millis(600);
        assert_eq!(bucket.pass(500, later), Some(later + Duration::from_millis(900)));
    }
}
