//! Asking whether a peer is still at the other end of a connection.

use std::time::Duration;

use bytes::Bytes;
use iroh::endpoint::{Connection, FrameStats};
use tokio::time::{Instant, sleep};

use super::connections::longest_round_trip;

/// Packets that whoever lives acknowledges: some may get lost.
const PROBES: u32 = 5;
const BETWEEN_PROBES: Duration = Duration::from_millis(50);
/// Who has not answered by then, and after so many round trips, is gone.
const PATIENCE: Duration = Duration::from_millis(400);
const PATIENCE_ROUND_TRIPS: u32 = 2;
const STEP: Duration = Duration::from_millis(10);

/// How long an answer may take, by what is known of the way.
pub(super) fn patience(connection: &Connection) -> Duration {
    PATIENCE + longest_round_trip(connection).unwrap_or_default() * PATIENCE_ROUND_TRIPS
}

/// Whether the peer answers over a connection; none if it could not be asked.
pub(super) async fn answers(connection: &Connection, patience: Duration) -> Option<bool> {
    let (heard, sent) = frames(connection);
    let begin = Instant::now();
    let mut probes = 0;
    while begin.elapsed() < patience && connection.close_reason().is_none() {
        if probes < PROBES && begin.elapsed() >= BETWEEN_PROBES * probes {
            probes += 1;
            // The gossip layer reads no datagrams, so they stay where they arrive; empty ones take next to no room (RFC 9221).
            if connection.send_datagram(Bytes::new()).is_err() {
                return connection.close_reason().map(|_| false);
            }
        }
        sleep(STEP).await;
        if frames(connection).0 != heard {
            return Some(true);
        }
    }
    // Without a path that is known to work nothing is sent at all.
    let is_asked = connection.close_reason().is_some() || frames(connection).1.datagram != sent.datagram;
    is_asked.then_some(false)
}

/// Received and sent so far.
fn frames(connection: &Connection) -> (FrameStats, FrameStats) {
    let stats = connection.stats();
    (stats.frame_rx, stats.frame_tx)
}
