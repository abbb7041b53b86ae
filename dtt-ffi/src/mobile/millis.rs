//! Times, as the languages' own type for them.

use std::time::Duration;

/// A span of time. In Swift a `Duration`, in Kotlin a `kotlin.time.Duration`; whole milliseconds cross the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Millis(pub(super) Duration);

// A negative or endless span is none: the engine's limits name what is wrong with it.
uniffi::custom_type!(Millis, u64, {
    lower: |span| u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX),
    try_lift: |millis| Ok(Millis(Duration::from_millis(millis))),
});

impl From<Millis> for Duration {
    fn from(span: Millis) -> Self {
        span.0
    }
}

impl From<Duration> for Millis {
    fn from(span: Duration) -> Self {
        Self(span)
    }
}
