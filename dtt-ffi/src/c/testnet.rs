//! An embedded DHT on loopback.

use std::ffi::{CString, c_char};

use dtt_core::Testnet;

use super::{
    config::dtt_config_t,
    entry::{entry, peek, release},
    error::dtt_error_t,
    handle::{self, Opaque, Out},
    status::dtt_status_t,
};

/// An embedded DHT on loopback: programs are tested, and demos run, without any network. Its nodes run until it is freed;
/// each takes a thread and a UDP port of 127.0.0.1.
pub struct dtt_testnet_t {
    testnet: Testnet,
    bootstrap: CString,
}

impl Opaque for dtt_testnet_t {
    const NAME: &'static str = "dtt_testnet_t";
}

/// Starts a testnet of so many nodes: 2 to 256, or 0 for 16. Blocks for about a second. Freed with dtt_testnet_free. Any
/// thread. DTT_OK, DTT_NULL, DTT_INVALID_ARGUMENT, DTT_BIND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_testnet_new(
    nodes: usize,
    out: *mut *mut dtt_testnet_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let out = Out::new(out, "out")?;
        let testnet = Testnet::with_nodes(if nodes == 0 { Testnet::DEFAULT_NODES } else { nodes })?;
        let bootstrap = CString::new(testnet.bootstrap().join(",")).unwrap_or_default();
        out.give(dtt_testnet_t { testnet, bootstrap });
        Ok(())
    })
}

/// Its bootstrap list, comma-separated, for other processes. Valid until the testnet is freed; NULL if this is none. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_testnet_bootstrap(testnet: *const dtt_testnet_t) -> *const c_char {
    peek(std::ptr::null(), || Ok(handle::borrow(testnet, "testnet")?.bootstrap.as_ptr()))
}

/// The options of a node that uses it and never reaches beyond this machine. Freed with dtt_config_free. Any thread.
/// DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_testnet_config(
    testnet: *const dtt_testnet_t,
    out: *mut *mut dtt_config_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (out, testnet) = (Out::new(out, "out")?, handle::borrow(testnet, "testnet")?);
        out.give(dtt_config_t::for_testnet(testnet.testnet.bootstrap())?);
        Ok(())
    })
}

/// Ends a testnet. NULL is fine. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_testnet_free(testnet: *mut dtt_testnet_t) {
    release(|| drop(handle::take(testnet)));
}
