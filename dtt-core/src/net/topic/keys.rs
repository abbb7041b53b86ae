//! A topic's keys in either version of the protocol.

use std::ops::RangeInclusive;

use mainline::MutableItem;

use crate::{
    config::Protocol,
    error::{RecordError, Result},
    net::dht::Place,
    tracker::PeerId,
    wire::{
        AddressHint, HintOwner, MinuteKeys, Record, Slot, TopicId, TopicKeys, encode_hints,
        v2::{self, Period, PeriodKeys},
    },
};

/// The keys of a topic's member.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    V1(TopicKeys),
    V2(v2::TopicKeys),
}

impl Keys {
    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::V1(_) => Protocol::V1,
            Self::V2(_) => Protocol::V2,
        }
    }

    pub(crate) fn topic_id(&self) -> &TopicId {
        match self {
            Self::V1(keys) => keys.topic_id(),
            Self::V2(keys) => keys.topic_id(),
        }
    }

    /// Whether both are the keys of one topic, with the same secret and the very same rotation object.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::V1(one), Self::V1(other)) => one.same(other),
            (Self::V2(one), Self::V2(other)) => one.same(other),
            _ => false,
        }
    }

    /// The keys of a slot: that of a minute, or that of a period. This calls the rotation.
    pub(super) fn slot(&self, slot: u64) -> SlotKeys {
        match self {
            Self::V1(keys) => SlotKeys::V1(Box::new(keys.minute(slot))),
            Self::V2(keys) => SlotKeys::V2(Box::new(keys.period(Period::from_number(slot)))),
        }
    }

    /// The slots of all clocks that may be right at a time.
    pub(super) fn slots_at(&self, unix_seconds: u64) -> Vec<u64> {
        match self {
            Self::V1(_) => vec![unix_seconds / 60],
            Self::V2(_) => Period::to_read(unix_seconds).map(Period::number).collect(),
        }
    }

    /// Whether newcomers read a slot at a time.
    pub(super) fn is_read(&self, slot: u64, unix_seconds: u64) -> bool {
        match self {
            Self::V1(_) => slot.saturating_add(1) >= unix_seconds / 60,
            Self::V2(_) => Period::to_read(unix_seconds).any(|period| period.number() == slot),
        }
    }

    /// The slots around a time in which records of members stand whose clocks are off. `far`: minutes on either side.
    pub(super) fn slots_around(&self, unix_seconds: u64, far: RangeInclusive<u64>) -> Vec<u64> {
        match self {
            Self::V1(_) => {
                let now = unix_seconds / 60;
                far.flat_map(|far| [now.saturating_add(far), now.saturating_sub(far)]).collect()
            }
            Self::V2(_) => {
                let now = Period::at(unix_seconds).number();
                (0..=2).flat_map(|far| [now + far, now.saturating_sub(far)]).skip(1).collect()
            }
        }
    }
}

/// The keys of one slot.
#[derive(Debug)]
pub(super) enum SlotKeys {
    V1(Box<MinuteKeys>),
    V2(Box<PeriodKeys>),
}

impl SlotKeys {
    /// Where the slot is in the DHT.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::V1(keys) => Place { key: keys.slot().public_key(), salt: Some(keys.slot().salt().to_vec()) },
            Self::V2(keys) => Place { key: keys.slot().public_key(), salt: None },
        }
    }

    /// Opens and verifies a value from the slot.
    pub(super) fn open(&self, value: &[u8], unix_seconds: u64) -> Result<Record, RecordError> {
        match self {
            Self::V1(keys) => keys.open(value),
            Self::V2(keys) => keys.open(value, unix_seconds),
        }
    }

    /// The minute of another node's record, if it shows that one of the two clocks is off. The slots of version 1 that
    /// are looked at for this are those of such minutes.
    pub(super) fn minute_of_other_clock(&self, value: &[u8], me: PeerId, unix_seconds: u64) -> Option<u64> {
        match (self, self.open(value, unix_seconds)) {
            (Self::V1(_), Ok(record)) => Some(record.unix_minute()).filter(|_| record.pub_key() != me),
            (Self::V2(_), Err(RecordError::Age { found, .. })) => Some(found),
            _ => None,
        }
    }

    /// Whether nothing can be stored, since a member has written the largest sequence number.
    pub(super) fn is_blocked(&self, highest_seen: Option<i64>) -> bool {
        matches!(self, Self::V2(_)) && v2::Slot::next_seq(0, highest_seen).is_none()
    }

    /// The minute for which a record of this slot is signed at a time.
    pub(super) fn record_minute(&self, unix_seconds: u64) -> u64 {
        match self {
            Self::V1(keys) => keys.slot().minute(),
            Self::V2(_) => unix_seconds / 60,
        }
    }

    /// The address extension of a record.
    pub(super) fn encode_hints(&self, hints: &[(HintOwner, AddressHint)]) -> Vec<u8> {
        let hints = hints.iter().map(|(owner, hint)| (*owner, hint));
        match self {
            Self::V1(_) => encode_hints(hints),
            Self::V2(_) => v2::encode_hints(hints),
        }
    }

    /// The item that stores a record. `None` if the slot is blocked.
    pub(super) fn item(&self, record: &Record, unix_ms: u64, highest_seen: Option<i64>) -> Result<Option<Stored>> {
        Ok(match self {
            Self::V1(keys) => {
                let (slot, value) = (keys.slot(), keys.seal(record)?);
                let item = MutableItem::new(slot.signing_key().clone(), &value, Slot::SEQ, Some(slot.salt()));
                // The deployed protocol compares the sequence number, which is always the same.
                Some(Stored { item, cas: Some(Slot::SEQ) })
            }
            Self::V2(keys) => {
                let value = keys.seal(record)?;
                let seq = v2::Slot::next_seq(unix_ms, highest_seen);
                seq.map(|seq| MutableItem::new(keys.slot().signing_key().clone(), &value, seq, None))
                    .map(|item| Stored { item, cas: None })
            }
        })
    }
}

/// What is stored, and the sequence number with which it is compared.
pub(super) struct Stored {
    pub(super) item: MutableItem,
    pub(super) cas: Option<i64>,
}
