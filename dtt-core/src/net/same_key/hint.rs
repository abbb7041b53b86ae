//! Hints over gossip connections: a member tells a peer at which other address the peer's id has a connection.

use iroh::{TransportAddr, endpoint::Connection};

/// A hint is a datagram of these bytes and an address as text.
const HINT: &[u8] = b"dtt/key/1 ";
/// Addresses that a member tells at once.
const MAX_HINTS: usize = 4;

/// Two open connections lead to the same id. Each side is told at which other addresses the id was met. There may be two
/// processes, and they find out by themselves.
pub(in crate::net) fn tell_of_each_other(one: &Connection, other: &Connection) {
    let (here, there) = (addresses(one), addresses(other));
    tell(one, &here, &there);
    tell(other, &there, &here);
}

fn tell(connection: &Connection, own: &[String], others: &[String]) {
    for address in others.iter().filter(|address| !own.contains(address)).take(MAX_HINTS) {
        // Two processes with one key take turns as a neighbor. Each time one comes back, this is repeated.
        let _ = connection.send_datagram([HINT, address.as_bytes()].concat().into());
    }
}

/// Where the peer is, as text. A peer that is reached through a relay finds others that use the relay by itself.
fn addresses(connection: &Connection) -> Vec<String> {
    let text = |address: &TransportAddr| match address {
        TransportAddr::Ip(address) => Some(address.to_string()),
        _ => None,
    };
    connection.paths().iter().filter_map(|path| text(path.remote_addr())).collect()
}

/// The address in a hint; `None` if the datagram is none.
pub(in crate::net) fn read_hint(datagram: &[u8]) -> Option<TransportAddr> {
    let text = std::str::from_utf8(datagram.strip_prefix(HINT)?).ok()?;
    text.parse().ok().map(TransportAddr::Ip)
}
