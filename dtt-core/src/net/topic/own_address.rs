//! Tells when the addresses change that this node's records name.

use std::time::Duration;

use futures_util::{StreamExt, stream::BoxStream};
use iroh::Watcher;
use tokio::time::Instant;

use crate::{config::AddressHints, net::Addresses, wire::AddressHint};

/// Yields an item whenever the addresses that a record of this node would name have changed, and one at the start if
/// there is nothing to wait for. While a relay is expected, direct addresses alone are not worth an item during the
/// first `wait`: most DHT nodes would keep a record for its whole minute that leads nobody to a node behind NAT.
pub(super) fn own_address(
    addresses: Option<&Addresses>,
    policy: AddressHints,
    wait: Duration,
) -> BoxStream<'static, ()> {
    let once = futures_util::stream::iter([()]).chain(futures_util::stream::pending());
    let Some(addresses) = addresses.filter(|_| policy != AddressHints::Off) else { return once.boxed() };
    let relay_until = addresses.expects_relay().then(|| Instant::now() + wait);
    let mut last = Vec::new();
    let watched = addresses.clone();
    addresses
        .endpoint()
        .watch_addr()
        .stream()
        .filter_map(move |_| {
            let hints = watched.own(policy);
            let early = relay_until.is_some_and(|until| Instant::now() < until)
                && !hints.iter().any(|hint| matches!(hint, AddressHint::Relay(_)));
            let changed = !early && !hints.is_empty() && hints != last;
            if changed {
                last = hints;
            }
            std::future::ready(changed.then_some(()))
        })
        .chain(futures_util::stream::pending())
        .boxed()
}
