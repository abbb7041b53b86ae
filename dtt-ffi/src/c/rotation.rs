//! Secret rotations: an application's own by callback, and the default one to build on.

use std::ffi::c_void;

use dtt_core::{RotationHandle, SecretRotation};

use super::{
    entry::entry,
    error::dtt_error_t,
    handle::{self, Userdata},
    status::dtt_status_t,
};

/// Derives the 32-byte encryption seed of a topic's records for one minute (unix time / 60), from the topic's id (32
/// bytes) and the hash of its secret (32 bytes), and writes it to `seed`. All members must derive alike.
///
/// It is called from any of the library's threads, from several at once, once per minute and slot. It must be quick, must not
/// throw, and must not call dtt functions that take a handle. The pointers are valid during the call. `secret_hash`
/// and `seed` are secrets.
pub type dtt_rotation_t = Option<
    extern "C" fn(userdata: *mut c_void, topic_id: *const u8, unix_minute: u64, secret_hash: *const u8, seed: *mut u8),
>;

/// A rotation that is not NULL.
type Derive = extern "C" fn(*mut c_void, *const u8, u64, *const u8, *mut u8);

pub(super) struct CallbackRotation {
    derive: Derive,
    userdata: Userdata,
}

impl CallbackRotation {
    pub(super) fn new(derive: Derive, userdata: Userdata) -> Self {
        Self { derive, userdata }
    }
}

impl SecretRotation for CallbackRotation {
    fn derive(&self, topic_hash: [u8; 32], unix_minute: u64, initial_secret_hash: [u8; 32]) -> [u8; 32] {
        let mut seed = [0; 32];
        let (topic, secret) = (topic_hash.as_ptr(), initial_secret_hash.as_ptr());
        (self.derive)(self.userdata.pointer(), topic, unix_minute, secret, seed.as_mut_ptr());
        seed
    }
}

/// What everyone derives who sets no rotation, to build one's own on: 32 bytes to `seed`. Any thread, also inside a
/// rotation. DTT_OK, DTT_NULL, DTT_BAD_LENGTH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_rotation_default(
    topic_id: *const u8,
    topic_id_len: usize,
    unix_minute: u64,
    secret_hash: *const u8,
    secret_hash_len: usize,
    seed: *mut u8,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let topic = handle::array(topic_id, topic_id_len, "topic_id")?;
        let secret = handle::array(secret_hash, secret_hash_len, "secret_hash")?;
        handle::put(seed, &RotationHandle::default().derive(topic, unix_minute, secret), "seed")
    })
}
