use std::fmt;

use zeroize::Zeroizing;

use super::{
    Period, Root, Slot,
    root::{expand, expand_bytes},
};
use crate::{
    error::Result,
    wire::{BoxKey, RotationHandle, TopicId},
};

/// The keys of a topic's member: the topic's root, and the rotation.
#[derive(Clone)]
pub struct TopicKeys {
    root: Root,
    topic_id: TopicId,
    secret_hash: Zeroizing<[u8; 32]>,
    rotation: RotationHandle,
}

impl TopicKeys {
    /// The keys of a topic whose root is known.
    pub fn new(root: Root, rotation: Option<RotationHandle>) -> Self {
        Self {
            topic_id: TopicId::from_hash(&root.expand("topic")),
            secret_hash: root.expand("secret"),
            rotation: rotation.unwrap_or_default(),
            root,
        }
    }

    /// The keys of a topic by its name and secret. This takes as long as [`Root::from_secret`], and fails as it does.
    pub fn from_secret(name: &[u8], secret: &[u8], rotation: Option<RotationHandle>) -> Result<Self> {
        Ok(Self::new(Root::from_secret(name, secret)?, rotation))
    }

    /// The topic's root.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The topic's id, which is the id of the gossip topic and what the rotation is given.
    ///
    /// It is never sent. Members alone know it, and it tells nobody where the topic is. It lets nobody in either: see
    /// [`PeriodKeys::stream_proof`].
    pub fn topic_id(&self) -> &TopicId {
        &self.topic_id
    }

    /// What the rotation is given in place of the secret. It is a secret itself.
    pub fn secret_hash(&self) -> [u8; 32] {
        *self.secret_hash
    }

    /// The keys of one period. This calls the rotation, with the minute at which the period begins.
    pub fn period(&self, period: Period) -> PeriodKeys {
        let secret = Zeroizing::new(self.rotation.derive(self.topic_id.hash(), period.minute(), *self.secret_hash));
        let slot = Slot::new(&expand(&secret, "slot"));
        PeriodKeys {
            period,
            target: slot.target(),
            slot,
            topic: self.topic_id.hash(),
            key: BoxKey::from_seed(&expand(&secret, "seal")),
            member: expand(&secret, "member"),
        }
    }

    /// Whether both hold the same root and the very same rotation object.
    #[cfg(feature = "net")]
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.root == other.root && self.rotation.same(&other.rotation)
    }
}

/// Shows nothing.
impl fmt::Debug for TopicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TopicKeys")
    }
}

/// A topic's slot of one period, the key of the records in it, and the key by which members know each other. `open` and
/// `seal` are in `record.rs`.
pub struct PeriodKeys {
    period: Period,
    slot: Slot,
    pub(super) target: [u8; 20],
    pub(super) topic: [u8; 32],
    pub(super) key: BoxKey,
    member: Zeroizing<[u8; 32]>,
}

impl PeriodKeys {
    /// The period.
    pub fn period(&self) -> Period {
        self.period
    }

    /// The slot in which the records stand.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The slot's 20-byte DHT target.
    pub fn target(&self) -> &[u8; 20] {
        &self.target
    }

    /// What a member sends first on a stream of this topic: 32 bytes that only members can compute, and only for this
    /// connection and direction. To everyone else they are random.
    ///
    /// `exported` are 32 bytes that the connection's TLS session gives (RFC 8446, 7.5) for the label `dtt/2 stream` and,
    /// as context, the 32-byte id of the node that opens the stream.
    pub fn stream_proof(&self, exported: &[u8; 32]) -> [u8; 32] {
        *expand_bytes(&self.member, exported)
    }
}

/// Shows the period alone.
impl fmt::Debug for PeriodKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodKeys").field("period", &self.period).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SecretRotation;

    struct Given;
    impl SecretRotation for Given {
        fn derive(&self, topic: [u8; 32], minute: u64, secret_hash: [u8; 32]) -> [u8; 32] {
            let mut out = topic;
            out.iter_mut().zip(secret_hash).for_each(|(byte, other)| *byte ^= other);
            out[0] ^= minute as u8;
            out
        }
    }

    #[test]
    fn members_agree_and_nobody_else_does() {
        let keys = |root: u8| TopicKeys::new(Root::from_bytes(&[root; 32]), None);
        let target = |keys: &TopicKeys, seconds| *keys.period(Period::at(seconds)).target();
        assert_eq!(keys(1).topic_id(), keys(1).topic_id());
        assert_eq!(target(&keys(1), 5_000), target(&keys(1), 5_001));
        assert_ne!(target(&keys(1), 5_000), target(&keys(2), 5_000));
        assert_ne!(target(&keys(1), 5_000), target(&keys(1), 5_000 + super::super::PERIOD));
        assert_ne!(keys(1).topic_id(), keys(2).topic_id());
    }

    #[test]
    fn a_rotation_moves_the_slot_and_sees_neither_root_nor_secret() {
        let root = Root::from_bytes(&[1; 32]);
        let default = TopicKeys::new(root.clone(), None);
        let rotated = TopicKeys::new(root.clone(), Some(RotationHandle::new(Given)));
        assert_eq!(default.topic_id(), rotated.topic_id());
        let period = Period::at(0);
        assert_ne!(default.period(period).target(), rotated.period(period).target());
        assert_ne!(default.secret_hash(), *root.as_bytes());
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = TopicKeys::new(Root::from_bytes(&[1; 32]), None);
        assert_eq!(format!("{keys:?}"), "TopicKeys");
        let shown = format!("{:?} {:?}", keys.period(Period::at(0)), keys.period(Period::at(0)).slot());
        assert_eq!(shown, "PeriodKeys { period: Period(0), .. } Slot");
    }
}
