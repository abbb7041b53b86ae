//! HPKE boxes (RFC 9180, mode base: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305) to Ed25519 keys.
//!
//! An Ed25519 key becomes an X25519 key the usual way: the public key by its Montgomery u-coordinate, the
//! secret key by the first 32 bytes of SHA-512 over its seed (RFC 8032, 5.1.5).

use std::fmt;

use ed25519_dalek::{SigningKey, VerifyingKey};
use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, setup_receiver, setup_sender,
};
use zeroize::Zeroizing;

use super::hash32;
use crate::error::RecordError;

type Kem = X25519HkdfSha256;
type PublicKey = <Kem as hpke::Kem>::PublicKey;
type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type EncappedKey = <Kem as hpke::Kem>::EncappedKey;

const INFO: &[u8] = b"arbitrary_info_bytes";
const AAD: &[u8] = b"arbitrary_seal_bytes";
const KEY: usize = 32;
const PREFIX: usize = 8 + KEY;

/// Bytes that a box is larger than what it holds: key length (8) ‖ encapsulated key (32) ‖ tag (16).
pub(crate) const BOX_OVERHEAD: usize = PREFIX + 16;

/// The public half of an encryption key: what boxes are sealed to.
#[derive(Clone)]
pub struct SealKey(PublicKey);

impl SealKey {
    /// The sealing half of an Ed25519 key pair.
    pub fn of(key: &SigningKey) -> Self {
        Self::from_verifying_key(&key.verifying_key())
    }

    fn from_verifying_key(key: &VerifyingKey) -> Self {
        let point = key.to_montgomery().to_bytes();
        // Any 32 bytes are an X25519 public key (RFC 7748), so this cannot fail.
        Self(PublicKey::from_bytes(&point).expect("32 bytes are an X25519 public key"))
    }

    /// Seals a plaintext into a box that is 56 bytes larger.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Vec<u8> {
        // Encapsulation fails only for a peer key of low order, and both keys here are derived from seeds.
        let (encapped, mut context) = setup_sender::<ChaCha20Poly1305, HkdfSha256, Kem>(&OpModeS::Base, &self.0, INFO)
            .expect("a key derived from a seed is not of low order");
        let ciphertext = context.seal(plaintext, AAD).expect("one message per context");
        let mut out = Vec::with_capacity(plaintext.len() + BOX_OVERHEAD);
        out.extend_from_slice(&(KEY as u64).to_le_bytes());
        out.extend_from_slice(&encapped.to_bytes());
        out.extend_from_slice(&ciphertext);
        out
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

/// The secret half of an encryption key: what opens boxes. Zeroized on drop.
pub struct OpenKey(PrivateKey);

impl OpenKey {
    /// The opening half of the Ed25519 key pair that a 32-byte seed makes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let scalar = Zeroizing::new(hash32(&[seed]));
        // Any 32 bytes are an X25519 secret key: it is clamped at use.
        Self(PrivateKey::from_bytes(&*scalar).expect("32 bytes are an X25519 secret key"))
    }

    /// The opening half of an Ed25519 key pair.
    pub fn of(key: &SigningKey) -> Self {
        Self::from_seed(key.as_bytes())
    }

    /// The sealing half that belongs to it.
    pub fn seal_key(&self) -> SealKey {
        SealKey(Kem::sk_to_pk(&self.0))
    }

    /// Opens a box.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        if sealed.len() < BOX_OVERHEAD {
            return Err(RecordError::TooShort { size: sealed.len(), limit: BOX_OVERHEAD });
        }
        let (prefix, ciphertext) = sealed.split_at(PREFIX);
        let (length, encapped) = prefix.split_at(8);
        if length != (KEY as u64).to_le_bytes() {
            return Err(RecordError::Sealed);
        }
        let encapped = EncappedKey::from_bytes(encapped).map_err(|_| RecordError::Sealed)?;
        setup_receiver::<ChaCha20Poly1305, HkdfSha256, Kem>(&OpModeR::Base, &self.0, &encapped, INFO)
            .and_then(|mut context| context.open(ciphertext, AAD))
            .map(Zeroizing::new)
            .map_err(|_| RecordError::Sealed)
    }
}

impl fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenKey")
    }
}
