//! Which version this is: at compile time by macros, at run time by functions. And a call that tests what programs do with a
//! defect.

use std::ffi::c_char;

use super::{
    entry::{Fault, entry},
    error::dtt_error_t,
    status::dtt_status_t::{self, *},
};

/// The version of this header.
pub const DTT_VERSION_MAJOR: u32 = 0;
/// The version of this header.
pub const DTT_VERSION_MINOR: u32 = 1;
/// The version of this header.
pub const DTT_VERSION_PATCH: u32 = 0;
/// The version of the ABI, which the library's soname has too. Within one, functions, numbers and options are only added.
pub const DTT_ABI_VERSION: u32 = 0;

/// The version of the library that runs, "0.1.0" for example. The text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dtt_version() -> *const c_char {
    const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    TEXT.as_ptr().cast()
}

/// The version of the library that runs, to be compared with DTT_VERSION_NUMBER. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dtt_version_number() -> u32 {
    DTT_VERSION_MAJOR << 16 | DTT_VERSION_MINOR << 8 | DTT_VERSION_PATCH
}

/// The version of the ABI that the library has, to be compared with DTT_ABI_VERSION. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dtt_abi_version() -> u32 {
    DTT_ABI_VERSION
}

/// Panics inside the library on purpose, so that programs and bindings can test how they treat DTT_PANIC. It changes
/// nothing. Any thread. DTT_PANIC always, with the text "on purpose".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_debug_panic(error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || {
        if std::hint::black_box(true) {
            panic!("on purpose");
        }
        Err(Fault::new(DTT_INTERNAL, "it did not panic"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macros_have_the_version_of_the_package() {
        let macros = format!("{DTT_VERSION_MAJOR}.{DTT_VERSION_MINOR}.{DTT_VERSION_PATCH}");
        assert_eq!(macros, env!("CARGO_PKG_VERSION"));
    }
}
