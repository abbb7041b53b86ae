//! libdtt: the C ABI of dtt. `include/dtt.h` is made from the comments here and is its manual.

mod c;

pub use c::*;
