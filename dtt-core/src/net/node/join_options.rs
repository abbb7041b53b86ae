use std::time::Duration;

use crate::{config::TopicConfig, options::Options, wire::RotationHandle};

/// How a topic is joined.
#[derive(Debug, Clone, Default)]
pub struct JoinOptions {
    pub(super) timeout: Option<Duration>,
    pub(super) config: Option<TopicConfig>,
    pub(super) options: Options,
    pub(super) rotation: Option<RotationHandle>,
}

impl JoinOptions {
    /// Joining waits for a first neighbor, for at most this long. Without a time-out, joining returns at once and goes
    /// on in the background.
    ///
    /// When the time is over, joining fails with `TIMEOUT` and the topic is given up (unless another handle keeps it):
    /// it stops looking, and other nodes can no longer find it. So the first member of a topic always times out, since
    /// nobody else is there yet. Where any member may be the first, join without a time-out and wait with
    /// [`crate::Topic::joined_within`], which leaves the topic open.
    ///
    /// With a wrong secret, it looks as if nobody else were there. The error says whether values were found that do not
    /// open, and [`crate::TopicStats`] counts them in `records_refused.sealed`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// All options of this topic, instead of the node's.
    pub fn config(mut self, config: TopicConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Some options of this topic. What they do not set is as [`JoinOptions::config`] has it, or as the node has it.
    /// Joining refuses options of a node alone.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// A secret rotation that the application provides. All members of the topic must use the same one.
    pub fn rotation(mut self, rotation: RotationHandle) -> Self {
        self.rotation = Some(rotation);
        self
    }
}
