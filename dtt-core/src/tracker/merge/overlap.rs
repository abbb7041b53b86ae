//! The overlap merge: a record whose messages are all unknown here comes from another part of the swarm.

use std::{collections::HashMap, time::Duration};

use super::{
    super::{AHEAD, Core, JoinReason, MessageHash, Now, SeenRecord},
    records::{join, recent_records, unknown_peers},
    timer::Timer,
};
use crate::wire::MAX_MESSAGE_HASHES;

/// A record is judged only if messages were received here this long before its minute began. It may have been made a
/// little earlier, by a clock that is up to a minute ahead, and a message needs a moment to reach every node.
const JUDGE_MARGIN: Duration = Duration::from_secs(65).saturating_add(AHEAD);
/// A message that is known only from records marks a split in this many comparisons, and not in later ones: by then,
/// the node that received it was joined, or could not be joined.
const JUDGED_MOST: u8 = 5;
/// The most messages known only from records that are remembered.
const MAX_STRANGE: usize = 4096;
/// The most messages that are remembered in total: a record is judged as a whole.
pub(super) const FOOTPRINT: usize = MAX_STRANGE + MAX_MESSAGE_HASHES;

#[derive(Debug, Default)]
pub(super) struct Overlap {
    timer: Timer,
    /// Messages that records named and that never arrived here, and how many times each has marked a split.
    strange: HashMap<MessageHash, u8>,
    /// Whether records have been compared since the node began to listen. The messages in the first ones are older than
    /// that, or their publisher has received none since: a publisher does not name its own messages.
    compared: bool,
}

impl Overlap {
    pub(super) fn joined(&mut self, core: &mut Core, now: Now) {
        self.restart_comparison();
        let settings = core.config.merge_config().message_overlap_merge().enabled();
        self.timer = Timer::first(now, settings.map(|settings| settings.initial_interval()));
    }

    /// Starts again: the messages in the next records are where the comparison starts.
    pub(super) fn restart_comparison(&mut self) {
        self.compared = false;
        self.strange.clear();
    }

    pub(super) fn footprint(&self) -> usize {
        self.strange.len()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.timer.deadline()
    }

    pub(super) fn advance(&mut self, core: &mut Core, now: Now) {
        let Some(settings) = core.config.merge_config().message_overlap_merge().enabled().cloned() else { return };
        let judges = core.window.can_judge(Duration::from_secs(now.minute() * 60).saturating_sub(JUDGE_MARGIN));
        if !judges && self.timer.has_come(now) {
            // Nothing was received yet with which a record could be compared.
            return self.timer.again(core, now, settings.base_interval(), settings.max_jitter());
        }
        if !self.timer.is_due(core, now) {
            return;
        }
        self.timer.again(core, now, settings.base_interval(), settings.max_jitter());
        let records = recent_records(core, now);
        let foreign = records.iter().filter(|record| shares_nothing(core, record, now));
        let split: Vec<&SeenRecord> = foreign.filter(|record| self.is_news(record)).collect();
        self.compared = true;
        let unknown = unknown_peers(core, split.into_iter());
        join(core, unknown, settings.max_join_peers(), JoinReason::Overlap);
    }

    /// Whether such a record names a message that was sent elsewhere while this node was listening.
    fn is_news(&mut self, record: &SeenRecord) -> bool {
        if self.strange.len() > MAX_STRANGE {
            self.strange.clear();
        }
        let first = if self.compared { 0 } else { JUDGED_MOST };
        let mut news = false;
        for hash in &record.hashes {
            let times = self.strange.entry(*hash).or_insert(first);
            news |= *times < JUDGED_MOST;
            *times = times.saturating_add(1);
        }
        news
    }
}

/// Whether a record's publisher has received none of the messages that were received here, although it should have.
fn shares_nothing(core: &Core, record: &SeenRecord, now: Now) -> bool {
    !core.vouches_for(record)
        && !record.hashes.is_empty()
        && core.window.can_judge(core.times.made_at(record, now).saturating_sub(JUDGE_MARGIN))
}
