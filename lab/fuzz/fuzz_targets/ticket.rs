//! Tickets. Byte 0 chooses what the rest is: a text, a content that gets a right checksum, or the parts of a ticket.

#![no_main]

use std::net::SocketAddr;

use arbitrary::{Arbitrary, Unstructured};
use dtt_core::{
    EndpointAddr, SecretKey, parse,
    wire::v2::{Root, Ticket, TicketError},
};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 3 {
        0 => {
            if let Ok(text) = std::str::from_utf8(rest) {
                drop(read(text));
            }
        }
        1 => content(rest),
        _ => {
            if let Ok(parts) = Parts::arbitrary(&mut Unstructured::new(rest)) {
                write(parts);
            }
        }
    }
});

/// A text that is read is written again as it was. The error of any other text repeats no more than a character of it.
fn read(text: &str) -> Result<Ticket, TicketError> {
    let result: Result<Ticket, _> = text.parse();
    match &result {
        Ok(ticket) => {
            let again = ticket.to_text();
            assert!((Ticket::MIN_CHARACTERS..=Ticket::MAX_CHARACTERS).contains(&again.len()));
            assert!(again.starts_with("dtt"));
            assert_eq!(again.parse::<Ticket>().as_ref(), Ok(ticket));
            assert_eq!(format!("{ticket:?}"), "Ticket");
        }
        Err(error) => assert!(error.to_string().len() < 120),
    }
    result
}

/// Contents that only a defective or hostile program writes.
fn content(content: &[u8]) {
    let checksum = Sha256::new().chain_update(b"dtt/2 ticket").chain_update(content).finalize();
    let bytes = [content, &checksum[..4]].concat();
    let text = format!("dtt{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase());
    match read(&text) {
        Ok(ticket) => {
            assert_eq!((content[0], &content[1..33]), (2, &ticket.root().as_bytes()[..]));
            let name = ticket.name().unwrap_or_default();
            assert_eq!(content[34..34 + usize::from(content[33])], *name.as_bytes());
            assert!(ticket.nodes().len() <= Ticket::MAX_NODES);
            assert!(ticket.nodes().iter().all(|node| node.addrs.len() <= Ticket::MAX_ADDRESSES));
        }
        Err(TicketError::Version(version)) => assert!(version == content[0] && version != 2),
        Err(TicketError::Content(_)) => assert_eq!(content[0], 2),
        Err(TicketError::TooShort { size }) => assert!(size == text.len() && size < Ticket::MIN_CHARACTERS),
        Err(TicketError::TooLong { size }) => assert!(size == text.len() && size > Ticket::MAX_CHARACTERS),
        Err(error) => panic!("{error}"),
    }
}

#[derive(Debug, Arbitrary)]
struct Parts {
    root: [u8; 32],
    name: String,
    nodes: Vec<(u8, Option<String>, Vec<SocketAddr>)>,
    change: (u16, u8),
}

/// A ticket of any parts within the limits is read as it was written, and a changed one is not read.
fn write(parts: Parts) {
    let ticket = Ticket::new(Root::from_bytes(&parts.root));
    let Ok(ticket) = ticket.with_name(&parts.name) else {
        return assert!(parts.name.len() > Ticket::MAX_NAME_BYTES || parts.name.chars().any(char::is_control));
    };
    let count = parts.nodes.len();
    let nodes = parts.nodes.into_iter().map(|(seed, relay, addresses)| {
        let node = EndpointAddr::new(SecretKey::from_bytes(&[seed; 32]).public());
        let node = addresses.into_iter().fold(node, EndpointAddr::with_ip_addr);
        match relay.and_then(|relay| parse::relay_url(&relay).ok()) {
            Some(relay) => node.with_relay_url(relay),
            None => node,
        }
    });
    let Ok(ticket) = ticket.with_nodes(nodes) else { return assert!(count > Ticket::MAX_NODES) };
    let text = ticket.to_text();
    assert_eq!(read(&text).as_ref(), Ok(&ticket));
    let (at, to) = (usize::from(parts.change.0) % text.len(), char::from(parts.change.1));
    let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
    assert!(read(&changed).is_err() || changed.trim().eq_ignore_ascii_case(&text));
}
