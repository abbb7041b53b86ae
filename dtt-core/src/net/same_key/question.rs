//! The question whether another process has the node's key, and the answer to it.

use std::{net::SocketAddr, time::Duration};

use iroh::{
    Endpoint, EndpointAddr, RelayMode, SecretKey, Signature, TransportAddr,
    endpoint::{Connection, PortmapperConfig, presets},
};
use tokio::time::timeout;

/// The protocol's name in the handshake (ALPN).
pub(in crate::net) const ALPN: &[u8] = b"dtt/key/1";
/// How long a question may take on each side.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
const NUMBER: usize = 16;

/// What a process draws when it starts. It tells processes with the same key apart.
pub(super) type Number = [u8; NUMBER];

/// An endpoint for one question, with a temporary key. It uses the node's interfaces, and relays only if `relays` says so.
pub(super) async fn asker(bind_addresses: &[SocketAddr], relays: RelayMode) -> Option<Endpoint> {
    let mut builder =
        Endpoint::builder(presets::Minimal).relay_mode(relays).portmapper_config(PortmapperConfig::Disabled);
    if !bind_addresses.is_empty() {
        builder = builder.clear_ip_transports();
    }
    for address in bind_addresses {
        let mut any_port = *address;
        any_port.set_port(0);
        builder = builder.bind_addr(any_port).ok()?;
    }
    builder.bind().await.ok()
}

/// The number of the process that is reached at one of these addresses. `None` if no process with the key answers there.
pub(super) async fn ask(
    asker: &Endpoint,
    key: &SecretKey,
    own: &Number,
    addresses: Vec<TransportAddr>,
) -> Option<Number> {
    let exchange = async {
        let me = EndpointAddr::from_parts(key.public(), addresses);
        let connection = asker.connect(me, ALPN).await.ok()?;
        let (mut send, mut receive) = connection.open_bi().await.ok()?;
        send.write_all(own).await.ok()?;
        send.write_all(&key.sign(&to_sign(&connection, own)?).to_bytes()).await.ok()?;
        send.finish().ok()?;
        let mut number = [0; NUMBER];
        receive.read_exact(&mut number).await.ok()?;
        connection.close(0u32.into(), b"asked");
        Some(number)
    };
    timeout(PATIENCE, exchange).await.ok().flatten()
}

/// The other side of [`ask`]. Returns the number of the process that asks, if it has the key.
pub(super) async fn answer(connection: &Connection, key: &SecretKey, own: &Number) -> Option<Number> {
    let exchange = async {
        let (mut send, mut receive) = connection.accept_bi().await.ok()?;
        let (mut number, mut signature) = ([0; NUMBER], [0; Signature::LENGTH]);
        receive.read_exact(&mut number).await.ok()?;
        receive.read_exact(&mut signature).await.ok()?;
        let signed = to_sign(connection, &number)?;
        key.public().verify(&signed, &Signature::from_bytes(&signature)).ok()?;
        send.write_all(own).await.ok()?;
        send.finish().ok()?;
        Some(number)
    };
    timeout(PATIENCE, exchange).await.ok().flatten()
}

/// The bytes that prove the key on this connection and on no other.
fn to_sign(connection: &Connection, number: &Number) -> Option<Vec<u8>> {
    let mut secret = [0; 32];
    connection.export_keying_material(&mut secret, ALPN, number).ok()?;
    Some([ALPN, &secret, number].concat())
}
