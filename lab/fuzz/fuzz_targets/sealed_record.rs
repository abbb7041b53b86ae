//! Values of a slot. Byte 0 chooses what the rest is: a value, a plaintext that is sealed, or a content that is signed
//! and sealed.

#![no_main]

use dtt_core::{
    EncryptedRecord, GossipRecordContent, Record, RecordError,
    tracker::SeenRecord,
    wire::{MAX_SEALED_BYTES, RecordContent, decode_hints},
};
use dtt_lab_fuzz::member;
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

/// The minute of the test vectors.
const MINUTE: u64 = 29_394_001;

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 3 {
        0 => drop(open(rest)),
        1 => sealed_plaintext(rest),
        _ => signed_content(rest),
    }
});

/// Both ways to open a value agree, and a record that opens can be sealed and opened again.
fn open(value: &[u8]) -> Result<Record, RecordError> {
    let keys = member::keys().minute(MINUTE);
    let fast = keys.open(value);
    let slow = by_hand(value);
    assert_eq!(fast, slow);
    if let Ok(sealed) = EncryptedRecord::from_bytes(value.to_vec()) {
        match sealed.to_bytes() {
            Ok(bytes) => assert_eq!(bytes, value),
            Err(error) => {
                assert_eq!(error, RecordError::TooLong { size: value.len(), limit: MAX_SEALED_BYTES });
                assert!(value.len() > MAX_SEALED_BYTES);
            }
        }
    }
    if let Ok(record) = &fast {
        record.verify(&member::topic().hash(), MINUTE).expect("opening has verified it");
        if let Ok(again) = keys.seal(record) {
            assert_eq!(keys.open(&again).as_ref(), Ok(record));
        }
    }
    fast
}

/// The single steps that a program of the peer implementation takes.
fn by_hand(value: &[u8]) -> Result<Record, RecordError> {
    let record = EncryptedRecord::from_bytes(value.to_vec())?.decrypt(&member::encryption_key(MINUTE))?;
    record.verify(&member::topic().hash(), MINUTE)?;
    Ok(record)
}

/// A member may seal any bytes. They open as exactly these bytes, and only a true record is accepted.
fn sealed_plaintext(plaintext: &[u8]) {
    let value = member::seal(plaintext, &member::encryption_key(MINUTE), plaintext.len() as u64);
    let opened =
        EncryptedRecord::from_bytes(value.clone()).and_then(|sealed| sealed.decrypt(&member::encryption_key(MINUTE)));
    match (&opened, Record::from_bytes(plaintext.to_vec())) {
        (Ok(opened), Ok(record)) => assert_eq!(*opened, record),
        (Err(RecordError::TooLong { .. }), _) => assert!(value.len() > MAX_SEALED_BYTES),
        (Err(error), Err(plain)) => assert_eq!(*error, plain),
        (opened, plain) => panic!("sealed {opened:?}, plain {plain:?}"),
    }
    let accepted = open(&value).is_ok();
    assert!(!accepted || opened.is_ok_and(|record| record.to_bytes() == plaintext));
}

/// A member's record shows its content, whatever that is.
fn signed_content(content: &[u8]) {
    let node = SigningKey::from_bytes(&[7; 32]);
    let record = Record::sign_content(member::topic().hash(), MINUTE, RecordContent(content.to_vec()), &node);
    let value = member::seal(&record.to_bytes(), &member::encryption_key(MINUTE), 7);
    match open(&value) {
        Ok(opened) => {
            assert_eq!(opened, record);
            let seen = SeenRecord::of(opened.unix_minute(), &opened);
            assert_eq!((seen.publisher, seen.minute), (node.verifying_key().to_bytes(), MINUTE));
            assert!(content.len() >= GossipRecordContent::BYTES || seen.peers.is_empty() && seen.hashes.is_empty());
            let _ = decode_hints(content.get(GossipRecordContent::BYTES..).unwrap_or_default());
        }
        Err(error) => {
            assert!(matches!(error, RecordError::TooLong { .. }), "{error}");
            assert!(value.len() > MAX_SEALED_BYTES);
        }
    }
}
