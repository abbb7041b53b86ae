//! Shared parts of the fuzz targets: a member's keys, a separate sealer, and the world that a tracker is put into.

#![forbid(unsafe_code)]

pub mod member;
pub mod options;
pub mod rates;
pub mod world;
