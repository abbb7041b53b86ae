use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use super::hash32;

/// Derives the encryption seed of a topic's records for one minute.
///
/// All members of a topic must derive the same seeds. Implementations are called from any thread, once per minute and
/// slot. They must be quick and must not panic.
pub trait SecretRotation: Send + Sync {
    /// The 32-byte seed for this topic (32-byte id), unix minute, and hash of the initial secret (32 bytes).
    fn derive(&self, topic_hash: [u8; 32], unix_minute: u64, initial_secret_hash: [u8; 32]) -> [u8; 32];
}

/// The rotation of everyone who sets none: a hash over topic, minute (big-endian) and secret hash.
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultSecretRotation;

impl SecretRotation for DefaultSecretRotation {
    fn derive(&self, topic_hash: [u8; 32], unix_minute: u64, initial_secret_hash: [u8; 32]) -> [u8; 32] {
        hash32(&[&topic_hash, &unix_minute.to_be_bytes(), &initial_secret_hash])
    }
}

/// A shared rotation: the default one, or one that the program provides.
///
/// ```
/// use dtt_core::{RotationHandle, SecretRotation};
///
/// struct Fixed;
/// impl SecretRotation for Fixed {
///     fn derive(&self, _topic: [u8; 32], _minute: u64, secret_hash: [u8; 32]) -> [u8; 32] {
///         secret_hash
///     }
/// }
/// let rotation = RotationHandle::new(Fixed);
/// assert_eq!(rotation.derive([0; 32], 7, [9; 32]), [9; 32]);
/// ```
#[derive(Clone)]
pub struct RotationHandle(Arc<dyn SecretRotation>);

impl RotationHandle {
    /// Wraps a rotation that the program provides.
    pub fn new(rotation: impl SecretRotation + 'static) -> Self {
        Self(Arc::new(rotation))
    }

    /// Derives a seed with the wrapped rotation.
    pub fn derive(&self, topic_hash: [u8; 32], unix_minute: u64, initial_secret_hash: [u8; 32]) -> [u8; 32] {
        self.0.derive(topic_hash, unix_minute, initial_secret_hash)
    }

    /// Whether both are the very same rotation object.
    #[cfg(feature = "net")]
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Default for RotationHandle {
    fn default() -> Self {
        static DEFAULT: LazyLock<RotationHandle> = LazyLock::new(|| RotationHandle::new(DefaultSecretRotation));
        DEFAULT.clone()
    }
}

impl fmt::Debug for RotationHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotationHandle")
    }
}
