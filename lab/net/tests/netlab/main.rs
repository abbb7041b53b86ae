//! Real nodes in bad networks. Each scenario ends with a table, and `make netlab` joins them.
//!
//! It needs root, iproute2, nftables and TUN devices; `make test` says so and skips it where they are missing.

mod joins;
mod switch;

use dtt_lab_net::DhtKind;

#[test]
fn joins_25_0() {
    joins::all(DhtKind::Mainline, 25, 0, Some(1000));
}
#[test]
fn joins_150_5() {
    joins::all(DhtKind::Mainline, 150, 5, Some(3000));
}
