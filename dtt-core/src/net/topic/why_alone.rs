//! Tells why a topic has no neighbor yet, as far as its numbers show.

use super::search::Summary;
use crate::net::TopicStats;

/// What is known of a topic without neighbors.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) stats: TopicStats,
    /// What was found and tried since the last neighbor, or since the start.
    pub(super) search: Summary,
    /// Whether the topic is paused.
    pub(super) paused: bool,
    /// Whether DHT nodes answer, as far as is known.
    pub(super) dht_answers: bool,
    /// Whether another process uses the node's key.
    pub(super) key_in_use: bool,
    /// What suggests that the clock is off, in words.
    pub(super) clock: Option<String>,
}

/// One sentence for an error text.
pub(super) fn why_alone(known: &Known) -> String {
    let Known { stats, search, clock, .. } = known;
    let refused = stats.records_refused;
    if known.paused {
        "the node is paused, and does not look for other members until it is resumed".into()
    } else if known.key_in_use {
        "another process uses this node's key; each node needs a key of its own".into()
    } else if search.records > 0 {
        format!("{}; {search}", search.records())
    } else if search.dials > 0 && known.dht_answers {
        format!("no record of another member was found now; the nodes in earlier records were dialed: {search}")
    } else if let Some(clock) = clock {
        format!("no record of another member was found for this minute, but {clock}")
    } else if refused.sealed > 0 {
        let sealed = refused.sealed;
        format!(
            "values found: {sealed}, but none opens with this secret (the others use another secret or rotation, or the \
             values are noise)"
        )
    } else if refused.total() > 0 {
        format!("values found: {}, but no valid record of this topic and minute", refused.total())
    } else if known.dht_answers {
        "the DHT answers, but no record of another member was found (there is none yet, or it uses another topic name)"
            .into()
    } else {
        let (begun, unanswered) = (stats.lookups, stats.lookups_unanswered);
        format!(
            "no DHT node answered during the wait (lookups begun: {begun}, unanswered: {unanswered}); check the network \
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
            dark.starts_with("no DHT node answered during the wait (lookups begun: 6, unanswered: 5); check"),
            "{dark}"
        );
        assert!(why(&known, true).starts_with("the DHT answers, but no record of another member"));
        known.stats.records_refused.minute = 2;
        assert!(why(&known, true).starts_with("values found: 2, but no valid record"));
        known.stats.records_refused.sealed = 3;
        // A value shows that some node answered, even while its lookup is still under way.
        assert!(why(&known, false).starts_with("values found: 3, but none opens with this secret"));
        known.clock = Some("it is late".into());
        assert_eq!(why(&known, true), "no record of another member was found for this minute, but it is late");
        (known.search.dials, known.search.dialed) = (1, 1);
        assert!(
            why(&known, true).ends_with("in earlier records were dialed: 1 dial to 1 node: 1 has not answered yet")
        );
        known.clock = None;
        known.stats.records_refused = Default::default();
        assert!(why(&known, false).starts_with("no DHT node answered"), "the network is at fault, not the peers");
        (known.search.records, known.search.publishers) = (2, 2);
        assert_eq!(why(&known, true), "records found: 2, of 2 nodes; 1 dial to 1 node: 1 has not answered yet");
        known.key_in_use = true;
        assert!(why(&known, true).starts_with("another process uses this node's key"));
        known.paused = true;
        assert!(why(&known, true).starts_with("the node is paused"));
    }
}
