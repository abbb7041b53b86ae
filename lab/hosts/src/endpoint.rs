use std::net::SocketAddr;

use anyhow::Result;
use iroh::{
    Endpoint, EndpointAddr, RelayMode, SecretKey, address_lookup::memory::MemoryLookup, endpoint::PortmapperConfig,
    endpoint::presets,
};

/// The key of the peer with this index. So every program in the lab knows every id.
pub fn key(index: u8) -> SecretKey {
    SecretKey::from_bytes(&[index; 32])
}

/// An endpoint for a program of the peer implementation. Its records carry no addresses, and the lab has no services
/// that find addresses. So the endpoint is told where the others are.
pub async fn their_endpoint(
    key: SecretKey,
    address: SocketAddr,
    relay: RelayMode,
    known: impl IntoIterator<Item = EndpointAddr>,
) -> Result<Endpoint> {
    let endpoint = Endpoint::builder(presets::Minimal)
        .secret_key(key)
        .relay_mode(relay)
        .portmapper_config(PortmapperConfig::Disabled)
        .clear_ip_transports()
        .bind_addr(address)?
        .bind()
        .await?;
    endpoint.address_lookup()?.add(MemoryLookup::from_endpoint_info(known));
    Ok(endpoint)
}
