//! Why a topic has no neighbor yet, as far as its numbers tell.

use super::TopicStats;

/// One sentence for an error text. `paused` is whether the topic rests, and `dht_answers` whether DHT nodes answer, as far
/// as it is known.
pub(super) fn why_alone(stats: &TopicStats, paused: bool, dht_answers: bool) -> String {
    let (found, refused) = (stats.records_accepted, stats.records_refused);
    if paused {
        "the node is paused, and looks for nobody until it is resumed".into()
    } else if found > 0 {
        format!("records found: {found}, but none of the nodes that they name could be reached")
    } else if stats.dials_bootstrap > 0 {
        "no record of another member is there, and none of the neighbors that an earlier record of this node names could be \
         reached"
            .into()
    } else if refused.sealed > 0 {
        let sealed = refused.sealed;
        format!("values found: {sealed}, but none opens with this secret (another secret or rotation, or noise)")
    } else if refused.total() > 0 {
        format!("values found: {}, but no valid record of this topic and minute", refused.total())
    } else if dht_answers {
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
        let mut stats = TopicStats { lookups: 6, ..TopicStats::default() };
        let why = |stats: &TopicStats, answered| why_alone(stats, false, answered);
        stats.lookups_unanswered = 5;
        let dark = why(&stats, false);
        assert!(
            dark.starts_with("no DHT node answered while it was waited for (lookups begun: 6, in vain: 5); check"),
            "{dark}"
        );
        assert!(why(&stats, true).starts_with("the DHT answers, but no record of another member"));
        stats.records_refused.minute = 2;
        assert!(why(&stats, true).starts_with("values found: 2, but no valid record"));
        stats.records_refused.sealed = 3;
        // A value that came says that someone answered, also while its lookup is still under way.
        assert!(why(&stats, false).starts_with("values found: 3, but none opens with this secret"));
        stats.dials_bootstrap = 1;
        assert!(why(&stats, true).contains("an earlier record of this node names"));
        stats.records_accepted = 1;
        assert!(why(&stats, true).starts_with("records found: 1, but none of the nodes"));
        assert!(why_alone(&stats, true, true).starts_with("the node is paused"));
    }
}
