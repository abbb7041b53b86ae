//! Topic ids, keys and slots: pure functions of their arguments.

use std::ffi::c_char;

use dtt_core::{SecretKey, TopicId, parse, unix_minute, wire};
use rand::{TryRng, rngs::SysRng};

use super::{
    entry::{Fault, entry},
    error::dtt_error_t,
    handle::{self, Out},
    status::dtt_status_t::{self, *},
};

/// The bytes of a topic id and of a node's id.
pub const DTT_ID_LEN: usize = 32;
/// The bytes of a secret key.
pub const DTT_KEY_LEN: usize = 32;
/// The bytes of a DHT target.
pub const DTT_TARGET_LEN: usize = 20;

/// The id of the topic of this name (any bytes, none too): DTT_ID_LEN bytes to `id`. Any thread. DTT_OK, DTT_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_id_of_name(
    name: *const u8,
    name_len: usize,
    id: *mut u8,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || handle::put(id, &TopicId::new(handle::bytes(name, name_len, "name")?).hash(), "id"))
}

/// An id as 64 lower-case hexadecimal digits. The text is freed with dtt_string_free. Any thread. DTT_OK, DTT_NULL,
/// DTT_BAD_LENGTH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_id_to_hex(
    id: *const u8,
    id_len: usize,
    out: *mut *mut c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let out = Out::new(out, "out")?;
        out.give_text(TopicId::from_hash(&handle::array(id, id_len, "id")?).to_string());
        Ok(())
    })
}

/// A new secret key for a node: DTT_KEY_LEN random bytes of the system's to `key`. Any thread. DTT_OK, DTT_NULL,
/// DTT_SYSTEM (the system has no random bytes).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_secret_key_generate(key: *mut u8, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || {
        let room: &mut [u8] = handle::room(key, DTT_KEY_LEN, "key")?;
        // The system's own, and not a generator of this process, which a fork would copy.
        let filled = SysRng.try_fill_bytes(room);
        filled.map_err(|error| Fault::new(DTT_SYSTEM, format!("the system has no random bytes: {error}")))
    })
}

/// The id of the node with this secret key: DTT_ID_LEN bytes to `id`. Any thread. DTT_OK, DTT_NULL, DTT_BAD_LENGTH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_secret_key_id(
    key: *const u8,
    key_len: usize,
    id: *mut u8,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let key = SecretKey::from_bytes(&handle::array(key, key_len, "key")?);
        handle::put(id, key.public().as_bytes(), "id")
    })
}

/// Whether these bytes can be a node's id. Any thread. DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_id_check(id: *const u8, id_len: usize, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || {
        parse::endpoint_id(&handle::array::<DTT_ID_LEN>(id, id_len, "id")?)?;
        Ok(())
    })
}

/// The minute that now is: unix time / 60. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dtt_unix_minute() -> u64 {
    unix_minute(0)
}

/// Where a topic's records of one minute stand in the DHT, as a BEP 44 mutable item: its public key (32 bytes), its salt
/// (32 bytes) and its target (DTT_TARGET_LEN bytes). Each of the three may be NULL if it is not wanted. Any thread.
/// DTT_OK, DTT_NULL, DTT_BAD_LENGTH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_slot(
    topic_id: *const u8,
    topic_id_len: usize,
    unix_minute: u64,
    public_key: *mut u8,
    salt: *mut u8,
    target: *mut u8,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let id = TopicId::from_hash(&handle::array(topic_id, topic_id_len, "topic_id")?);
        let slot = wire::Slot::new(&id, unix_minute);
        if !public_key.is_null() {
            handle::put(public_key, &slot.public_key(), "public_key")?;
        }
        if !salt.is_null() {
            handle::put(salt, slot.salt(), "salt")?;
        }
        if !target.is_null() {
            handle::put(target, &slot.target(), "target")?;
        }
        Ok(())
    })
}

/// Frees a text that the library gave as `char *`. NULL is fine. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_string_free(text: *mut c_char) {
    drop(handle::take_text(text));
}
