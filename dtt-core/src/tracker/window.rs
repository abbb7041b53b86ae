//! Which messages were received: the last five for the records, and a long window to compare records with.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::{MessageHash, Now};
use crate::wire::MAX_MESSAGE_HASHES;

/// Messages remembered for comparison: about a megabyte when full, and five minutes at 100 messages a second.
const WINDOW: usize = 32_768;
/// If a message comes again after this many seconds, it counts as received then.
const REFRESH: u64 = 30;
/// The most messages that are remembered.
pub(super) const FOOTPRINT: usize = WINDOW + MAX_MESSAGE_HASHES;

#[derive(Debug, Default)]
pub(super) struct MessageWindow {
    last: VecDeque<MessageHash>,
    /// When each message was received or sent, in unix seconds.
    seen: HashMap<u64, u64>,
    /// The order in which `seen` was filled, with unix seconds.
    ring: VecDeque<(u64, u64)>,
    first_heard: Option<Duration>,
    overflowed: bool,
}

impl MessageWindow {
    pub(super) fn received(&mut self, hash: MessageHash, now: Now) {
        if self.last.len() == MAX_MESSAGE_HASHES {
            self.last.pop_front();
        }
        self.last.push_back(hash);
        self.first_heard.get_or_insert(now.unix);
        self.remember(hash, now);
    }

    pub(super) fn sent(&mut self, hash: MessageHash, now: Now) {
        self.remember(hash, now);
    }

    /// Messages may have been missed until now, so comparisons start again.
    pub(super) fn restart_comparison(&mut self) {
        self.first_heard = None;
    }

    /// How many messages are remembered.
    pub(super) fn footprint(&self) -> usize {
        self.last.len() + self.ring.len()
    }

    pub(super) fn last(&self) -> impl Iterator<Item = &MessageHash> {
        self.last.iter()
    }

    pub(super) fn knows(&self, hash: &MessageHash) -> bool {
        self.seen.contains_key(&short(hash))
    }

    /// Whether this message was received or sent at this unix time or later.
    pub(super) fn knows_since(&self, hash: &MessageHash, since: Duration) -> bool {
        self.seen.get(&short(hash)).is_some_and(|at| *at >= since.as_secs())
    }

    /// Whether a record that was made at this time must name a message that is known here, if its publisher is in the
    /// same swarm. This is so if messages were received before it was made, and none since then has been forgotten.
    pub(super) fn can_judge(&self, made_at: Duration) -> bool {
        let heard_before = self.first_heard.is_some_and(|first| first < made_at);
        let complete = !self.overflowed || self.ring.front().is_some_and(|(_, at)| *at < made_at.as_secs());
        heard_before && complete
    }

    fn remember(&mut self, hash: MessageHash, now: Now) {
        let key = short(&hash);
        let at = now.unix.as_secs();
        // An equal message, such as a heartbeat, comes again when the gossip layer has forgotten it.
        if self.seen.get(&key).is_some_and(|before| at < before + REFRESH) {
            return;
        }
        self.seen.insert(key, at);
        self.ring.push_back((key, at));
        if self.ring.len() > WINDOW {
            self.overflowed = true;
            if let Some((oldest, at)) = self.ring.pop_front()
                && self.seen.get(&oldest) == Some(&at)
            {
                self.seen.remove(&oldest);
            }
        }
    }
}

/// Eight bytes of a hash are enough to distinguish tens of thousands of messages.
fn short(hash: &MessageHash) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    u64::from_le_bytes(bytes)
}
