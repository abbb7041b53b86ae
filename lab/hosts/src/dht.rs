use std::{net::Ipv4Addr, time::Duration};

use anyhow::Result;

/// How many nodes a DHT of the lab has.
pub const DHT_NODES: usize = 24;
/// The port of the node by which others enter a DHT: the public bootstrap names have this port.
pub const DHT_PORT: u16 = 6881;

/// Runs server nodes on one address, and prints "ready" when the first of them knows `knows` others. The first node has
/// [`DHT_PORT`] and enters by the node at `entry`, if there is one. The others enter by the first.
pub async fn run_dht(address: Ipv4Addr, nodes: usize, entry: Option<Ipv4Addr>, knows: usize) -> Result<()> {
    let mut first = mainline::Dht::builder();
    first.server_mode().port(DHT_PORT).bind_address(address);
    match entry {
        Some(entry) => first.bootstrap(&[format!("{entry}:{DHT_PORT}")]),
        None => first.no_bootstrap(),
    };
    let first = first.build()?;
    let mut others = Vec::new();
    for _ in 1..nodes {
        let mut node = mainline::Dht::builder();
        node.server_mode().bootstrap(&[format!("{address}:{DHT_PORT}")]).bind_address(address);
        others.push(node.build()?);
    }
    let first = first.as_async();
    while first.to_bootstrap().await.len() < knows {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("ready");
    std::future::pending().await
}
