//! Events by callback: a listener that is a function of C's.

use std::{ffi::c_void, mem::ManuallyDrop};

use dtt_core::Event;
use dtt_embed::Listener;

use super::{
    event::dtt_event_t,
    handle::{Tagged, Userdata},
};

/// Is called for each event of a queue, one at a time and in order, on a thread of the library's, which need not be the same
/// each time. The event is valid until the callback returns. The callback may block, and may call any dtt function, those
/// that close and free included. It must not throw.
pub type dtt_event_callback_t = Option<extern "C" fn(userdata: *mut c_void, event: *const dtt_event_t)>;

/// A callback that is not NULL, and what it is called with.
pub(super) struct Callback {
    function: extern "C" fn(*mut c_void, *const dtt_event_t),
    /// Its destructor is for the listener's end alone: a callback that was refused has none.
    userdata: ManuallyDrop<Userdata>,
}

impl Callback {
    pub(super) fn new(function: extern "C" fn(*mut c_void, *const dtt_event_t), userdata: Userdata) -> Self {
        Self { function, userdata: ManuallyDrop::new(userdata) }
    }
}

impl Listener for Callback {
    fn call(&mut self, event: Event) {
        (self.function)(self.userdata.pointer(), Tagged::new(dtt_event_t(event)).view());
    }

    fn end(self) {
        drop(ManuallyDrop::into_inner(self.userdata));
    }
}
