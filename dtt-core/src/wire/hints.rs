//! The address extension: where the publisher of a record and its neighbors can be reached.
//!
//! It follows the 320 bytes of a [`super::GossipRecordContent`], where the peer implementation ignores further bytes.
//! It is the magic `0xD7 0x01`, and then entries of tag (1 byte) ‖ length (1 byte) ‖ value. The high half of a tag is
//! the owner (0 the publisher, 1 to 5 an active peer), the low half the kind (1 relay URL, 2 IPv4, 3 IPv6).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::MAX_RECORD_PEERS;

const MAGIC: [u8; 2] = [0xD7, 0x01];
const RELAY: u8 = 1;
const IPV4: u8 = 2;
const IPV6: u8 = 3;

/// The largest extension in bytes, so that a sealed gossip record stays within 996 bytes.
pub const MAX_HINTS_BYTES: usize = 392;

/// The node to which an address belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HintOwner {
    /// The publisher of the record.
    Publisher,
    /// The active peer at this index (0 to 4) of the record. Hints of other indices are not encoded.
    Neighbor(u8),
}

/// One address at which a node may be reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AddressHint {
    /// The URL of the relay server that the node is connected to; at most 255 bytes.
    Relay(String),
    /// A UDP socket address.
    Ip(SocketAddr),
}

/// Why an address extension was ignored. The record that carries it stays valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HintsError {
    /// More bytes than fit into a record.
    #[error("address extension: {size} bytes, the limit is {limit} bytes")]
    TooLong {
        /// Size in bytes.
        size: usize,
        /// The greatest size, in bytes: [`MAX_HINTS_BYTES`], or [`super::v2::MAX_HINTS_BYTES`].
        limit: usize,
    },
    /// The extension does not begin with the magic and a version that this library knows.
    #[error("address extension: unknown magic or version")]
    Magic,
    /// An entry ends before its stated length, or has the wrong length for its kind.
    #[error("address extension: an entry at byte {0} has a wrong length")]
    Length(usize),
    /// A relay URL is not UTF-8.
    #[error("address extension: the relay URL at byte {0} is not UTF-8")]
    Utf8(usize),
}

/// Encodes hints in the given order, in at most [`MAX_HINTS_BYTES`]. Hints that do not fit are left out from the end, and so is any hint that has no
/// form on the wire. Without hints, the result is empty.
pub fn encode_hints<'a>(hints: impl IntoIterator<Item = (HintOwner, &'a AddressHint)>) -> Vec<u8> {
    encode_within(MAX_HINTS_BYTES, hints)
}

/// [`encode_hints`] for a record that has another room.
pub(super) fn encode_within<'a>(
    limit: usize,
    hints: impl IntoIterator<Item = (HintOwner, &'a AddressHint)>,
) -> Vec<u8> {
    let mut out = Vec::new();
    for (owner, hint) in hints {
        let (Some(owner), Some((kind, value))) = (owner_bits(owner), encode_value(hint)) else { continue };
        let magic = if out.is_empty() { MAGIC.len() } else { 0 };
        if out.len() + magic + 2 + value.len() > limit {
            break;
        }
        if out.is_empty() {
            out.extend_from_slice(&MAGIC);
        }
        out.push(owner | kind);
        out.push(value.len() as u8);
        out.extend_from_slice(&value);
    }
    out
}

/// Decodes the bytes after the 320 bytes of a gossip record. No bytes mean no hints. Unknown tags are skipped.
pub fn decode_hints(bytes: &[u8]) -> Result<Vec<(HintOwner, AddressHint)>, HintsError> {
    decode_within(MAX_HINTS_BYTES, bytes)
}

/// [`decode_hints`] for a record that has another room.
pub(super) fn decode_within(limit: usize, bytes: &[u8]) -> Result<Vec<(HintOwner, AddressHint)>, HintsError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if bytes.len() > limit {
        return Err(HintsError::TooLong { size: bytes.len(), limit });
    }
    let mut rest = bytes.strip_prefix(&MAGIC).ok_or(HintsError::Magic)?;
    let mut hints = Vec::new();
    while let [tag, length, tail @ ..] = rest {
        let at = bytes.len() - rest.len();
        let (value, tail) = tail.split_at_checked(usize::from(*length)).ok_or(HintsError::Length(at))?;
        if let Some(owner) = owner_of(*tag)
            && let Some(hint) = decode_value(*tag & 0x0F, value, at)?
        {
            hints.push((owner, hint));
        }
        rest = tail;
    }
    if rest.is_empty() { Ok(hints) } else { Err(HintsError::Length(bytes.len() - rest.len())) }
}

/// Kind and value of an address, without those that have no form on the wire.
pub(super) fn encode_value(hint: &AddressHint) -> Option<(u8, Vec<u8>)> {
    match hint {
        AddressHint::Relay(url) if url.is_empty() || url.len() > usize::from(u8::MAX) => None,
        AddressHint::Relay(url) => Some((RELAY, url.as_bytes().to_vec())),
        AddressHint::Ip(SocketAddr::V4(addr)) => {
            Some((IPV4, [&addr.ip().octets()[..], &addr.port().to_be_bytes()].concat()))
        }
        AddressHint::Ip(SocketAddr::V6(addr)) => {
            Some((IPV6, [&addr.ip().octets()[..], &addr.port().to_be_bytes()].concat()))
        }
    }
}

