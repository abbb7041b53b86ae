//! HPKE boxes (RFC 9180, mode base: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305) to Ed25519 keys.
//!
//! An Ed25519 key becomes an X25519 key the usual way: the secret key by the first 32 bytes of SHA-512 over its seed
//! (RFC 8032, 5.1.5), the public key by its Montgomery u-coordinate.
//!
//! Whoever seals a record holds the recipient's secret as well, since all members of a topic do, and the one-time key
//! is its own. So the shared secret of a new box is a multiple of the base point by the product of both scalars, which
//! a table makes three times as fast as X25519 on an unknown point. What comes out is the same, and the tests hold it
//! against another implementation of HPKE.

use std::{fmt, sync::LazyLock};

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use curve25519_dalek::{EdwardsPoint, MontgomeryPoint, Scalar, scalar::clamp_integer};
use ed25519_dalek::SigningKey;
use hkdf::{Hkdf, HkdfExtract};
use rand::Rng;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::hash32;
use crate::error::RecordError;

const INFO: &[u8] = b"arbitrary_info_bytes";
const AAD: &[u8] = b"arbitrary_seal_bytes";
/// `"KEM" ‖ DHKEM(X25519, HKDF-SHA256)`.
const KEM_SUITE: &[u8] = b"KEM\x00\x20";
/// `"HPKE" ‖ DHKEM(X25519, HKDF-SHA256) ‖ HKDF-SHA256 ‖ ChaCha20Poly1305`.
const SUITE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x03";
const KEY: usize = 32;
const PREFIX: usize = 8 + KEY;

/// Bytes that a box is larger than what it holds: key length (8) ‖ encapsulated key (32) ‖ tag (16).
pub(crate) const BOX_OVERHEAD: usize = PREFIX + 16;

/// A key that boxes are sealed to and opened with. Zeroized on drop.
pub struct BoxKey {
    /// The X25519 secret key, not clamped.
    secret: [u8; KEY],
    public: [u8; KEY],
}

impl BoxKey {
    /// The key that belongs to the Ed25519 key pair of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = hash32(&[seed]);
        Self { secret, public: MontgomeryPoint::mul_base_clamped(secret).to_bytes() }
    }

    /// The key that belongs to an Ed25519 key pair.
    pub fn of(key: &SigningKey) -> Self {
        Self::from_seed(key.as_bytes())
    }

    /// Seals a plaintext into a box that is 56 bytes larger.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Vec<u8> {
        let mut ephemeral = Zeroizing::new([0; KEY]);
        rand::rng().fill_bytes(&mut *ephemeral);
        let (one, other) = (Zeroizing::new(scalar(&ephemeral)), Zeroizing::new(scalar(&self.secret)));
        let encapsulated = MontgomeryPoint::mul_base(&one).to_bytes();
        // Both points are multiples of the base point, so the order of the two multiplications does not matter.
        let shared = Zeroizing::new(MontgomeryPoint::mul_base(&Zeroizing::new(*one * *other)).to_bytes());
        let (cipher, nonce) = schedule(&shared, &encapsulated, &self.public);
        let ciphertext = cipher
            .encrypt(&nonce.into(), Payload { msg: plaintext, aad: AAD })
            .expect("a record is far below the limit of the cipher");
        let mut out = Vec::with_capacity(plaintext.len() + BOX_OVERHEAD);
        out.extend_from_slice(&(KEY as u64).to_le_bytes());
        out.extend_from_slice(&encapsulated);
        out.extend_from_slice(&ciphertext);
        out
    }

    /// Opens a box.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        let size = sealed.len();
        let (length, rest) = sealed.split_first_chunk().ok_or(RecordError::TooShort { size, limit: BOX_OVERHEAD })?;
        let (encapsulated, ciphertext) =
            rest.split_first_chunk::<KEY>().ok_or(RecordError::TooShort { size, limit: BOX_OVERHEAD })?;
        if u64::from_le_bytes(*length) != KEY as u64 {
            return Err(RecordError::Sealed);
        }
        let shared = Zeroizing::new(diffie_hellman(&self.secret, encapsulated));
        // RFC 9180, 7.1.4: a point of low order gives zero, and must be refused.
        if *shared == [0; KEY] {
            return Err(RecordError::Sealed);
        }
        let (cipher, nonce) = schedule(&shared, encapsulated, &self.public);
        let opened = cipher.decrypt(&nonce.into(), Payload { msg: ciphertext, aad: AAD });
        opened.map(Zeroizing::new).map_err(|_| RecordError::Sealed)
    }
}

impl Drop for BoxKey {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxKey")
    }
}

/// The scalar by which a secret key multiplies points of prime order.
fn scalar(secret: &[u8; KEY]) -> Scalar {
    Scalar::from_bytes_mod_order(clamp_integer(*secret))
}

