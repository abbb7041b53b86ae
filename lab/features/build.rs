//! This script does nothing. Without a build script, cargo ignores the features of the build dependencies.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
