//! Another process that uses this node's key.
//!
//! Two processes with one key take each other's neighbors and messages, and to others they look like one node. A node
//! learns of an address where a process with its key may be from records, and from a peer that has living connections
//! to two addresses under one id. Then it asks whoever is there. The handshake proves that the other side has the key.
//! The other side says a number that it drew when it started: a node that reaches itself finds its own number.
//!
//! QUIC does not connect a node to its own id, so the question comes from an endpoint with a key of the moment. A
//! signature over the connection's exported secret (RFC 5705) shows the other side that the question comes from a
//! process with the key, too. So both are told, and nobody else can tell them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use iroh::{
    Endpoint, EndpointAddr, RelayMode, SecretKey, Signature, TransportAddr,
    endpoint::{Connection, PortmapperConfig, presets},
    protocol::{AcceptError, ProtocolHandler},
};
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::sync::Unpoisoned;

/// The protocol's name in the handshake (ALPN).
pub(super) const ALPN: &[u8] = b"dtt/key/1";
/// What a member sends over a gossip connection if its peer's id has a living connection from another address: these
/// bytes, then the address as text.
const HINT: &[u8] = b"dtt/key/1 ";
/// Addresses that a member tells at once.
const MAX_HINTS: usize = 4;
/// Bytes of the number that a node draws when it starts.
const NUMBER: usize = 16;
/// How long a question may take on each side.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same address is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// Addresses that are remembered as asked. Beyond that, a node asks no further one until old ones are forgotten, so
/// that nobody can make it dial at will.
const MAX_ASKED: usize = 32;
/// What was found counts for this long: a topic that is joined later is told as well.
const RECENT: Duration = Duration::from_secs(60);

/// Looks for other processes with the node's key, and answers them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SameKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    relay_mode: RelayMode,
    bind_addresses: Vec<SocketAddr>,
    number: [u8; NUMBER],
    asked: Mutex<HashMap<TransportAddr, Instant>>,
    /// One question at a time.
    turn: Semaphore,
    /// When another process with the key was last met.
    met: watch::Sender<Option<Instant>>,
    token: CancellationToken,
    runtime: tokio::runtime::Handle,
}

