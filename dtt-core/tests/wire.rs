//! Tests the wire format against values that the peer implementation computed, and every decoder against noise.

use dtt_core::{
    EncryptedRecord, GossipRecordContent, Record, RecordError, RotationHandle, TopicId, encryption_keypair, salt,
    signing_keypair,
    wire::{
        AddressHint, HintOwner, MAX_HINTS_BYTES, MAX_SEALED_BYTES, RecordContent, Slot, decode_hints, encode_hints,
        secret_hash,
    },
};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("data/vectors-v1.json")).expect("the vectors are JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a hexadecimal text");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal")).collect()
}

fn bytes32(value: &Value) -> [u8; 32] {
    bytes(value).try_into().expect("32 bytes")
}

fn entries(value: &Value) -> [[u8; 32]; 5] {
    let list: Vec<_> = value.as_array().expect("a list").iter().map(bytes32).collect();
    list.try_into().expect("5 entries")
}

#[test]
fn topic_ids() {
    let vectors = vectors();
    let topics = vectors["topics"].as_array().unwrap();
    assert!(!topics.is_empty());
    for vector in topics {
        let id = TopicId::new(bytes(&vector["name_hex"]));
        assert_eq!(id.hash(), bytes32(&vector["topic_id"]));
        assert_eq!(id.to_string(), vector["topic_id"].as_str().unwrap());
    }
}

#[test]
fn keys_salts_and_targets() {
    let vectors = vectors();
    let keys = vectors["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for vector in keys {
        let topic = TopicId::new(vector["topic"].as_str().unwrap());
        let minute = vector["unix_minute"].as_u64().unwrap();
        let hash = secret_hash(&bytes(&vector["initial_secret_hex"]));
        assert_eq!(hash, bytes32(&vector["initial_secret_hash"]));
        let signing = signing_keypair(&topic, minute);
        assert_eq!(signing.to_bytes(), bytes32(&vector["dht_signing_seed"]));
        assert_eq!(signing.verifying_key().to_bytes(), bytes32(&vector["dht_signing_public"]));
        assert_eq!(salt(&topic, minute), bytes32(&vector["dht_salt"]));
        let slot = Slot::new(&topic, minute);
        assert_eq!(slot.target().to_vec(), bytes(&vector["dht_target"]));
        let encryption = encryption_keypair(&topic, &RotationHandle::default(), hash, minute);
        assert_eq!(encryption.to_bytes(), bytes32(&vector["encryption_seed"]));
        assert_eq!(encryption.verifying_key().to_bytes(), bytes32(&vector["encryption_public"]));
    }
}

#[test]
fn records_and_sealed_records() {
    let vectors = vectors();
    let records = vectors["records"].as_array().unwrap();
    assert!(!records.is_empty());
    for vector in records {
        let topic = TopicId::new(vector["topic"].as_str().unwrap());
        let minute = vector["unix_minute"].as_u64().unwrap();
        let node = SigningKey::from_bytes(&bytes32(&vector["node_secret_key"]));
        let content = GossipRecordContent {
            active_peers: entries(&vector["active_peers"]),
            last_message_hashes: entries(&vector["last_message_hashes"]),
        };
        let record = Record::sign(topic.hash(), minute, content.clone(), &node).unwrap();
        assert_eq!(record.pub_key(), bytes32(&vector["node_id"]));
        assert_eq!(record.to_bytes(), bytes(&vector["record"]));
        assert_eq!(record.signature().to_vec(), bytes(&vector["signature"]));
        assert_eq!(Record::from_bytes(record.to_bytes()).unwrap(), record);
        assert_eq!(record.content::<GossipRecordContent>().unwrap(), content);

        let hash = secret_hash(&bytes(&vector["initial_secret_hex"]));
        let key = encryption_keypair(&topic, &RotationHandle::default(), hash, minute);
        let sealed = vector["sealed"].as_array().unwrap();
        assert!(!sealed.is_empty());
        for sealed in sealed {
            let opened = EncryptedRecord::from_bytes(bytes(sealed)).unwrap().decrypt(&key).unwrap();
            opened.verify(&topic.hash(), minute).unwrap();
            assert_eq!(opened, record);
        }
        let ours = record.encrypt(&key).to_bytes().unwrap();
        assert_eq!(ours.len(), 604);
        assert_eq!(EncryptedRecord::from_bytes(ours).unwrap().decrypt(&key).unwrap(), record);
    }
}

fn sample(content: &[u8]) -> (Record, SigningKey) {
    let node = SigningKey::from_bytes(&[7; 32]);
    (Record::sign_content([1; 32], 5, RecordContent(content.to_vec()), &node), SigningKey::from_bytes(&[8; 32]))
}