/// The address of this kind and value. `at` is where it stands, for the error. Unknown kinds are `None`.
pub(super) fn decode_value(kind: u8, value: &[u8], at: usize) -> Result<Option<AddressHint>, HintsError> {
    let hint = match kind {
        // An empty URL says nothing, so it is skipped like an unknown tag.
        RELAY if value.is_empty() => return Ok(None),
        RELAY => AddressHint::Relay(std::str::from_utf8(value).map_err(|_| HintsError::Utf8(at))?.to_owned()),
        IPV4 => {
            let value: &[u8; 6] = value.try_into().map_err(|_| HintsError::Length(at))?;
            let [a, b, c, d, high, low] = *value;
            AddressHint::Ip(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
        }
        IPV6 => {
            let (ip, port) = value.split_first_chunk::<16>().ok_or(HintsError::Length(at))?;
            let port: [u8; 2] = port.try_into().map_err(|_| HintsError::Length(at))?;
            AddressHint::Ip(SocketAddrV6::new(Ipv6Addr::from(*ip), u16::from_be_bytes(port), 0, 0).into())
        }
        _ => return Ok(None),
    };
    Ok(Some(hint))
}

fn owner_bits(owner: HintOwner) -> Option<u8> {
    match owner {
        HintOwner::Publisher => Some(0),
        HintOwner::Neighbor(index) => (usize::from(index) < MAX_RECORD_PEERS).then(|| (index + 1) << 4),
    }
}

fn owner_of(tag: u8) -> Option<HintOwner> {
    match tag >> 4 {
        0 => Some(HintOwner::Publisher),
        n if usize::from(n) <= MAX_RECORD_PEERS => Some(HintOwner::Neighbor(n - 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> AddressHint {
        AddressHint::Ip(text.parse().unwrap())
    }

    #[test]
    fn the_bytes_are_those_of_the_protocol() {
        let relay = AddressHint::Relay("https://r".into());
        let bytes = encode_hints([
            (HintOwner::Publisher, &relay),
            (HintOwner::Publisher, &ip("1.2.3.4:258")),
            (HintOwner::Neighbor(4), &ip("[::1]:3")),
        ]);
        let mut expected = vec![0xD7, 0x01, 0x01, 9];
        expected.extend_from_slice(b"https://r");
        expected.extend_from_slice(&[0x02, 6, 1, 2, 3, 4, 1, 2, 0x53, 18]);
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3]);
        assert_eq!(bytes, expected);
        assert_eq!(decode_hints(&bytes).unwrap().len(), 3);
    }

    #[test]
    fn hints_that_do_not_fit_are_dropped_from_the_end() {
        let hints: Vec<_> = (0..60).map(|n| ip(&format!("10.0.0.{n}:1"))).collect();
        let bytes = encode_hints(hints.iter().map(|hint| (HintOwner::Publisher, hint)));
        assert!(bytes.len() <= MAX_HINTS_BYTES);
        let decoded = decode_hints(&bytes).unwrap();
        assert_eq!(decoded.len(), (MAX_HINTS_BYTES - 2) / 8);
        assert!(decoded.iter().zip(&hints).all(|((_, found), given)| found == given));
    }

    #[test]
    fn hints_without_a_form_on_the_wire_are_left_out() {
        let address = ip("1.2.3.4:5");
        for index in [5, 14, 15, 255] {
            assert_eq!(encode_hints([(HintOwner::Neighbor(index), &address)]), [0; 0], "peer {index} of 0 to 4");
        }
        for url in [String::new(), "a".repeat(256)] {
            assert_eq!(encode_hints([(HintOwner::Publisher, &AddressHint::Relay(url))]), [0; 0]);
        }
    }

    #[test]
    fn unknown_tags_are_skipped_and_malformed_entries_refused() {
        assert_eq!(decode_hints(&[]), Ok(vec![]));
        assert_eq!(decode_hints(&[0xD7, 0x01]), Ok(vec![]));
        assert_eq!(decode_hints(&[0xD7, 0x01, 0x0F, 1, 9, 0x62, 0]), Ok(vec![]));
        assert_eq!(decode_hints(&[0xD7, 0x01, 0x01, 0]), Ok(vec![]), "a relay URL of no bytes");
        assert_eq!(decode_hints(&[0xD7, 0x02]), Err(HintsError::Magic));
        assert_eq!(decode_hints(&[0xD7, 0x01, 0x02, 6, 1]), Err(HintsError::Length(2)));
        assert_eq!(decode_hints(&[0xD7, 0x01, 0x02, 1, 1]), Err(HintsError::Length(2)));
        assert_eq!(decode_hints(&[0xD7, 0x01, 0x02]), Err(HintsError::Length(2)));
        assert_eq!(decode_hints(&[0xD7, 0x01, 0x01, 1, 0xFF]), Err(HintsError::Utf8(2)));
        assert_eq!(decode_hints(&[0; 393]), Err(HintsError::TooLong { size: 393, limit: 392 }));
    }
}
