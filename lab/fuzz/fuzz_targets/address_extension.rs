//! The address extension. Byte 0 chooses what the rest is: the bytes of an extension, or hints that are encoded.

#![no_main]

use std::net::{SocketAddr, SocketAddrV6};

use arbitrary::{Arbitrary, Unstructured};
use dtt_core::{
    MAX_RECORD_PEERS,
    wire::{AddressHint, HintOwner, HintsError, MAX_HINTS_BYTES, decode_hints, encode_hints},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 {
        decode(rest);
    } else if let Ok(hints) = Vec::<Hint>::arbitrary(&mut Unstructured::new(rest)) {
        encode(&hints.into_iter().map(Hint::into_pair).collect::<Vec<_>>());
    }
});

/// A hint that an application could make: any owner, any text, any address.
#[derive(Arbitrary)]
struct Hint {
    owner: Option<u8>,
    address: Address,
}

#[derive(Arbitrary)]
enum Address {
    Relay(String),
    V4([u8; 4], u16),
    V6 { ip: [u8; 16], port: u16, flow: u32, scope: u32 },
}

impl Hint {
    fn into_pair(self) -> (HintOwner, AddressHint) {
        let owner = self.owner.map_or(HintOwner::Publisher, HintOwner::Neighbor);
        let address = match self.address {
            Address::Relay(url) => AddressHint::Relay(url),
            Address::V4(ip, port) => AddressHint::Ip((ip, port).into()),
            Address::V6 { ip, port, flow, scope } => {
                AddressHint::Ip(SocketAddrV6::new(ip.into(), port, flow, scope).into())
            }
        };
        (owner, address)
    }
}

fn encoded(hints: &[(HintOwner, AddressHint)]) -> Vec<u8> {
    encode_hints(hints.iter().map(|(owner, hint)| (*owner, hint)))
}

/// Hints that were decoded encode to themselves, in no more bytes.
fn decode(bytes: &[u8]) {
    let hints = match decode_hints(bytes) {
        Ok(hints) => hints,
        Err(HintsError::TooLong { size, limit }) => {
            return assert!(size == bytes.len() && size > limit && limit == MAX_HINTS_BYTES);
        }
        Err(HintsError::Length(at) | HintsError::Utf8(at)) => return assert!((2..bytes.len()).contains(&at)),
        Err(_) => return assert!(!bytes.starts_with(&[0xD7, 0x01])),
    };
    assert!(bytes.len() <= MAX_HINTS_BYTES && hints.len() <= bytes.len() / 2);
    assert!(hints.iter().all(|(owner, _)| *owner == HintOwner::Publisher || is_neighbor(*owner)));
    let again = encoded(&hints);
    assert!(again.len() <= bytes.len());
    assert_eq!(decode_hints(&again), Ok(hints));
}

/// Encoded hints fit, and they decode to the first of those hints that have a form on the wire.
fn encode(hints: &[(HintOwner, AddressHint)]) {
    let bytes = encoded(hints);
    assert!(bytes.len() <= MAX_HINTS_BYTES);
    let decoded = decode_hints(&bytes).expect("encoded hints decode");
    let can_be_written = hints.iter().filter(|(owner, hint)| writable(*owner, hint));
    let expected = can_be_written.map(|(owner, hint)| (*owner, on_the_wire(hint)));
    let expected: Vec<_> = expected.take(decoded.len()).collect();
    assert_eq!(decoded, expected);
}

fn is_neighbor(owner: HintOwner) -> bool {
    matches!(owner, HintOwner::Neighbor(index) if usize::from(index) < MAX_RECORD_PEERS)
}

fn writable(owner: HintOwner, hint: &AddressHint) -> bool {
    let fits = match hint {
        AddressHint::Relay(url) => (1..=255).contains(&url.len()),
        AddressHint::Ip(_) => true,
    };
    fits && (owner == HintOwner::Publisher || is_neighbor(owner))
}

/// The wire carries no flow label and no scope.
fn on_the_wire(hint: &AddressHint) -> AddressHint {
    match hint {
        AddressHint::Ip(address) => AddressHint::Ip(SocketAddr::new(address.ip(), address.port())),
        relay => relay.clone(),
    }
}
