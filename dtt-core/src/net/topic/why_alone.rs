//! Why a topic has no neighbor yet, as far as its numbers tell.

use super::search::Summary;
use crate::net::TopicStats;

/// What is known of a topic without neighbors.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) stats: TopicStats,
    /// What was found and tried since the last neighbor, or the start.
    pub(super) search: Summary,
    /// Whether the topic rests.
    pub(super) paused: bool,
    /// Whether DHT nodes answer, as far as it is known.
    pub(super) dht_answers: bool,
    /// What speaks for a clock that is off.
    pub(super) clock: Option<String>,
}

/// One sentence for an error text.
pub(super) fn why_alone(known: &Known) -> String {
    let Known { stats, search, clock, .. } = known;
    let refused = stats.records_refused;
    if known.paused {
        "the node is paused, and looks for nobody until it is resumed".into()
    } else if search.records > 0 {
        format!("{}; {search}", search.records())
    } else if search.dials > 0 && known.dht_answers {
        format!("no record of another member is there now; nodes that earlier records name were dialed: {search}")
    } else if let Some(clock) = clock {
        format!("no record of another member is there for this minute, but {clock}")
    } else if refused.sealed > 0 {
        let sealed = refused.sealed;
        format!("values found: {sealed}, but none opens with this secret (another secret or rotation, or noise)")
    } else if refused.total() > 0 {
        format!("values found: {}, but no valid record of this topic and minute", refused.total())
    } else if known.dht_answers {
        "the DHT answers, but no record of another member is there (nobody else yet, or by another name)".into()
    } else {
        let (begun, vain) = (stats.lookups, stats.lookups_unanswered);
        format!(
            "no DHT node answered while it was waited for (lookups begun: {begun}, in vain: {vain}); check the network \
             and the bootstrap nodes"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_step_decides() {
        let mut known = Known::default();
        (known.stats.lookups, known.stats.lookups_unanswered) = (6, 5);
        let why = |known: &Known, dht_answers| why_alone(&Known { dht_answers, ..known.clone() });
        let dark = why(&known, false);
        assert!(
            dark.starts_with("no DHT node answered while it was waited for (lookups begun: 6, in vain: 5); check"),
            "{dark}"
        );
        assert!(why(&known, true).starts_with("the DHT answers, but no record of another member"));
        known.stats.records_refused.minute = 2;
        assert!(why(&known, true).starts_with("values found: 2, but no valid record"));
        known.stats.records_refused.sealed = 3;
        // A value that came says that someone answered, also while its lookup is still under way.
        assert!(why(&known, false).starts_with("values found: 3, but none opens with this secret"));
        known.clock = Some("it is late".into());
        assert_eq!(why(&known, true), "no record of another member is there for this minute, but it is late");
        (known.search.dials, known.search.dialed) = (1, 1);
        assert!(
            why(&known, true).ends_with("earlier records name were dialed: 1 dial to 1 node: 1 has not answered yet")
        );
        known.clock = None;
        known.stats.records_refused = Default::default();
        assert!(why(&known, false).starts_with("no DHT node answered"), "the network is at fault, not the peers");
        (known.search.records, known.search.publishers) = (2, 2);
        assert_eq!(why(&known, true), "records found: 2, of 2 nodes; 1 dial to 1 node: 1 has not answered yet");
        known.paused = true;
        assert!(why(&known, true).starts_with("the node is paused"));
    }
}
