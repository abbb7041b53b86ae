//! This crate only selects features: see Cargo.toml.
