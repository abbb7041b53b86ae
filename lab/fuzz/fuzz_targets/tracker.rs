//! Any options, and any inputs at any time, even inputs that a driver must not send. The tracker must never panic,
//! never grow without bounds, and never exceed its rates.

#![no_main]

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use dtt_lab_fuzz::{options::Options, world::World};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let Ok(options) = Options::arbitrary(&mut input) else { return };
    let Ok((seed, unix)) = <(u8, u64)>::arbitrary(&mut input) else { return };
    // Most runs start at a present-day time.
    let unix = if unix % 4 == 0 { unix } else { 1_750_000_000 + unix % 100_000 };
    World::new(&options.0, seed.into(), Duration::from_secs(unix)).run(&mut input);
});
