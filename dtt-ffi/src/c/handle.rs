//! The one place where pointers become Rust and Rust becomes pointers.
//!
//! Every function here trusts what C promises by calling: that a pointer is NULL, or points to what its type says, and
//! that nobody frees it meanwhile. What can be checked is: NULL, alignment, and the tag that every handle begins with.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    fault::{Fault, Outcome},
    status::dtt_status_t::*,
};

/// What C sees as an opaque struct.
pub(super) trait Opaque: Sized + 'static {
    const NAME: &'static str;

    /// What tells this type's handles from others': a hash of its name (FNV-1a), and never zero.
    const TAG: usize = {
        let (name, mut hash, mut at) = (Self::NAME.as_bytes(), 0xCBF2_9CE4_8422_2325_u64, 0);
        while at < name.len() {
            hash = (hash ^ name[at] as u64).wrapping_mul(0x100_0000_01B3);
            at += 1;
        }
        hash as usize | 1
    };
}

/// A handle as it lies on the heap. C knows its address only.
#[repr(C)]
pub(super) struct Tagged<T> {
    /// Zero when it was freed.
    tag: AtomicUsize,
    value: T,
}

impl<T: Opaque> Tagged<T> {
    pub(super) fn new(value: T) -> Self {
        Self { tag: AtomicUsize::new(T::TAG), value }
    }

    /// The pointer that C gets to look at it for a while.
    pub(super) fn view(&self) -> *const T {
        std::ptr::from_ref(self).cast()
    }
}

/// The handle behind a pointer. The lifetime is the caller's word that nobody frees it before the call is over.
pub(super) fn borrow<'a, T: Opaque>(pointer: *const T, argument: &str) -> Outcome<&'a T> {
    Ok(&find(pointer, argument)?.value)
}

/// The handle behind a pointer that may be NULL.
pub(super) fn borrow_optional<'a, T: Opaque>(pointer: *const T, argument: &str) -> Outcome<Option<&'a T>> {
    if pointer.is_null() { Ok(None) } else { borrow(pointer, argument).map(Some) }
}

/// Takes a handle back from C. None for NULL and for what is no such handle.
pub(super) fn take<T: Opaque>(pointer: *mut T) -> Option<Box<Tagged<T>>> {
    let found = find(pointer.cast_const(), "").ok()?;
    found.tag.compare_exchange(T::TAG, 0, Ordering::AcqRel, Ordering::Relaxed).ok()?;
    // SAFETY: it was made by `Out::give`, and the tag says that it was not taken back before.
    Some(unsafe { Box::from_raw(pointer.cast()) })
}

fn find<'a, T: Opaque>(pointer: *const T, argument: &str) -> Outcome<&'a Tagged<T>> {
    if pointer.is_null() {
        return Err(null(argument));
    }
    let wrong = || Fault::new(DTT_BAD_HANDLE, format!("{argument}: this is no {}, or it was freed", T::NAME));
    let tagged: *const Tagged<T> = pointer.cast();
    // Handles of all types have their tag at the front, so that looking at it is sound even if this is another type's.
    let tag: *const AtomicUsize = pointer.cast();
    if !tag.is_aligned() || !tagged.is_aligned() {
        return Err(wrong());
    }
    // SAFETY: not NULL and aligned; the caller promises that a handle of ours is there.
    if unsafe { &*tag }.load(Ordering::Acquire) != T::TAG {
        return Err(wrong());
    }
    // SAFETY: as above, and the tag says that it is one of this type.
    Ok(unsafe { &*tagged })
}

/// Where a result goes.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    pub(super) fn new(pointer: *mut T, argument: &str) -> Outcome<Self> {
        if pointer.is_null() { Err(null(argument)) } else { Ok(Self(pointer)) }
    }

    pub(super) fn set(self, value: T) {
        // SAFETY: not NULL; the caller promises that it may be written to.
        unsafe { self.0.write(value) }
    }
}

impl<T: Opaque> Out<*mut T> {
    /// Makes a handle and gives it to C, which frees it.
    pub(super) fn give(self, value: T) {
        self.set(Box::into_raw(Box::new(Tagged::new(value))).cast());
    }
}

