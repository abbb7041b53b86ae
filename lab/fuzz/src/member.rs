//! A member of one topic, and boxes that another implementation of HPKE seals: they may hold bytes that are no record.

use dtt_core::{
    RotationHandle, TopicId, encryption_keypair,
    wire::{TopicKeys, secret_hash, v2},
};
use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use hpke::{
    Deserializable, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256,
    setup_sender_with_rng,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sha2::Sha256;

type Kem = X25519HkdfSha256;
type Public = <Kem as hpke::Kem>::PublicKey;

/// The topic and secret of the first test vectors, so that these vectors are seeds that open.
const TOPIC: &str = "my-iroh-gossip-topic";
const SECRET: &[u8] = b"my-initial-secret";

/// The topic of all targets.
pub fn topic() -> TopicId {
    TopicId::new(TOPIC)
}

/// The keys of a member of the topic.
pub fn keys() -> TopicKeys {
    TopicKeys::new(topic(), SECRET, None)
}

/// The encryption key of a minute, by the functions that programs of the peer implementation call.
pub fn encryption_key(minute: u64) -> SigningKey {
    encryption_keypair(&topic(), &RotationHandle::default(), secret_hash(SECRET), minute)
}

/// Seals any plaintext as a record would be sealed. Equal seeds give equal bytes.
pub fn seal(plaintext: &[u8], key: &SigningKey, seed: u64) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(seed);
    let one_time = SigningKey::from_bytes(&rng.random());
    let record_box = seal_box(plaintext, &one_time, &mut rng);
    let key_box = seal_box(one_time.as_bytes(), key, &mut rng);
    [&(record_box.len() as u32).to_le_bytes()[..], &record_box, &key_box].concat()
}

/// The root of the first test vectors of version 2.
pub fn root() -> v2::Root {
    let hex = "fc80f99fd26d4a094984e28b408f3c335d926d49f371dc94732609647ddbeb65";
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("two digits");
    v2::Root::from_bytes(&std::array::from_fn(byte))
}

/// Seals any plaintext as a record of version 2 would be sealed. Equal seeds give equal bytes.
pub fn seal_v2(plaintext: &[u8], keys: &v2::TopicKeys, period: v2::Period, seed: u64) -> Vec<u8> {
    let secret = RotationHandle::default().derive(keys.topic_id().hash(), period.minute(), keys.secret_hash());
    let mut key = [0; 32];
    Hkdf::<Sha256>::from_prk(&secret).expect("32 bytes").expand(b"seal", &mut key).expect("32 bytes");
    let target = *keys.period(period).target();
    let key = SigningKey::from_bytes(&key);
    hpke_seal(plaintext, &key, b"dtt/2 record", &target, &mut StdRng::seed_from_u64(seed))
}

fn seal_box(plaintext: &[u8], recipient: &SigningKey, rng: &mut StdRng) -> Vec<u8> {
    let sealed = hpke_seal(plaintext, recipient, b"arbitrary_info_bytes", b"arbitrary_seal_bytes", rng);
    [&32u64.to_le_bytes()[..], &sealed].concat()
}

fn hpke_seal(plaintext: &[u8], recipient: &SigningKey, info: &[u8], aad: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let public = Public::from_bytes(recipient.verifying_key().to_montgomery().as_bytes()).expect("32 bytes");
    let (encapsulated, mut context) =
        setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(&OpModeS::Base, &public, info, rng)
            .expect("a key of prime order");
    let ciphertext = context.seal(plaintext, aad).expect("a first message");
    [&encapsulated.to_bytes()[..], &ciphertext].concat()
}
