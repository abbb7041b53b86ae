//! Real nodes in bad networks. Each scenario ends with a table, and `make netlab` joins the tables.
//!
//! These tests need root, iproute2, nftables and TUN devices. If one of them is missing, `make test` skips the tests
//! and says so.

mod netlab;
