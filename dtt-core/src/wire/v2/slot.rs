use std::fmt;

use ed25519_dalek::SigningKey;
use sha1_smol::Sha1;

/// Where the records of one topic and one period stand in the DHT: a BEP 44 mutable item without salt.
///
/// Only members can compute it. To everyone else, it is an item like any other.
#[derive(Clone)]
pub struct Slot {
    key: SigningKey,
}

impl Slot {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        Self { key: SigningKey::from_bytes(seed) }
    }

    /// The 32-byte public key that signs the item.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The key that signs the item. A secret of the topic's members, and the same for all of them.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    /// The 20-byte DHT target: SHA-1 over the public key (BEP 44, without salt).
    pub fn target(&self) -> [u8; 20] {
        Sha1::from(self.public_key()).digest().bytes()
    }

    /// The sequence number for a new item: the writer's unix time in milliseconds, or one more than the highest that it
    /// has seen in the slot, whichever is larger. So every kind of DHT node keeps the newest record.
    ///
    /// `None` means that no item can follow, because a member has written the largest number. The slot then keeps that
    /// member's item until the period ends.
    ///
    /// ```
    /// use dtt_core::wire::v2::Slot;
    ///
    /// assert_eq!(Slot::next_seq(1_700_000_000_000, None), Some(1_700_000_000_000));
    /// assert_eq!(Slot::next_seq(1_700_000_000_000, Some(1_700_000_000_000)), Some(1_700_000_000_001));
    /// assert_eq!(Slot::next_seq(1_700_000_000_000, Some(i64::MAX)), None);
    /// ```
    pub fn next_seq(unix_ms: u64, highest_seen: Option<i64>) -> Option<i64> {
        let own = i64::try_from(unix_ms).unwrap_or(i64::MAX);
        match highest_seen {
            Some(highest) => Some(highest.checked_add(1)?.max(own)),
            None => Some(own),
        }
    }
}

/// Shows nothing.
impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_is_larger_than_every_number_seen(unix_ms: u64, highest: i64) {
            match Slot::next_seq(unix_ms, Some(highest)) {
                Some(seq) => prop_assert!(seq > highest && (seq == highest + 1 || seq as u64 == unix_ms || seq == i64::MAX)),
                None => prop_assert_eq!(highest, i64::MAX),
            }
        }
    }

    #[test]
    fn a_clock_beyond_the_largest_number_gives_the_largest_number() {
        assert_eq!(Slot::next_seq(u64::MAX, None), Some(i64::MAX));
        assert_eq!(Slot::next_seq(0, Some(-5)), Some(0));
    }
}
