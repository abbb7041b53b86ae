//! Names the shared library after its ABI: programs that were linked to one major version never load another.
//!
//! What it exports needs no version script of ours. The compiler gives the linker one that names the functions marked
//! `no_mangle`, and makes everything else local; of a second script some linkers take the union and others take none.
//! The tests compare what comes out with symbols.txt.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libdtt.so.0");
    }
}
