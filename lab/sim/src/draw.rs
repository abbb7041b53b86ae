//! Random draws that several models use.

use rand::{RngExt, rngs::StdRng};

use crate::queue::Time;

/// A log-normal time: half of all draws are below the median, and the tail is long.
pub(crate) fn log_normal(rng: &mut StdRng, median: Time, sigma: f64) -> Time {
    // The Box–Muller method for a normal variate.
    let (u, v): (f64, f64) = (rng.random::<f64>().max(f64::MIN_POSITIVE), rng.random());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    (median as f64 * (sigma * normal).exp()) as Time
}

/// An exponential time, as between the events of a Poisson stream.
pub(crate) fn exponential(rng: &mut StdRng, mean: Time) -> Time {
    (-(1.0 - rng.random::<f64>()).ln() * mean as f64) as Time
}

/// A well-mixed number that follows from others (the finalizer of SplitMix64).
pub(crate) fn mix(values: &[u64]) -> u64 {
    values.iter().fold(0x9E37_79B9_7F4A_7C15, |state, value| {
        let mut x = (state ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_draws_have_the_promised_shape() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut times: Vec<Time> = (0..10_001).map(|_| log_normal(&mut rng, 300, 0.8)).collect();
        times.sort_unstable();
        assert!((285..=315).contains(&times[5000]), "the median is {}", times[5000]);
        assert!(times[9900] > 4 * 300, "one of a hundred is {}", times[9900]);
        let mean = (0..10_000).map(|_| exponential(&mut rng, 1000) as f64).sum::<f64>() / 10_000.0;
        assert!((950.0..1050.0).contains(&mean), "the mean is {mean}");
        assert_ne!(mix(&[1, 2]), mix(&[2, 1]));
    }
}
