//! Sealed records: one HPKE box, bound to its purpose and to its slot.

use super::{PeriodKeys, accepted_minutes};
use crate::{
    error::RecordError,
    wire::{
        AddressHint, GossipRecordContent, HintOwner, HintsError, MAX_SEALED_BYTES, Record, hints, seals::SEAL_OVERHEAD,
    },
};

const INFO: &[u8] = b"dtt/2 record";

/// How many bytes a sealed record is larger than the record: encapsulated key (32) ‖ tag (16).
pub const RECORD_OVERHEAD: usize = SEAL_OVERHEAD;

/// The largest record in bytes with which a sealed record still fits into a DHT value of 996 bytes.
pub const MAX_RECORD_BYTES: usize = MAX_SEALED_BYTES - RECORD_OVERHEAD;

/// The largest address extension in bytes, so that a sealed gossip record stays within 996 bytes.
pub const MAX_HINTS_BYTES: usize = MAX_RECORD_BYTES - Record::MIN_BYTES - GossipRecordContent::BYTES;

/// [`crate::wire::encode_hints`] with the room that a record of version 2 has: [`MAX_HINTS_BYTES`].
pub fn encode_hints<'a>(hints: impl IntoIterator<Item = (HintOwner, &'a AddressHint)>) -> Vec<u8> {
    hints::encode_within(MAX_HINTS_BYTES, hints)
}

/// [`crate::wire::decode_hints`] with the room that a record of version 2 has: [`MAX_HINTS_BYTES`].
pub fn decode_hints(bytes: &[u8]) -> Result<Vec<(HintOwner, AddressHint)>, HintsError> {
    hints::decode_within(MAX_HINTS_BYTES, bytes)
}

impl PeriodKeys {
    /// Seals a record of this topic into a value for this slot: encapsulated key (32) ‖ ciphertext ‖ tag (16), at most
    /// 996 bytes. A larger record is an error, since no DHT node would store it.
    pub fn seal(&self, record: &Record) -> Result<Vec<u8>, RecordError> {
        let bytes = record.to_bytes();
        let size = bytes.len() + RECORD_OVERHEAD;
        if size > MAX_SEALED_BYTES {
            return Err(RecordError::TooLong { size, limit: MAX_SEALED_BYTES });
        }
        Ok(self.key.seal_for(INFO, &self.target, &bytes))
    }

