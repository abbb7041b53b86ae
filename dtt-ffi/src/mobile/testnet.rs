//! An embedded DHT on loopback.

use std::sync::Arc;

use dtt_core::Testnet;
use dtt_embed::Unpoisoned;

use super::{
    call::{Outcome, RawCancel, run},
    error::RawError,
    options::NodeConfig,
};

/// An embedded DHT on loopback. It runs until it is closed, or the object goes.
#[derive(uniffi::Object)]
pub struct RawTestnet {
    bootstrap: Vec<String>,
    inner: std::sync::Mutex<Option<Testnet>>,
}

#[uniffi::export]
impl RawTestnet {
    /// Starts so many nodes: 2 to 256; 16 if none is given. It takes about a second.
    #[uniffi::constructor]
    pub async fn start(nodes: Option<u32>, cancel: Option<Arc<RawCancel>>) -> Outcome<Self> {
        let start = async move {
            let nodes = nodes.map_or(Testnet::DEFAULT_NODES, |nodes| nodes as usize);
            // It blocks. Whoever does not wait for it any more has it end again at once.
            let started = tokio::task::spawn_blocking(move || Testnet::with_nodes(nodes)).await;
            started.map_err(|error| RawError::internal(error.to_string()))?.map_err(RawError::from)
        };
        let testnet = run(cancel, start).await?;
        Ok(Self { bootstrap: testnet.bootstrap().to_vec(), inner: std::sync::Mutex::new(Some(testnet)) })
    }

    /// The nodes to enter it by, as `127.0.0.1:port`.
    pub fn bootstrap(&self) -> Vec<String> {
        self.bootstrap.clone()
    }

    /// Ends it. Twice is fine.
    pub fn end(&self) {
        self.inner.lock().unpoisoned().take();
    }
}

/// The configuration of a node that uses a testnet, by its bootstrap list, and never reaches beyond this machine: loopback only, no
/// relay, no address lookup, no port mapping.
#[uniffi::export]
pub fn testnet_node_config(bootstrap: Vec<String>) -> NodeConfig {
    NodeConfig::of_testnet(&bootstrap)
}
