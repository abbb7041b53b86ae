//! libdtt: the C ABI of dtt (`include/dtt.h` is made from the comments in `c` and is its manual), and the surface from which the
//! Swift and Kotlin bindings are generated.

mod c;
pub mod mobile;

pub use c::*;

uniffi::setup_scaffolding!("dtt");
