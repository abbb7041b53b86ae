//! HPKE boxes (RFC 9180, mode base: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305) to Ed25519 keys.
//!
//! An Ed25519 key becomes an X25519 key the usual way: the secret key is the first 32 bytes of SHA-512 over its seed (RFC 8032, 5.1.5).

use std::fmt;

use ed25519_dalek::SigningKey;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal,
};
use zeroize::Zeroizing;

use super::hash32;
use crate::error::RecordError;

const INFO: &[u8] = b"arbitrary_info_bytes";
const AAD: &[u8] = b"arbitrary_seal_bytes";
const KEY: usize = 32;

/// How many bytes a seal is larger than its content: encapsulated key (32) ‖ tag (16).
pub(crate) const SEAL_OVERHEAD: usize = KEY + 16;

/// How many bytes a box of version 1 is larger than its content: key length (8) ‖ seal.
pub(crate) const BOX_OVERHEAD: usize = size_of::<u64>() + SEAL_OVERHEAD;

/// A key to which boxes are sealed, and which opens them. Zeroized on drop.
pub struct BoxKey {
    secret: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: <X25519HkdfSha256 as Kem>::PublicKey,
}

impl BoxKey {
    /// The key that belongs to the Ed25519 key pair of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let bytes = Zeroizing::new(hash32(&[seed]));
        let secret = Deserializable::from_bytes(&*bytes).expect("any 32 bytes are a secret key");
        Self { public: X25519HkdfSha256::sk_to_pk(&secret), secret }
    }

    /// The key that belongs to an Ed25519 key pair.
    pub fn of(key: &SigningKey) -> Self {
        Self::from_seed(key.as_bytes())
    }

    /// Seals a plaintext for a purpose (`info`) and a place (`aad`): encapsulated key ‖ ciphertext ‖ tag, 48 bytes more.
    pub(crate) fn seal_for(&self, info: &[u8], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let (encapsulated, ciphertext) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.public,
            info,
            plaintext,
            aad,
        )
        .expect("a record is far below the limit of the cipher, and the public key is that of a secret key");
        [&encapsulated.to_bytes()[..], &ciphertext].concat()
    }

    /// Opens what was sealed for the same purpose and place.
    pub(crate) fn open_for(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        if sealed.len() < SEAL_OVERHEAD {
            return Err(RecordError::TooShort { size: sealed.len(), limit: SEAL_OVERHEAD });
        }
        let (encapsulated, ciphertext) = sealed.split_at(KEY);
        let opened = Deserializable::from_bytes(encapsulated).and_then(|encapsulated| {
            single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeR::Base,
                &self.secret,
                &encapsulated,
                info,
                ciphertext,
                aad,
            )
        });
        opened.map(Zeroizing::new).map_err(|_| RecordError::Sealed)
    }

    /// Seals a plaintext into a box of version 1, which is 56 bytes larger.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Vec<u8> {
        [&(KEY as u64).to_le_bytes()[..], &self.seal_for(INFO, AAD, plaintext)].concat()
    }

    /// Opens a box of version 1.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        if sealed.len() < BOX_OVERHEAD {
            return Err(RecordError::TooShort { size: sealed.len(), limit: BOX_OVERHEAD });
        }
        let (length, rest) = sealed.split_at(size_of::<u64>());
        if length != (KEY as u64).to_le_bytes() {
            return Err(RecordError::Sealed);
        }
        self.open_for(INFO, AAD, rest)
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxKey")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_an_unchanged_box_opens_and_only_with_its_key(
            seed: [u8; 32], other: [u8; 32], text in prop::collection::vec(any::<u8>(), 0..900), at: usize, bit in 0u32..8
        ) {
            prop_assume!(seed != other);
            let key = BoxKey::from_seed(&seed);
            let mut sealed = key.seal(&text);
            prop_assert_eq!(sealed.len(), text.len() + BOX_OVERHEAD);
            prop_assert_eq!(&**key.open(&sealed).unwrap(), &text);
            prop_assert_eq!(BoxKey::from_seed(&other).open(&sealed).unwrap_err(), RecordError::Sealed);
            let at = at % sealed.len();
            sealed[at] ^= 1u8 << bit;
            // The highest bit of an X25519 key means nothing (RFC 7748, 5), but HPKE's key schedule covers it.
            prop_assert_eq!(key.open(&sealed).unwrap_err(), RecordError::Sealed);
        }
    }

    #[test]
    fn points_of_low_order_are_refused() {
        let key = BoxKey::from_seed(&[1; 32]);
        let mut low_order = vec![[0; 32], [0; 32], [0xFF; 32]];
        low_order[1][0] = 1;
        // p - 1 and, without the top bit, p: u = -1 and u = 0.
        (low_order[2][0], low_order[2][31]) = (0xEC, 0x7F);
        for point in low_order {
            let sealed = [&32u64.to_le_bytes()[..], &point, &[0; 48]].concat();
            assert_eq!(key.open(&sealed).unwrap_err(), RecordError::Sealed);
        }
    }
}
