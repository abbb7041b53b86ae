//! Which peers could reach each other, and when, as their reports about neighbors show.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How long a message may be under way.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// A neighbor that came or went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) at: Instant,
    pub(crate) peer: u8,
    pub(crate) neighbor: u8,
    pub(crate) up: bool,
}

/// The peers that one of them reaches. A link counts only if both sides report it.
pub(crate) fn reached(links: &BTreeSet<(u8, u8)>, from: u8) -> BTreeSet<u8> {
    let mut reached = BTreeSet::from([from]);
    let mut fresh = vec![from];
    while let Some(peer) = fresh.pop() {
        for (_, other) in links.iter().filter(|(one, other)| *one == peer && links.contains(&(*other, *one))) {
            if reached.insert(*other) {
                fresh.push(*other);
            }
        }
    }
    reached
}

/// Whether a peer could not reach another one at some time while a message sent at `said` was under way.
pub(crate) fn were_apart(changes: &[Change], from: u8, to: u8, said: Instant) -> bool {
    let while_under_way = changes.iter().map(|change| change.at).filter(|at| (said..said + UNDER_WAY).contains(at));
    std::iter::once(said).chain(while_under_way).any(|at| !reached(&links(changes, at), from).contains(&to))
}

/// The links that each peer reported at a moment. The changes of one peer are in order.
fn links(changes: &[Change], at: Instant) -> BTreeSet<(u8, u8)> {
    let mut links = BTreeSet::new();
    for change in changes.iter().filter(|change| change.at <= at) {
        let link = (change.peer, change.neighbor);
        if change.up {
            links.insert(link)
        } else {
            links.remove(&link)
        };
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes in milliseconds from a moment: the peer, its neighbor, and whether the neighbor came.
    fn history(changes: &[(u64, u8, u8, bool)]) -> (Instant, Vec<Change>) {
        let start = Instant::now();
        let change = |&(at, peer, neighbor, up): &(u64, u8, u8, bool)| Change {
            at: start + Duration::from_millis(at),
            peer,
            neighbor,
            up,
        };
        (start, changes.iter().map(change).collect())
    }

    #[test]
    fn a_way_may_lead_over_other_peers_and_needs_both_sides() {
        let links = BTreeSet::from([(1, 2), (2, 1), (2, 3), (3, 2), (3, 4)]);
        assert_eq!(reached(&links, 1), BTreeSet::from([1, 2, 3]));
        assert_eq!(reached(&links, 4), BTreeSet::from([4]));
    }

    #[test]
    fn a_peer_that_was_cut_off_while_a_message_was_under_way_was_apart() {
        let (start, changes) = history(&[
            (0, 1, 2, true),
            (0, 2, 1, true),
            (5_000, 1, 2, false),
            (5_100, 1, 2, true),
            (9_000, 2, 1, false),
        ]);
        let apart = |at| were_apart(&changes, 1, 2, start + Duration::from_millis(at));
        let found = [100, 3_900, 4_100, 5_050, 5_100, 7_900, 8_100, 9_500].map(apart);
        assert_eq!(found, [false, false, true, true, false, false, true, true]);
        // No peer has reported anything about a third one.
        assert!(were_apart(&changes, 1, 3, start + Duration::from_millis(100)));
    }
}
