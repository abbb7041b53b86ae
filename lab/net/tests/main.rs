//! Real nodes in bad networks. Each scenario ends with a table, and `make netlab` joins them.
//!
//! It needs root, iproute2, nftables and TUN devices; `make test` says so and skips it where they are missing.

mod netlab;
