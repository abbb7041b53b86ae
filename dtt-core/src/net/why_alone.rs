//! Why a topic has no neighbor yet, as far as its numbers tell.

use super::TopicStats;

/// One sentence for an error text. `dht_answered` tells whether any DHT node answered while it was waited for.
pub(super) fn why_alone(stats: &TopicStats, dht_answered: bool) -> String {
    let (found, refused) = (stats.records_accepted, stats.records_refused);
    if found > 0 {
        format!("records found: {found}, but none of the nodes that they name could be reached")
    } else if refused.sealed > 0 {
        let sealed = refused.sealed;
        format!("values found: {sealed}, but none opens with this secret (another secret or rotation, or noise)")
    } else if refused.total() > 0 {
        format!("values found: {}, but no valid record of this topic and minute", refused.total())
    } else if dht_answered {
        "the DHT answers, but no record of another member is there (nobody else yet, or by another name)".into()
    } else {
        format!(
            "no DHT node has answered (lookups begun: {}); check the network and the bootstrap nodes",
            stats.lookups
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_step_decides() {
        let mut stats = TopicStats { lookups: 6, ..TopicStats::default() };
        assert!(why_alone(&stats, false).starts_with("no DHT node has answered (lookups begun: 6)"));
        assert!(why_alone(&stats, true).starts_with("the DHT answers, but no record of another member"));
        stats.records_refused.minute = 2;
        assert!(why_alone(&stats, true).starts_with("values found: 2, but no valid record"));
        stats.records_refused.sealed = 3;
        // A value that came says that someone answered, also while its lookup is still under way.
        assert!(why_alone(&stats, false).starts_with("values found: 3, but none opens with this secret"));
        stats.records_accepted = 1;
        assert!(why_alone(&stats, true).starts_with("records found: 1, but none of the nodes"));
    }
}