#[test]
fn the_largest_record_fits_a_dht_value_exactly() {
    let content = vec![0xAB; GossipRecordContent::BYTES + MAX_HINTS_BYTES];
    let (record, key) = sample(&content);
    assert_eq!(record.to_bytes().len(), Record::MAX_BYTES);
    assert_eq!(record.encrypt(&key).to_bytes().unwrap().len(), MAX_SEALED_BYTES);
    let (record, key) = sample(&[0; GossipRecordContent::BYTES + MAX_HINTS_BYTES + 1]);
    assert_eq!(record.encrypt(&key).to_bytes(), Err(RecordError::TooLong { size: 997, limit: 996 }));
}

#[test]
fn a_forged_or_foreign_record_is_refused_by_its_reason() {
    let (record, key) = sample(&[3; 320]);
    record.verify(&[1; 32], 5).unwrap();
    assert_eq!(record.verify(&[2; 32], 5), Err(RecordError::Topic));
    assert_eq!(record.verify(&[1; 32], 6), Err(RecordError::Minute { found: 5, slot: 6 }));
    let mut bytes = record.to_bytes();
    bytes[100] ^= 1;
    assert_eq!(Record::from_bytes(bytes).unwrap().verify(&[1; 32], 5), Err(RecordError::Signature));
    let mut bytes = record.to_bytes();
    // A key of low order: with lax verification, anyone can sign anything with it.
    bytes[40..72].copy_from_slice(&[&[1u8][..], &[0; 31]].concat());
    assert_eq!(Record::from_bytes(bytes).unwrap().verify(&[1; 32], 5), Err(RecordError::Signature));
    let other = SigningKey::from_bytes(&[9; 32]);
    assert_eq!(record.encrypt(&key).decrypt(&other), Err(RecordError::Sealed));
}

fn hint() -> impl Strategy<Value = (HintOwner, AddressHint)> {
    let owner = prop_oneof![Just(HintOwner::Publisher), (0u8..5).prop_map(HintOwner::Neighbor)];
    let address = prop_oneof![
        "[a-z:/.]{1,80}".prop_map(AddressHint::Relay),
        any::<([u8; 4], u16)>().prop_map(|(ip, port)| AddressHint::Ip((ip, port).into())),
        any::<([u8; 16], u16)>().prop_map(|(ip, port)| AddressHint::Ip((ip, port).into())),
    ];
    (owner, address)
}

proptest! {
    #[test]
    fn records_survive_a_round_trip(topic: [u8; 32], minute: u64, content in prop::collection::vec(any::<u8>(), 0..712)) {
        let node = SigningKey::from_bytes(&[7; 32]);
        let record = Record::sign_content(topic, minute, RecordContent(content), &node);
        prop_assert_eq!(&Record::from_bytes(record.to_bytes()).unwrap(), &record);
        prop_assert!(record.verify(&topic, minute).is_ok());
        let key = SigningKey::from_bytes(&[8; 32]);
        let sealed = record.encrypt(&key).to_bytes().unwrap();
        prop_assert_eq!(EncryptedRecord::from_bytes(sealed).unwrap().decrypt(&key).unwrap(), record);
    }

    #[test]
    fn noise_never_decodes_and_never_panics(noise in prop::collection::vec(any::<u8>(), 0..2200)) {
        let key = SigningKey::from_bytes(&[8; 32]);
        if let Ok(sealed) = EncryptedRecord::from_bytes(noise.clone()) {
            prop_assert!(sealed.decrypt(&key).is_err());
        }
        if let Ok(record) = Record::from_bytes(noise.clone()) {
            prop_assert!(record.verify(&record.topic(), record.unix_minute()).is_err());
            prop_assert_eq!(record.to_bytes(), noise.clone());
        }
        if let Ok(hints) = decode_hints(&noise) {
            prop_assert!(hints.len() <= MAX_HINTS_BYTES / 2);
        }
    }

    #[test]
    fn a_changed_byte_never_opens(at in 0usize..604, flip in 1u8..=255) {
        let (record, key) = sample(&[3; 320]);
        let mut sealed = record.encrypt(&key).to_bytes().unwrap();
        sealed[at] ^= flip;
        // The top bit of an X25519 public key is ignored (RFC 7748), but HPKE binds the key's bytes.
        let opened = EncryptedRecord::from_bytes(sealed).and_then(|sealed| sealed.decrypt(&key));
        prop_assert!(opened.is_err());
    }

    #[test]
    fn hints_survive_a_round_trip(hints in prop::collection::vec(hint(), 0..12)) {
        let bytes = encode_hints(hints.iter().map(|(owner, hint)| (*owner, hint)));
        prop_assert!(bytes.len() <= MAX_HINTS_BYTES);
        let decoded = decode_hints(&bytes).unwrap();
        prop_assert_eq!(&decoded[..], &hints[..decoded.len()]);
    }

    #[test]
    fn hints_after_the_magic_never_panic(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [&[0xD7, 0x01][..], &noise].concat();
        if let Ok(hints) = decode_hints(&bytes) {
            prop_assert!(bytes.len() <= MAX_HINTS_BYTES);
            prop_assert!(hints.len() <= bytes.len() / 2);
        }
    }
}
