use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Result};

/// What one stretching costs: memory in KiB, and passes over it (one lane). OWASP's figures for Argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;

/// The root of a topic: 32 secret bytes, from which all its ids and keys follow. Zeroized on drop.
///
/// Whoever holds the root is a member. It comes from a name and a secret ([`Root::from_secret`]), from a
/// [`super::Ticket`], or from nothing ([`Root::random`]).
#[derive(Clone, PartialEq, Eq)]
pub struct Root(Zeroizing<[u8; 32]>);

impl Root {
    /// The root of a name and a secret, both any bytes. Another name or another secret is another topic.
    ///
    /// People type secrets, and a guess can be tried against the DHT. So the secret is stretched with Argon2id: one
    /// call needs 19 MiB of memory and tens of milliseconds. Do not call it on a thread that must not wait.
    ///
    /// Fails if the secret has 4 GiB or more, or if there is no memory.
    pub fn from_secret(name: &[u8], secret: &[u8]) -> Result<Self> {
        let stretched = stretch(name, secret)?;
        let length = (name.len() as u64).to_le_bytes();
        let input = Zeroizing::new([&length[..], name, &*stretched].concat());
        let (mut root, _) = Hkdf::<Sha256>::extract(Some(b"dtt/2"), &input);
        let this = Self(Zeroizing::new(root.into()));
        root.as_mut_slice().zeroize();
        Ok(this)
    }

    /// A new root that nobody else has, for a topic that is shared by ticket. It is random, so it is not stretched.
    pub fn random() -> Self {
        let mut root = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(&mut *root);
        Self(root)
    }

    /// Takes 32 bytes that are a root already.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The 32 bytes. They are as secret as the secret.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 32 bytes for one purpose.
    pub(super) fn expand(&self, label: &str) -> Zeroizing<[u8; 32]> {
        expand(&self.0, label)
    }
}

/// Shows nothing.
impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root")
    }
}

/// HKDF-Expand: 32 bytes for one purpose.
pub(super) fn expand(key: &[u8; 32], label: &str) -> Zeroizing<[u8; 32]> {
    expand_bytes(key, label.as_bytes())
}

/// [`expand`] for a purpose that is no label.
pub(super) fn expand_bytes(key: &[u8; 32], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::from_prk(key).expect("32 bytes are the size of the hash");
    hkdf.expand(info, &mut *out).expect("32 bytes are one block");
    out
}

fn stretch(name: &[u8], secret: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let length = (name.len() as u64).to_le_bytes();
    let salt = Sha256::new().chain_update(b"dtt/2 stretch").chain_update(length).chain_update(name).finalize();
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("constants within Argon2's limits");
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(secret, &salt[..16], &mut *out)
        .map_err(|error| match error {
            argon2::Error::PwdTooLong => {
                Error::argument("secret", format!("{} bytes, the limit is {} bytes", secret.len(), argon2::MAX_PWD_LEN))
            }
            other => Error::Internal(format!("the secret could not be stretched: {other}")),
        })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_secret_both_decide_and_neither_runs_into_the_other() {
        let root = |name: &[u8], secret: &[u8]| Root::from_secret(name, secret).unwrap();
        let base = root(b"name", b"secret");
        assert_eq!(base, root(b"name", b"secret"));
        assert_ne!(base, root(b"names", b"ecret"));
        assert_ne!(base, root(b"nam", b"esecret"));
        assert_ne!(base, root(b"other", b"secret"));
        assert_ne!(base, root(b"name", b""));
        assert_ne!(Root::random(), Root::random());
    }

    #[test]
    fn a_root_is_not_shown() {
        assert_eq!(format!("{:?}", Root::from_bytes(&[0xAB; 32])), "Root");
    }
}
