//! Values of a slot of version 2. Byte 0 chooses what the rest is: a value, a plaintext that is sealed, or a minute and
//! a content that are signed and sealed.

#![no_main]

use dtt_core::{
    Record, RecordError,
    wire::{
        MAX_SEALED_BYTES, RecordContent,
        v2::{MAX_RECORD_BYTES, PERIOD, Period, RECORD_OVERHEAD, TOLERANCE, TopicKeys, accepted_minutes, decode_hints},
    },
};
use dtt_lab_fuzz::member;
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

/// The time of the test vectors.
const NOW: u64 = 1_763_596_805;

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    let keys = TopicKeys::new(member::root(), None);
    match mode % 3 {
        0 => drop(open(&keys, rest)),
        1 => sealed_plaintext(&keys, rest),
        _ => signed_content(&keys, rest),
    }
});

fn open(keys: &TopicKeys, value: &[u8]) -> Result<Record, RecordError> {
    let period = keys.period(Period::at(NOW));
    let opened = period.open(value, NOW);
    let elsewhere = keys.period(Period::at(NOW + PERIOD)).open(value, NOW);
    assert!(elsewhere.is_err(), "a value opens in another slot");
    match &opened {
        Ok(record) => {
            assert_eq!(record.topic(), keys.topic_id().hash());
            record.verify(&keys.topic_id().hash(), record.unix_minute()).expect("opening has verified it");
            let again = period.seal(record).expect("it fits, as it did before");
            assert_eq!(again.len(), value.len());
            assert_eq!(period.open(&again, NOW).as_ref(), Ok(record));
            let late = NOW + 3 * (PERIOD + TOLERANCE);
            assert!(matches!(period.open(value, late), Err(RecordError::Age { .. })));
            // The content decides which bit is changed.
            let at = value.iter().map(|byte| usize::from(*byte)).sum::<usize>() % value.len();
            let mut changed = value.to_vec();
            changed[at] ^= 1 << (value[0] % 8);
            assert_eq!(period.open(&changed, NOW), Err(RecordError::Sealed), "byte {at} can be changed");
        }
        Err(RecordError::TooLong { size, limit }) => {
            assert_eq!((*size, *limit), (value.len(), MAX_SEALED_BYTES));
            assert!(value.len() > MAX_SEALED_BYTES);
        }
        Err(_) => assert!(value.len() <= MAX_SEALED_BYTES),
    }
    opened
}

/// A member may seal any bytes. Only a true record is accepted, and it is exactly these bytes.
fn sealed_plaintext(keys: &TopicKeys, plaintext: &[u8]) {
    let value = member::seal_v2(plaintext, keys, Period::at(NOW), plaintext.len() as u64);
    assert_eq!(value.len(), plaintext.len() + RECORD_OVERHEAD);
    match open(keys, &value) {
        Ok(record) => assert_eq!(record.to_bytes(), plaintext),
        Err(RecordError::Sealed) => panic!("a sealed value does not open"),
        Err(RecordError::TooShort { size, limit }) => {
            assert_eq!((size, limit), (plaintext.len(), Record::MIN_BYTES));
        }
        Err(_) => assert!(plaintext.len() >= Record::MIN_BYTES),
    }
}

/// A member's record shows its content, whatever that is, as long as its minute is accepted.
fn signed_content(keys: &TopicKeys, rest: &[u8]) {
    let Some((minute, content)) = rest.split_first_chunk::<2>() else { return };
    let minute = NOW / 60 + u64::from(u16::from_le_bytes(*minute)) - u64::from(u16::MAX) / 2;
    let node = SigningKey::from_bytes(&[7; 32]);
    let record = Record::sign_content(keys.topic_id().hash(), minute, RecordContent(content.to_vec()), &node);
    let value = member::seal_v2(&record.to_bytes(), keys, Period::at(NOW), 7);
    match open(keys, &value) {
        Ok(opened) => {
            assert_eq!(opened, record);
            assert!(accepted_minutes(NOW).contains(&minute));
            let _ = decode_hints(content.get(320..).unwrap_or_default());
        }
        Err(RecordError::Age { found, earliest, latest }) => {
            assert_eq!((found, earliest..=latest), (minute, accepted_minutes(NOW)));
            assert!(!accepted_minutes(NOW).contains(&minute));
        }
        Err(error) => {
            assert!(matches!(error, RecordError::TooLong { .. }), "{error}");
            assert!(record.to_bytes().len() > MAX_RECORD_BYTES);
        }
    }
}
