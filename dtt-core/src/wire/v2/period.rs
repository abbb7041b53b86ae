use std::ops::RangeInclusive;

/// How long one slot of a topic is in use, in seconds. It is twice [`TOLERANCE`], so a reader needs exactly two slots at
/// any time.
pub const PERIOD: u64 = 1_800;

/// By how many seconds the clocks of two members may differ.
pub const TOLERANCE: u64 = 900;

// The rotation is given the minute at which a period begins.
const _: () = assert!(PERIOD.is_multiple_of(60) && TOLERANCE.is_multiple_of(60) && PERIOD == 2 * TOLERANCE);

/// A period of [`PERIOD`] seconds, counted from the unix epoch. Each period of a topic has a slot and keys of its own.
///
/// ```
/// use dtt_core::wire::v2::{PERIOD, Period};
///
/// let period = Period::at(5 * PERIOD + 7);
/// assert_eq!(period.number(), 5);
/// assert_eq!(period.minute(), 5 * PERIOD / 60);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period(u64);

impl Period {
    /// The period of a time. A node writes its records into the slot of this period.
    pub fn at(unix_seconds: u64) -> Self {
        Self(unix_seconds / PERIOD)
    }

    /// The period with a number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number of the period.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The unix minute at which the period begins.
    pub fn minute(self) -> u64 {
        self.0.saturating_mul(PERIOD / 60)
    }

    /// The periods whose slots a reader reads at a time: those of every clock that differs by at most [`TOLERANCE`].
    ///
    /// The period of the reader's own clock comes first, then earlier ones, then later ones, as records are ever less
    /// likely there.
    pub fn to_read(unix_seconds: u64) -> impl Iterator<Item = Self> {
        let own = Self::at(unix_seconds).0;
        let first = Self::at(unix_seconds.saturating_sub(TOLERANCE)).0;
        let last = Self::at(unix_seconds.saturating_add(TOLERANCE)).0;
        (first..=own).rev().chain(own + 1..=last).map(Self)
    }
}

/// The unix minutes of the records that a reader accepts at a time: from [`PERIOD`] and [`TOLERANCE`] before to
/// [`TOLERANCE`] after.
pub fn accepted_minutes(unix_seconds: u64) -> RangeInclusive<u64> {
    unix_seconds.saturating_sub(PERIOD + TOLERANCE) / 60..=unix_seconds.saturating_add(TOLERANCE) / 60
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_at(unix_seconds: u64) -> Vec<u64> {
        Period::to_read(unix_seconds).map(Period::number).collect()
    }

    #[test]
    fn slots_are_read_within_the_tolerance_around_a_periods_edge() {
        let edge = 1_000 * PERIOD;
        assert_eq!(read_at(edge + TOLERANCE - 1), [1_000, 999]);
        assert_eq!(read_at(edge + TOLERANCE), [1_000, 1_001]);
        assert_eq!(read_at(edge), [1_000, 999]);
        assert_eq!(read_at(edge - 1), [999, 1_000]);
        assert_eq!(read_at(0), [0]);
        assert_eq!(read_at(u64::MAX)[0], u64::MAX / PERIOD);
    }

    #[test]
    fn records_are_accepted_for_a_period_and_the_tolerance() {
        let now = 100_000 * 60 + 59;
        assert_eq!(accepted_minutes(now), 100_000 - 45..=100_000 + 15);
        assert_eq!(accepted_minutes(0), 0..=15);
        assert_eq!(accepted_minutes(u64::MAX), (u64::MAX - PERIOD - TOLERANCE) / 60..=u64::MAX / 60);
    }

    proptest! {
        #[test]
        fn a_reader_finds_every_writer_whose_clock_differs_by_no_more_than_the_tolerance(
            now in TOLERANCE..u64::MAX - TOLERANCE, ahead in 0..=2 * TOLERANCE
        ) {
            let writer = now - TOLERANCE + ahead;
            prop_assert!(Period::to_read(now).any(|period| period == Period::at(writer)));
            prop_assert!(accepted_minutes(now).contains(&(writer / 60)));
        }

        #[test]
        fn any_time_has_a_period(now: u64) {
            let period = Period::at(now);
            prop_assert_eq!(period.minute(), period.number() * PERIOD / 60);
            prop_assert!(period.minute() * 60 <= now && now - period.minute() * 60 < PERIOD);
            prop_assert_eq!(Period::to_read(now).next(), Some(period));
            prop_assert!(Period::to_read(now).count() <= 2 + 2 * (TOLERANCE / PERIOD) as usize + 1);
        }
    }
}