impl SameKey {
    /// For a node with this endpoint. Questions use the same relays and interfaces. They end with the token.
    pub(super) fn new(
        endpoint: Endpoint,
        relay_mode: RelayMode,
        bind_addresses: &[SocketAddr],
        token: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            endpoint,
            relay_mode,
            bind_addresses: bind_addresses.to_vec(),
            number: rand::random(),
            asked: Mutex::default(),
            turn: Semaphore::new(1),
            met: watch::Sender::new(None),
            token,
            runtime: tokio::runtime::Handle::current(),
        }))
    }

    /// Resolves once another process with the key is known, now or lately.
    pub(super) fn met(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut met = self.0.met.subscribe();
        async move {
            if met.wait_for(|at| at.is_some_and(|at| at.elapsed() < RECENT)).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Asks in the background whether another process with the key is at one of these addresses. The node's own present
    /// addresses are left out, and addresses that were asked lately.
    pub(super) fn suspect(&self, addresses: impl IntoIterator<Item = TransportAddr>) {
        let own = self.0.endpoint.addr().addrs;
        let mut asked = self.0.asked.lock().unpoisoned();
        asked.retain(|_, at| at.elapsed() < ASK_AGAIN);
        let mut new = Vec::new();
        for address in addresses {
            if asked.len() < MAX_ASKED && !own.contains(&address) && !asked.contains_key(&address) {
                asked.insert(address.clone(), Instant::now());
                new.push(address);
            }
        }
        drop(asked);
        if !new.is_empty() {
            let (same_key, token) = (self.clone(), self.0.token.clone());
            self.0.runtime.spawn(token.run_until_cancelled_owned(async move { same_key.ask(new).await }));
        }
    }

    /// Takes in a datagram of a gossip connection, which may name an address.
    pub(super) fn take_hint(&self, datagram: &[u8]) {
        let text = datagram.strip_prefix(HINT).and_then(|text| std::str::from_utf8(text).ok());
        let address = text.and_then(|text| match text.parse() {
            Ok(address) => Some(TransportAddr::Ip(address)),
            Err(_) => text.parse().ok().map(TransportAddr::Relay),
        });
        self.suspect(address);
    }

    async fn ask(&self, addresses: Vec<TransportAddr>) {
        let Ok(_turn) = self.0.turn.acquire().await else { return };
        let Some(asker) = self.asker().await else { return };
        let me = EndpointAddr::from_parts(self.0.endpoint.id(), addresses);
        if let Ok(Some(number)) = timeout(PATIENCE, self.exchange(&asker, me)).await {
            self.note(number);
        }
        asker.close().await;
    }

    /// An endpoint for one question.
    async fn asker(&self) -> Option<Endpoint> {
        let mut builder = Endpoint::builder(presets::Minimal)
            .relay_mode(self.0.relay_mode.clone())
            .portmapper_config(PortmapperConfig::Disabled);
        if !self.0.bind_addresses.is_empty() {
            builder = builder.clear_ip_transports();
        }
        for address in &self.0.bind_addresses {
            let mut any_port = *address;
            any_port.set_port(0);
            builder = builder.bind_addr(any_port).ok()?;
        }
        builder.bind().await.ok()
    }

    /// The number of the process that is reached. `None` if there is none, or if it does not answer.
    async fn exchange(&self, asker: &Endpoint, me: EndpointAddr) -> Option<[u8; NUMBER]> {
        let connection = asker.connect(me, ALPN).await.ok()?;
        let (mut send, mut receive) = connection.open_bi().await.ok()?;
        send.write_all(&self.0.number).await.ok()?;
        let signature = self.key().sign(&to_sign(&connection, &self.0.number)?);
        send.write_all(&signature.to_bytes()).await.ok()?;
        send.finish().ok()?;
        let mut number = [0; NUMBER];
        receive.read_exact(&mut number).await.ok()?;
        connection.close(0u32.into(), b"asked");
        Some(number)
    }

    /// The other side of [`SameKey::exchange`].
    async fn answer(&self, connection: &Connection) -> Option<()> {
        let (mut send, mut receive) = connection.accept_bi().await.ok()?;
        let (mut number, mut signature) = ([0; NUMBER], [0; Signature::LENGTH]);
        receive.read_exact(&mut number).await.ok()?;
        receive.read_exact(&mut signature).await.ok()?;
        let signed = to_sign(connection, &number)?;
        self.key().public().verify(&signed, &Signature::from_bytes(&signature)).ok()?;
        send.write_all(&self.0.number).await.ok()?;
        send.finish().ok()?;
        self.note(number);
        connection.closed().await;
        Some(())
    }

    fn note(&self, number: [u8; NUMBER]) {
        if number == self.0.number {
            return;
        }
        tracing::warn!(
            target: "dtt::node", id = %self.0.endpoint.id(),
            "another process uses this node's key; each node needs a key of its own"
        );
        self.0.met.send_replace(Some(Instant::now()));
    }

    fn key(&self) -> &SecretKey {
        self.0.endpoint.secret_key()
    }
}

/// Answers other processes with the node's key.
impl ProtocolHandler for SameKey {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let _ = timeout(PATIENCE, self.answer(&connection)).await;
        Ok(())
    }
}

/// Two living connections lead to the same id. Each side is told at which other addresses the id was met: there may be
/// two processes. They find out by themselves.
pub(super) fn tell_of_each_other(one: &Connection, other: &Connection) {
    let (here, there) = (addresses(one), addresses(other));
    let tell = |connection: &Connection, own: &[String], others: &[String]| {
        for address in others.iter().filter(|address| !own.contains(address)).take(MAX_HINTS) {
            // A lost hint is repeated when the peer connects again.
            let _ = connection.send_datagram([HINT, address.as_bytes()].concat().into());
        }
    };
    tell(one, &here, &there);
    tell(other, &there, &here);
}

/// Where the peer is, as text.
fn addresses(connection: &Connection) -> Vec<String> {
    let text = |address: &TransportAddr| match address {
        TransportAddr::Ip(address) => Some(address.to_string()),
        TransportAddr::Relay(url) => Some(url.to_string()),
        _ => None,
    };
    connection.paths().iter().filter_map(|path| text(path.remote_addr())).collect()
}

/// The bytes that prove the key on this connection and on no other.
fn to_sign(connection: &Connection, number: &[u8; NUMBER]) -> Option<Vec<u8>> {
    let mut secret = [0; 32];
    connection.export_keying_material(&mut secret, ALPN, number).ok()?;
    Some([ALPN, &secret, number].concat())
}