    /// Opens a value from this slot, and verifies its topic, its minute and its signature (strictly).
    ///
    /// The minute need not be one of this period. It must be one of [`accepted_minutes`] at the reader's time.
    pub fn open(&self, value: &[u8], unix_seconds: u64) -> Result<Record, RecordError> {
        let size = value.len();
        if size > MAX_SEALED_BYTES {
            return Err(RecordError::TooLong { size, limit: MAX_SEALED_BYTES });
        }
        let record = Record::from_bytes(self.key.open_for(INFO, &self.target, value)?.to_vec())?;
        if record.topic() != self.topic {
            return Err(RecordError::Topic);
        }
        let (found, accepted) = (record.unix_minute(), accepted_minutes(unix_seconds));
        if !accepted.contains(&found) {
            return Err(RecordError::Age { found, earliest: *accepted.start(), latest: *accepted.end() });
        }
        record.verify_signature()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{
        RecordContent,
        v2::{PERIOD, Period, Root, TOLERANCE, TopicKeys},
    };

    const NOW: u64 = 1_700_000_000;

    fn keys() -> TopicKeys {
        TopicKeys::new(Root::from_bytes(&[1; 32]), None)
    }

    fn record(content: usize, unix_seconds: u64) -> Record {
        let node = SigningKey::from_bytes(&[7; 32]);
        Record::sign_content(keys().topic_id().hash(), unix_seconds / 60, RecordContent(vec![0xAB; content]), &node)
    }

    #[test]
    fn the_largest_record_fits_a_dht_value_exactly() {
        assert_eq!((RECORD_OVERHEAD, MAX_RECORD_BYTES, MAX_HINTS_BYTES), (48, 948, 492));
        let slot = keys().period(Period::at(NOW));
        let largest = record(GossipRecordContent::BYTES + MAX_HINTS_BYTES, NOW);
        let value = slot.seal(&largest).unwrap();
        assert_eq!(value.len(), MAX_SEALED_BYTES);
        assert_eq!(slot.open(&value, NOW).unwrap(), largest);
        let larger = record(GossipRecordContent::BYTES + MAX_HINTS_BYTES + 1, NOW);
        assert_eq!(slot.seal(&larger), Err(RecordError::TooLong { size: 997, limit: 996 }));
        assert_eq!(slot.open(&[0; 997], NOW), Err(RecordError::TooLong { size: 997, limit: 996 }));
        assert_eq!(slot.open(&[0; 47], NOW), Err(RecordError::TooShort { size: 47, limit: 48 }));
        let plain = slot.key.seal_for(INFO, &slot.target, &[0; 135]);
        assert_eq!(slot.open(&plain, NOW), Err(RecordError::TooShort { size: 135, limit: 136 }));
    }

    #[test]
    fn a_value_opens_in_its_own_slot_alone() {
        let (here, next) = (keys().period(Period::at(NOW)), keys().period(Period::at(NOW + PERIOD)));
        let value = here.seal(&record(320, NOW)).unwrap();
        assert_eq!(next.open(&value, NOW), Err(RecordError::Sealed));
        // Even with the same sealing key, as a rotation may have it.
        let moved = here.key.seal_for(INFO, next.target(), &record(320, NOW).to_bytes());
        assert_eq!(here.open(&moved, NOW), Err(RecordError::Sealed));
        let other_purpose = here.key.seal_for(b"dtt/2 other", here.target(), &record(320, NOW).to_bytes());
        assert_eq!(here.open(&other_purpose, NOW), Err(RecordError::Sealed));
        assert_eq!(here.open(&here.key.seal(&[0; 200]), NOW), Err(RecordError::Sealed), "a box of version 1");
    }

    #[test]
    fn a_record_is_refused_by_its_reason() {
        let slot = keys().period(Period::at(NOW));
        let node = SigningKey::from_bytes(&[7; 32]);
        let foreign = Record::sign_content([9; 32], NOW / 60, RecordContent(vec![]), &node);
        assert_eq!(slot.open(&slot.seal(&foreign).unwrap(), NOW), Err(RecordError::Topic));
        for (signed_at, accepted) in [
            (NOW - PERIOD - TOLERANCE, true),
            (NOW - PERIOD - TOLERANCE - 60, false),
            (NOW + TOLERANCE, true),
            (NOW + TOLERANCE + 60, false),
        ] {
            let opened = slot.open(&slot.seal(&record(320, signed_at)).unwrap(), NOW);
            assert_eq!(opened.is_ok(), accepted, "{signed_at}");
            if let Err(error) = opened {
                let (earliest, latest) = ((NOW - PERIOD - TOLERANCE) / 60, (NOW + TOLERANCE) / 60);
                assert_eq!(error, RecordError::Age { found: signed_at / 60, earliest, latest });
                assert!(error.to_string().contains(&format!("minutes {earliest} to {latest} are accepted now")));
            }
        }
        let mut forged = record(320, NOW).to_bytes();
        forged[100] ^= 1;
        let forged = Record::from_bytes(forged).unwrap();
        assert_eq!(slot.open(&slot.seal(&forged).unwrap(), NOW), Err(RecordError::Signature));
        let mut weak = record(320, NOW).to_bytes();
        // A key of low order: with lax verification, anyone can sign anything with it.
        weak[40..72].copy_from_slice(&[&[1u8][..], &[0; 31]].concat());
        let weak = Record::from_bytes(weak).unwrap();
        assert_eq!(slot.open(&slot.seal(&weak).unwrap(), NOW), Err(RecordError::Signature));
    }

    #[test]
    fn the_address_extension_has_more_room_than_in_version_1() {
        let hints: Vec<_> = (0..100).map(|n| AddressHint::Ip(([10, 0, 0, n], 1).into())).collect();
        let bytes = encode_hints(hints.iter().map(|hint| (HintOwner::Publisher, hint)));
        assert!(bytes.len() <= MAX_HINTS_BYTES);
        assert_eq!(decode_hints(&bytes).unwrap().len(), (MAX_HINTS_BYTES - 2) / 8);
        assert_eq!(decode_hints(&[0; 493]), Err(HintsError::TooLong { size: 493, limit: 492 }));
    }

    proptest! {
        #[test]
        fn records_survive_a_round_trip_and_no_bit_can_be_changed(
            content in 0usize..=812, at: usize, bit in 0u32..8, root: [u8; 32]
        ) {
            let keys = TopicKeys::new(Root::from_bytes(&root), None);
            let slot = keys.period(Period::at(NOW));
            let node = SigningKey::from_bytes(&[7; 32]);
            let content = RecordContent(vec![0xAB; content]);
            let record = Record::sign_content(keys.topic_id().hash(), NOW / 60, content, &node);
            let mut value = slot.seal(&record).unwrap();
            prop_assert_eq!(slot.open(&value, NOW).unwrap(), record);
            let at = at % value.len();
            value[at] ^= 1u8 << bit;
            prop_assert_eq!(slot.open(&value, NOW), Err(RecordError::Sealed));
        }

        #[test]
        fn noise_never_opens(noise in prop::collection::vec(any::<u8>(), 0..1100)) {
            prop_assert!(keys().period(Period::at(NOW)).open(&noise, NOW).is_err());
        }
    }
}
