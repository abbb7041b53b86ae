//! Converts the input of bindings and command lines to the types of the engine. Errors name the limit.

use std::net::SocketAddr;

use iroh_base::{EndpointId, RelayUrl, SecretKey};

use crate::{
    error::{Error, Result, shown},
    table::bootstrap_node,
};

/// A node's secret key: 32 bytes. The error never repeats the bytes.
pub fn secret_key(bytes: &[u8]) -> Result<SecretKey> {
    let bytes: &[u8; 32] = bytes
        .try_into()
        .map_err(|_| Error::argument("secret_key", format!("{} bytes are given, 32 bytes are needed", bytes.len())))?;
    Ok(SecretKey::from_bytes(bytes))
}

/// A node's id: 32 bytes that are a valid Ed25519 public key.
pub fn endpoint_id(bytes: &[u8]) -> Result<EndpointId> {
    let array: &[u8; 32] = bytes
        .try_into()
        .map_err(|_| Error::argument("peer", format!("{} bytes are given, 32 bytes are needed", bytes.len())))?;
    EndpointId::from_bytes(array)
        .map_err(|_| Error::argument("peer", "the 32 bytes are not a valid Ed25519 public key"))
}

/// An IP address with a port, as `192.0.2.1:4433` or `[2001:db8::1]:4433`.
pub fn socket_addr(text: &str) -> Result<SocketAddr> {
    text.parse().map_err(|_| Error::argument("address", format!("{} is not an IP address with a port", shown(text))))
}

/// The URL of a relay server: `https` or `http`, with a host.
pub fn relay_url(text: &str) -> Result<RelayUrl> {
    relay(text).map_err(|problem| Error::argument("relays", problem))
}

pub(crate) fn relay(text: &str) -> Result<RelayUrl, String> {
    let url: Option<RelayUrl> = text.parse().ok();
    let url = url.filter(|url| matches!(url.scheme(), "https" | "http") && url.host().is_some());
    let problem = "is not an https or http URL with a host; write https://relay.example, default or disabled";
    url.ok_or_else(|| format!("{} {problem}", shown(text)))
}

/// A bootstrap list, as `dtt-testnet` prints it and command lines take it: entries of `host:port`, separated by commas.
/// Each entry is checked.
pub fn bootstrap_list(text: &str) -> Result<Vec<String>> {
    let checked = |node: &str| bootstrap_node(node).map(|()| node.to_owned());
    let nodes: Result<_, String> = text.split(',').map(str::trim).map(checked).collect();
    nodes.map_err(|problem| Error::argument("dht.bootstrap", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_limit_and_the_value() {
        let text = |result: Result<()>| result.unwrap_err().to_string();
        assert_eq!(text(secret_key(&[1; 31]).map(drop)), "secret_key: 31 bytes are given, 32 bytes are needed");
        assert_eq!(text(endpoint_id(&[1; 3]).map(drop)), "peer: 3 bytes are given, 32 bytes are needed");
        assert!(text(endpoint_id(&[2; 32]).map(drop)).contains("not a valid Ed25519"));
        assert_eq!(text(socket_addr("127.0.0.1").map(drop)), "address: \"127.0.0.1\" is not an IP address with a port");
        for bad in ["not a url", "ftp://relay", "relay.example", "::"] {
            assert_eq!(
                text(relay_url(bad).map(drop)),
                format!(
                    "relays: {bad:?} is not an https or http URL with a host; write https://relay.example, default or disabled"
                )
            );
        }
        assert!(relay_url("https://relay.example").is_ok());
        assert!(text(relay_url(&"ö".repeat(5000)).map(drop)).len() < 400, "a long value is shortened");
    }

    #[test]
    fn a_bootstrap_list_is_split_and_each_entry_is_checked() {
        assert_eq!(bootstrap_list("127.0.0.1:1, router.example:2").unwrap(), ["127.0.0.1:1", "router.example:2"]);
        assert!(bootstrap_list("").unwrap_err().to_string().starts_with("dht.bootstrap: \"\" is an empty entry"));
        assert!(bootstrap_list("127.0.0.1:1,").is_err());
    }
}
