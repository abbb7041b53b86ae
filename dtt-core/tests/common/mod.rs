//! Shared parts of the live tests. Every wait has a bound, and no bound is a measurement.
#![allow(dead_code, unreachable_pub)]

use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::atomic::{AtomicU16, Ordering::Relaxed},
    time::Duration,
};

use dtt_core::{Event, Events, JoinOptions, Node, SecretKey, Testnet, Topic};
use ed25519_dalek::SigningKey;
use iroh::{
    Endpoint,
    endpoint::{self, PortmapperConfig, presets},
    protocol::Router,
};
use iroh_gossip::net::Gossip;

pub const SECRET: &[u8] = b"the members' secret";

/// Seconds within which members find each other. A busy machine may let the first stores fail. Then the lookup that
/// finds somebody may come only after 80 s.
pub const JOIN: u64 = 120;

pub async fn node(testnet: &Testnet) -> Node {
    Node::spawn(testnet.node_config()).await.expect("a node starts on loopback")
}

pub async fn join(node: &Node, name: &str) -> Topic {
    node.join(name, SECRET, JoinOptions::default()).await.expect("joining does not wait for anyone")
}

/// A program that brings its gossip layer and endpoint. The endpoint allows a peer QUIC's default of 100 streams.
pub struct Own {
    pub endpoint: Endpoint,
    pub gossip: Gossip,
    pub key: SigningKey,
    _router: Router,
}

/// An endpoint on loopback that uses no outside service.
pub fn endpoint_on_loopback() -> endpoint::Builder {
    Endpoint::builder(presets::Minimal)
        .portmapper_config(PortmapperConfig::Disabled)
        .clear_ip_transports()
        .bind_addr((Ipv4Addr::LOCALHOST, 0))
        .expect("it is an address")
}

pub async fn own() -> Own {
    let secret = SecretKey::generate();
    let endpoint = endpoint_on_loopback().secret_key(secret.clone()).bind().await.unwrap();
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let router = Router::builder(endpoint.clone()).accept(iroh_gossip::ALPN, gossip.clone()).spawn();
    Own { endpoint, gossip, key: SigningKey::from_bytes(&secret.to_bytes()), _router: router }
}

/// A port that is free now, and another one at each call. It is below the ports that the system gives to sockets
/// without a port of their choice. Each process has ten ports of its own, so hardly any other process takes the port
/// before it is used.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 1000) as u16 * 10;
    (0..10_000)
        .map(|_| 20_000 + (first + TAKEN.fetch_add(1, Relaxed)) % 10_000)
        .find(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("one of ten thousand ports is free")
}

/// Waits for something that must happen. Only a defect reaches the bound.
pub async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(seconds);
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("it did not happen within {seconds} s"))
}

/// Reads events until one matches.
pub async fn wait_for<T>(events: &mut Events, mut fits: impl FnMut(Event) -> Option<T>) -> T {
    within(60, async {
        loop {
            let event = events.next().await.expect("the topic is open");
            if let Some(found) = fits(event) {
                return found;
            }
        }
    })
    .await
}

/// Reads events until this message comes.
pub async fn hear(events: &mut Events, content: &[u8]) {
    wait_for(events, |event| matches!(event, Event::Received(message) if message.content == content).then_some(()))
        .await
}

/// Both nodes send each other some messages. After that, their connection knows the round-trip time, which decides how
/// long its end takes. After the handshake alone, a busy machine may look like a slow network.
pub async fn chat(one: &Topic, two: &Topic) {
    let (mut hers, mut his) = (one.subscribe(), two.subscribe());
    for n in 0..20 {
        let (there, back) = ([b't', n], [b'b', n]);
        one.broadcast(there.to_vec()).await.expect("the topic is open");
        hear(&mut his, &there).await;
        two.broadcast(back.to_vec()).await.expect("the topic is open");
        hear(&mut hers, &back).await;
    }
}

/// Asks again and again until the answer is yes, for facts that cause no event.
pub async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 60 s: {what}");
}

/// What this process holds.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub threads: usize,
    pub descriptors: usize,
    pub tasks: usize,
    pub resident_kib: usize,
}

#[cfg(target_os = "linux")]
impl Held {
    pub fn now() -> Self {
        let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            threads: count("/proc/self/task"),
            descriptors: count("/proc/self/fd"),
            tasks: tasks(),
            resident_kib: resident.trim().trim_end_matches(" kB").parse().unwrap(),
        }
    }
}

/// Blocking threads of the runtime are no leak, but they come and go: give them no time to linger.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_keep_alive(Duration::from_millis(100))
        .enable_all()
        .build()
        .unwrap()
}

/// The endpoint keeps a task for each peer that it met in the last minute, so the count takes a while to settle.
pub const SLACK: usize = 6;

#[cfg(target_os = "linux")]
impl Held {
    /// Whether no more is held than before. Memory is left out here: it is bounded, but never quite the same.
    pub fn is_back(&self, before: &Self) -> bool {
        self.threads <= before.threads && self.descriptors <= before.descriptors && self.tasks <= before.tasks + SLACK
    }

    /// Prints both, and fails if something was left behind.
    pub fn assert_back(&self, before: &Self) {
        println!("before {before:?}; after {self:?}");
        assert!(self.is_back(before), "{before:?} {self:?}");
        let grown = self.resident_kib.saturating_sub(before.resident_kib);
        assert!(grown < 10 * 1024, "{grown} KiB more than before: {before:?} {self:?}");
    }
}

pub fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