/// X25519 (RFC 7748). On the curve by way of its Edwards form, which is faster; on its twist by the ladder.
fn diffie_hellman(secret: &[u8; KEY], point: &[u8; KEY]) -> [u8; KEY] {
    let point = MontgomeryPoint(*point);
    let product: Option<EdwardsPoint> = point.to_edwards(0).map(|point| point.mul_clamped(*secret));
    product.map_or_else(|| point.mul_clamped(*secret), |product| product.to_montgomery()).to_bytes()
}

/// The key schedule of a context (RFC 9180, 4.1 and 5.1), with the nonce of its only message.
fn schedule(shared: &[u8; KEY], encapsulated: &[u8; KEY], recipient: &[u8; KEY]) -> (ChaCha20Poly1305, [u8; 12]) {
    /// `mode ‖ psk_id_hash ‖ info_hash`, the same for every box.
    static CONTEXT: LazyLock<[u8; 65]> = LazyLock::new(|| {
        let mut context = [0; 65];
        context[1..33].copy_from_slice(&extract(SUITE, &[], b"psk_id_hash", &[]).0);
        context[33..].copy_from_slice(&extract(SUITE, &[], b"info_hash", INFO).0);
        context
    });
    let (_, prk) = extract(KEM_SUITE, &[], b"eae_prk", shared);
    let kem_secret = Zeroizing::new(expand::<KEY>(&prk, KEM_SUITE, b"shared_secret", &[encapsulated, recipient]));
    let (_, secret) = extract(SUITE, &*kem_secret, b"secret", &[]);
    let key = Zeroizing::new(expand::<KEY>(&secret, SUITE, b"key", &[&*CONTEXT]));
    let nonce = expand::<12>(&secret, SUITE, b"base_nonce", &[&*CONTEXT]);
    (ChaCha20Poly1305::new((&*key).into()), nonce)
}

/// LabeledExtract (RFC 9180, 4).
fn extract(suite: &[u8], salt: &[u8], label: &[u8], input: &[u8]) -> ([u8; 32], Hkdf<Sha256>) {
    let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
    for part in [b"HPKE-v1", suite, label, input] {
        extract.input_ikm(part);
    }
    let (bytes, key) = extract.finalize();
    (bytes.into(), key)
}

/// LabeledExpand (RFC 9180, 4).
fn expand<const N: usize>(key: &Hkdf<Sha256>, suite: &[u8], label: &[u8], info: &[&[u8]]) -> [u8; N] {
    let length = (N as u16).to_be_bytes();
    let labeled = [&[&length[..], b"HPKE-v1", suite, label][..], info].concat();
    let mut out = [0; N];
    key.expand_multi_info(&labeled, &mut out).expect("a few bytes are far below the limit of HKDF");
    out
}

#[cfg(test)]
mod tests {
    use hpke::{
        Deserializable, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305 as Cipher, kdf::HkdfSha256,
        kem::X25519HkdfSha256, setup_receiver, setup_sender,
    };
    use proptest::prelude::*;

    use super::*;

    type Public = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
    type Secret = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
    type Encapsulated = <X25519HkdfSha256 as hpke::Kem>::EncappedKey;

    proptest! {
        #[test]
        fn another_implementation_opens_what_we_seal(seed: [u8; 32], text in prop::collection::vec(any::<u8>(), 0..900)) {
            let key = BoxKey::from_seed(&seed);
            let sealed = key.seal(&text);
            let secret = Secret::from_bytes(&key.secret).unwrap();
            let encapsulated = Encapsulated::from_bytes(&sealed[8..40]).unwrap();
            let mut context =
                setup_receiver::<Cipher, HkdfSha256, X25519HkdfSha256>(&OpModeR::Base, &secret, &encapsulated, INFO).unwrap();
            prop_assert_eq!(context.open(&sealed[40..], AAD).unwrap(), text);
        }

        #[test]
        fn we_open_what_another_implementation_seals(seed: [u8; 32], text in prop::collection::vec(any::<u8>(), 0..900)) {
            let key = BoxKey::from_seed(&seed);
            let public = Public::from_bytes(&key.public).unwrap();
            let (encapsulated, mut context) =
                setup_sender::<Cipher, HkdfSha256, X25519HkdfSha256>(&OpModeS::Base, &public, INFO).unwrap();
            let ciphertext = context.seal(&text, AAD).unwrap();
            let sealed = [&32u64.to_le_bytes()[..], &encapsulated.to_bytes(), &ciphertext].concat();
            prop_assert_eq!(&**key.open(&sealed).unwrap(), &text);
        }

        #[test]
        fn x25519_is_x25519_on_every_point(secret: [u8; 32], point: [u8; 32]) {
            prop_assert_eq!(diffie_hellman(&secret, &point), MontgomeryPoint(point).mul_clamped(secret).to_bytes());
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
            assert_eq!(diffie_hellman(&key.secret, &point), MontgomeryPoint(point).mul_clamped(key.secret).to_bytes());
            let sealed = [&32u64.to_le_bytes()[..], &point, &[0; 48]].concat();
            assert_eq!(key.open(&sealed).unwrap_err(), RecordError::Sealed);
        }
    }
}
