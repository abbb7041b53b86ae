//! Secret rotations that an application brings.

use std::sync::Arc;

use dtt_core::{RotationHandle, unix_minute};
use tokio::{runtime::Handle, task::block_in_place};

use super::{
    call::Outcome,
    error::{RawError, RotationError},
    ids::{TopicId, array},
};

/// Derives the encryption seed of a topic's records for one minute, in place of the one that everyone uses.
///
/// All members of a topic must derive alike. It is called from any of the library's threads, several at once, once per
/// minute and slot: be quick, and call nothing of this library but `defaultRotation`.
#[uniffi::export(foreign)]
pub trait SecretRotation: Send + Sync {
    /// The seed, 32 bytes, of this topic and minute (unix time / 60), from the hash of its secret (32 bytes). Both the hash
    /// and the seed are secrets. A topic whose rotation fails is closed; joining with one fails with its reason.
    fn derive(&self, topic: TopicId, unix_minute: u64, secret_hash: Vec<u8>) -> Result<Vec<u8>, RotationError>;
}

/// What everyone derives who sets no rotation, to build one's own on.
#[uniffi::export]
pub fn default_rotation(topic: TopicId, unix_minute: u64, secret_hash: Vec<u8>) -> Outcome<Vec<u8>> {
    let secret_hash = array(&secret_hash, "secret_hash")?;
    Ok(RotationHandle::default().derive(topic.parse()?.hash(), unix_minute, secret_hash).to_vec())
}

struct Foreign(Arc<dyn SecretRotation>);

impl Foreign {
    fn try_derive(&self, topic: [u8; 32], unix_minute: u64, secret_hash: [u8; 32]) -> Outcome<[u8; 32]> {
        let topic = (&dtt_core::TopicId::from_hash(&topic)).into();
        let derive = || self.0.derive(topic, unix_minute, secret_hash.to_vec());
        // It may take long: the other tasks of an engine's thread go on elsewhere.
        let seed = if Handle::try_current().is_ok() { block_in_place(derive) } else { derive() };
        let seed = seed.map_err(|error| RawError::argument("rotation", format!("it failed: {error}")))?;
        array(&seed, "rotation")
    }
}

impl dtt_core::SecretRotation for Foreign {
    fn derive(&self, topic_hash: [u8; 32], unix_minute: u64, initial_secret_hash: [u8; 32]) -> [u8; 32] {
        self.try_derive(topic_hash, unix_minute, initial_secret_hash).unwrap_or_else(|error| {
            tracing::error!(target: "dtt::rotation", %error, "a secret rotation failed; its topic is closed");
            // The engine closes a topic whose rotation unwinds, and nothing else. A panic would be told on stderr too.
            std::panic::resume_unwind(Box::new("a secret rotation failed"))
        })
    }
}

/// The engine's handle to a foreign rotation, which has derived one seed by then.
pub(super) fn handle(rotation: Arc<dyn SecretRotation>, topic: &dtt_core::TopicId) -> Outcome<RotationHandle> {
    let rotation = Foreign(rotation);
    rotation.try_derive(topic.hash(), unix_minute(0), [0; 32])?;
    Ok(RotationHandle::new(rotation))
}
