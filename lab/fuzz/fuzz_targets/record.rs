//! Records without their seal. Byte 0 chooses what the rest is: a record's bytes, or a content that is signed.

#![no_main]

use dtt_core::{GossipRecordContent, Record, RecordError, tracker::SeenRecord, wire::RecordContent};
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 {
        decode(rest);
    } else {
        sign(rest);
    }
});

fn decode(bytes: &[u8]) {
    let record = match Record::from_bytes(bytes.to_vec()) {
        Ok(record) => record,
        Err(error) => {
            assert_eq!(error, RecordError::TooShort { size: bytes.len(), limit: Record::MIN_BYTES });
            assert!(bytes.len() < Record::MIN_BYTES);
            return;
        }
    };
    assert_eq!(record.to_bytes(), bytes);
    content(&record);
    let (topic, minute) = (record.topic(), record.unix_minute());
    let verified = record.verify(&topic, minute);
    if verified.is_ok() {
        assert_eq!(record.verify(&topic, minute ^ 1), Err(RecordError::Minute { found: minute, slot: minute ^ 1 }));
        let mut other = topic;
        other[0] ^= 1;
        assert_eq!(record.verify(&other, minute), Err(RecordError::Topic));
        // A signature is valid for one record only. The record itself decides which bit is changed here.
        let at = usize::from(bytes[bytes.len() - 1]) * 7 % bytes.len();
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << (bytes[0] % 8);
        let changed = Record::from_bytes(changed).expect("the size is the same");
        assert!(changed.verify(&changed.topic(), changed.unix_minute()).is_err(), "byte {at} can be changed");
    }
}

/// The content means the same to every reader.
fn content(record: &Record) {
    let bytes = record.content_bytes();
    let content = record.content::<GossipRecordContent>();
    assert_eq!(content.is_ok(), bytes.len() >= GossipRecordContent::BYTES);
    let seen = SeenRecord::of(record.unix_minute(), record);
    assert_eq!((seen.publisher, seen.minute), (record.pub_key(), record.unix_minute()));
    let Ok(content) = content else {
        return assert!(seen.peers.is_empty() && seen.hashes.is_empty());
    };
    assert!(seen.peers.len() <= content.active_peers.len() && !seen.peers.contains(&[0; 32]));
    assert!(seen.hashes.len() <= content.last_message_hashes.len() && !seen.hashes.contains(&[0; 32]));
    let encoded = RecordContent::from_arbitrary(&content).expect("a content encodes");
    assert_eq!(encoded.0, bytes[..GossipRecordContent::BYTES]);
}

fn sign(rest: &[u8]) {
    let Some((head, content)) = rest.split_first_chunk::<9>() else { return };
    let key = SigningKey::from_bytes(&[head[0]; 32]);
    let minute = u64::from_le_bytes(head[1..].try_into().expect("8 bytes"));
    let record = Record::sign_content([head[0] ^ 1; 32], minute, RecordContent(content.to_vec()), &key);
    record.verify(&[head[0] ^ 1; 32], minute).expect("its own signature holds");
    assert_eq!(record.content_bytes(), content);
    decode(&record.to_bytes());
}