impl Out<*mut c_char> {
    /// Gives a text to C, which frees it with `dtt_string_free`.
    pub(super) fn give_text(self, text: String) {
        self.set(CString::new(text).unwrap_or_default().into_raw());
    }
}

/// Takes a text back from C.
pub(super) fn take_text(text: *mut c_char) -> Option<CString> {
    // SAFETY: not NULL; the caller promises that it comes from `give_text`.
    (!text.is_null()).then(|| unsafe { CString::from_raw(text) })
}

/// Room for results of the caller's: `count` values from `pointer` on. NULL is fine for none.
pub(super) fn room<'a, T: Copy>(pointer: *mut T, count: usize, argument: &str) -> Outcome<&'a mut [T]> {
    check_slice(pointer.cast_const(), count, argument)?;
    if count == 0 {
        return Ok(&mut []);
    }
    // SAFETY: not NULL, aligned and not longer than memory; the caller promises that it may be written to.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// Writes 32 bytes, or any other fixed number.
pub(super) fn put<const N: usize>(pointer: *mut u8, value: &[u8; N], argument: &str) -> Outcome {
    room(pointer, N, argument)?.copy_from_slice(value);
    Ok(())
}

/// The bytes of the caller's. NULL is fine for none.
pub(super) fn bytes<'a>(pointer: *const u8, length: usize, argument: &str) -> Outcome<&'a [u8]> {
    check_slice(pointer, length, argument)?;
    if length == 0 {
        return Ok(&[]);
    }
    // SAFETY: not NULL and not longer than memory; the caller promises that it may be read.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// Exactly so many bytes of the caller's.
pub(super) fn array<const N: usize>(pointer: *const u8, length: usize, argument: &str) -> Outcome<[u8; N]> {
    let given = if pointer.is_null() { return Err(null(argument)) } else { bytes(pointer, length, argument) };
    given.ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Fault::new(DTT_BAD_LENGTH, format!("{argument}: {length} bytes are given, {N} bytes are needed"))
    })
}

fn check_slice<T>(pointer: *const T, count: usize, argument: &str) -> Outcome {
    let most = isize::MAX as usize / size_of::<T>();
    if count > most {
        return Err(Fault::new(
            DTT_BAD_LENGTH,
            format!("{argument}: a length of {count} is given, at most {most} is possible"),
        ));
    }
    if count > 0 && pointer.is_null() {
        return Err(Fault::new(DTT_NULL, format!("{argument}: it is NULL, and its length is {count}")));
    }
    if count > 0 && !pointer.is_aligned() {
        return Err(Fault::new(DTT_INVALID_ARGUMENT, format!("{argument}: the pointer is not aligned")));
    }
    Ok(())
}

/// A text of the caller's.
pub(super) fn text<'a>(pointer: *const c_char, argument: &str) -> Outcome<&'a str> {
    if pointer.is_null() {
        return Err(null(argument));
    }
    // SAFETY: not NULL; the caller promises that a zero ends it.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|error| {
        Fault::new(DTT_BAD_UTF8, format!("{argument}: it is not UTF-8 text from byte {} on", error.valid_up_to()))
    })
}

/// A text of the caller's that may be NULL.
pub(super) fn optional_text<'a>(pointer: *const c_char, argument: &str) -> Outcome<Option<&'a str>> {
    if pointer.is_null() { Ok(None) } else { text(pointer, argument).map(Some) }
}

fn null(argument: &str) -> Fault {
    Fault::new(DTT_NULL, format!("{argument}: it is NULL"))
}

/// Is called with a callback's `userdata` when it is not used any more, exactly once, on any thread. NULL for none.
pub type dtt_destructor_t = Option<extern "C" fn(userdata: *mut c_void)>;

/// What a callback is called with: the caller's pointer, and the function that ends its use.
pub(super) struct Userdata {
    pointer: *mut c_void,
    destructor: dtt_destructor_t,
}

// SAFETY: the header says that callbacks and destructors run on the library's threads.
unsafe impl Send for Userdata {}
// SAFETY: as above; the library itself never looks at it.
unsafe impl Sync for Userdata {}

impl Userdata {
    pub(super) fn new(pointer: *mut c_void, destructor: dtt_destructor_t) -> Self {
        Self { pointer, destructor }
    }

    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        if let Some(destructor) = self.destructor.take() {
            destructor(self.pointer);
        }
    }
}
