use std::{convert::Infallible, fmt, str::FromStr};

use super::hash32;

/// The 32-byte identifier of a topic: the first half of SHA-512 over its name.
///
/// The gossip topic and the DHT slots are both derived from it. Any byte string is a name, even the empty one.
///
/// ```
/// use dtt_core::TopicId;
///
/// let id = TopicId::new("my-topic");
/// assert_eq!(id, "my-topic".into());
/// assert_eq!(TopicId::from_hash(&id.hash()), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicId([u8; 32]);

impl TopicId {
    /// Hashes a name (any bytes) into its identifier.
    pub fn new(name: impl Into<Vec<u8>>) -> Self {
        Self(hash32(&[&name.into()]))
    }

    /// Takes 32 bytes that are an identifier already.
    pub fn from_hash(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    /// The 32 bytes.
    pub fn hash(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({self})")
    }
}

/// 64 lower-case hexadecimal digits.
impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Treats the text as a *name*, like [`TopicId::new`]; it never fails.
impl FromStr for TopicId {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Self::new(name))
    }
}

impl From<&str> for TopicId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for TopicId {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

/// Treats the bytes as a *name*; for an identifier use [`TopicId::from_hash`].
impl From<Vec<u8>> for TopicId {
    fn from(name: Vec<u8>) -> Self {
        Self::new(name)
    }
}

#[cfg(feature = "net")]
impl From<TopicId> for iroh_gossip::proto::TopicId {
    fn from(id: TopicId) -> Self {
        Self::from_bytes(id.0)
    }
}
