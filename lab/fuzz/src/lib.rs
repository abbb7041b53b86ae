//! What the fuzz targets share: a member's keys, a sealer of its own, and the world that a tracker is put into.

#![forbid(unsafe_code)]

pub mod member;
pub mod options;
pub mod rates;
pub mod world;
