//! How a topic is joined.

use std::{
    ffi::c_void,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use dtt_core::{JoinOptions, RotationHandle, sync::Unpoisoned};

use super::{
    config::dtt_config_t,
    entry::{Fault, entry, release},
    error::dtt_error_t,
    handle::{self, Opaque, Out, Userdata, dtt_destructor_t},
    rotation::{CallbackRotation, dtt_rotation_t},
    status::dtt_status_t::{self, *},
};

/// How a topic is joined. What is not set has its default. It is copied by what it is given to, so that it can be
/// changed and freed right after. Its setters may be called from any thread; each ends with DTT_OK, DTT_NULL,
/// DTT_BAD_HANDLE, and what is said at it.
pub struct dtt_join_options_t(Mutex<JoinOptions>);

impl Opaque for dtt_join_options_t {
    const NAME: &'static str = "dtt_join_options_t";
}

impl dtt_join_options_t {
    pub(super) fn options(&self) -> MutexGuard<'_, JoinOptions> {
        self.0.lock().unpoisoned()
    }
}

fn set(
    options: *mut dtt_join_options_t,
    error: *mut *mut dtt_error_t,
    set: impl FnOnce(JoinOptions) -> Result<JoinOptions, Fault>,
) -> dtt_status_t {
    entry(error, || {
        let mut options = handle::borrow(options, "options")?.options();
        let changed = set(options.clone())?;
        let before = std::mem::replace(&mut *options, changed);
        drop(options);
        // Last, since a rotation's destructor may use these options again.
        drop(before);
        Ok(())
    })
}

/// Makes options that all have their defaults. Freed with dtt_join_options_free. Any thread. DTT_OK, DTT_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_join_options_new(
    out: *mut *mut dtt_join_options_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        Out::new(out, "out")?.give(dtt_join_options_t(Mutex::default()));
        Ok(())
    })
}

/// Frees options. NULL is fine. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_join_options_free(options: *mut dtt_join_options_t) {
    release(|| drop(handle::take(options)));
}

/// Joining waits for a first neighbor, for this long at the most, and gives the topic up with DTT_TIMEOUT if none came.
/// The first member of a topic, whom nobody can find yet, always times out: where any member may be the first, join
/// without this and call dtt_topic_wait_joined, which leaves the topic open. Default: joining returns at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_join_options_set_timeout_ms(
    options: *mut dtt_join_options_t,
    value: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(options, error, |options| Ok(options.timeout(Duration::from_millis(value))))
}

/// Options of this topic. They are copied. What they do not set is as the node has it. Options of a node alone, and a secret key, are
/// refused by name: DTT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_join_options_set_config(
    options: *mut dtt_join_options_t,
    config: *const dtt_config_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(options, error, |options| Ok(options.options(handle::borrow(config, "config")?.held().of_topic()?)))
}

/// A secret rotation of one's own; see dtt_rotation_t. All members of the topic must use the same.
///
/// Topics that are joined with these options use the callback and `userdata` until the last of them, and the options, are
/// gone; then `destructor` (which may be NULL) is called with `userdata`, exactly once. If this call fails, it is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_join_options_set_rotation(
    options: *mut dtt_join_options_t,
    rotation: dtt_rotation_t,
    userdata: *mut c_void,
    destructor: dtt_destructor_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    set(options, error, |options| {
        let derive = rotation.ok_or_else(|| Fault::new(DTT_NULL, "rotation: it is NULL"))?;
        Ok(options.rotation(RotationHandle::new(CallbackRotation::new(derive, Userdata::new(userdata, destructor)))))
    })
}
