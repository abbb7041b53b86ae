//! Names, ids, and the input of bindings and command lines. Byte 0 chooses the reader.

#![no_main]

use std::net::SocketAddr;

use dtt_core::wire::{Slot, TopicKeys, message_hash, secret_hash};
use dtt_core::{
    DhtConfig, ErrorKind, RotationHandle, TopicConfig, TopicId, encryption_keypair, parse, salt, signing_keypair,
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha512};

fuzz_target!(|data: &[u8]| {
    let Some((reader, rest)) = data.split_first() else { return };
    match reader % 6 {
        0 => topic(rest),
        1 => keys(rest),
        2 => node_keys(rest),
        3 => with_text(rest, socket_addr),
        4 => with_text(rest, relay_url),
        _ => with_text(rest, bootstrap),
    }
});

fn with_text(bytes: &[u8], read: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
}

/// The protocol's hash in its plainest form.
fn plain_hash(parts: &[&[u8]]) -> [u8; 32] {
    Sha512::digest(parts.concat())[..32].try_into().expect("32 of 64 bytes")
}

fn topic(name: &[u8]) {
    let id = TopicId::new(name);
    assert_eq!(id.hash(), plain_hash(&[name]));
    assert_eq!(id, TopicId::from_hash(&id.hash()));
    assert_eq!(message_hash(name), id.hash());
    let text = id.to_string();
    assert!(text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    let back = (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("two digits"));
    assert!(back.eq(id.hash()));
    if let Ok(name) = std::str::from_utf8(name) {
        let parsed: TopicId = name.parse().expect("any text is a name");
        assert!(
            [parsed, name.into(), name.to_owned().into(), name.as_bytes().to_vec().into()].iter().all(|it| *it == id)
        );
    }
}

/// Any name, secret and minute give a slot and keys, and the members of a topic agree on them.
fn keys(bytes: &[u8]) {
    let Some((head, rest)) = bytes.split_first_chunk::<9>() else { return };
    let (name, secret) = rest.split_at(usize::from(head[0]).min(rest.len()));
    let minute = u64::from_le_bytes(head[1..].try_into().expect("8 bytes"));
    let topic = TopicId::new(name);
    let slot = Slot::new(&topic, minute);
    let little = minute.to_le_bytes();
    assert_eq!(slot.signing_key().to_bytes(), plain_hash(&[&topic.hash(), &little]));
    assert_eq!(slot.signing_key(), &signing_keypair(&topic, minute));
    assert_eq!(*slot.salt(), plain_hash(&[b"salt", &topic.hash(), &little]));
    assert_eq!((*slot.salt(), slot.minute()), (salt(&topic, minute), minute));
    let members = TopicKeys::new(topic, secret, None);
    assert_eq!(members.secret_hash(), plain_hash(&[secret]));
    assert_eq!(members.minute(minute).slot().target(), slot.target());
    let key = encryption_keypair(&topic, &RotationHandle::default(), secret_hash(secret), minute);
    assert_eq!(key.to_bytes(), plain_hash(&[&topic.hash(), &minute.to_be_bytes(), &members.secret_hash()]));
    let shown = format!("{members:?}{:?}", members.minute(minute));
    // If the topic's name is also the secret, the secret is not hidden.
    assert!(name == secret || !shown.contains(&hex(&members.secret_hash())));
}

fn node_keys(bytes: &[u8]) {
    let array: Option<&[u8; 32]> = bytes.try_into().ok();
    let secret = parse::secret_key(bytes);
    assert_eq!(secret.is_ok(), array.is_some());
    if let (Ok(key), Some(array)) = (&secret, array) {
        assert_eq!(key.to_bytes(), *array);
        assert_eq!(*key.public().as_bytes(), SigningKey::from_bytes(array).verifying_key().to_bytes());
    }
    let id = parse::endpoint_id(bytes);
    assert_eq!(id.is_ok(), array.is_some_and(|array| VerifyingKey::from_bytes(array).is_ok()));
    match id {
        Ok(id) => assert_eq!(&id.as_bytes()[..], bytes),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidArgument),
    }
    if let Err(error) = secret {
        assert_eq!(error.to_string(), format!("secret_key: {} bytes are given, 32 bytes are needed", bytes.len()));
    }
}

fn socket_addr(text: &str) {
    match parse::socket_addr(text) {
        Ok(address) => {
            assert_eq!(address.to_string().parse::<SocketAddr>().expect("a printed address parses"), address)
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidArgument),
    }
}

fn relay_url(text: &str) {
    match parse::relay_url(text) {
        Ok(url) => {
            assert!(matches!(url.scheme(), "https" | "http") && url.host().is_some());
            let again = parse::relay_url(&url.to_string()).expect("a printed URL parses");
            assert_eq!(again, url);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidArgument),
    }
}

/// The bootstrap nodes of a configuration: every accepted node has a host and a port.
fn bootstrap(text: &str) {
    let dht = DhtConfig::builder().bootstrap(Some(text.lines().map(str::to_owned).collect())).build();
    let config = TopicConfig::builder().dht_config(dht).build();
    match config.validate() {
        Ok(()) => {
            for node in text.lines() {
                let (host, port) = node.rsplit_once(':').expect("host and port");
                assert!(!host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
            }
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidArgument),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
