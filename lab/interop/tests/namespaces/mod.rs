//! A network of namespaces on one machine: a bridge with a DHT behind it, and a namespace for each peer.
#![allow(unreachable_pub, missing_debug_implementations)]

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use dtt_lab_hosts::{DHT_NODES, Namespace, Process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dtt-lab-interop");

/// The kind of nodes in the DHT.
#[derive(Clone, Copy)]
pub enum DhtKind {
    Mainline,
    Libtorrent,
}

/// A bridge namespace with a DHT in it. Everything is removed when this is dropped.
pub struct Net {
    entry: Ipv4Addr,
    hosts: Vec<Namespace>,
    _dht: Process,
    bridge: Namespace,
}

impl Net {
    pub fn new(dht: DhtKind) -> Self {
        let bridge = Namespace::new().expect("the lab needs root and iproute2");
        ip(&bridge, "link add br0 type bridge");
        ip(&bridge, "addr add 10.77.0.1/16 dev br0");
        ip(&bridge, "link set br0 up");
        let nodes = DHT_NODES.to_string();
        let (entry, command) = match dht {
            DhtKind::Mainline => {
                let mut command = bridge.command(PROGRAM);
                command.args(["dht", "10.77.0.1", &nodes]);
                (Ipv4Addr::new(10, 77, 0, 1), command)
            }
            DhtKind::Libtorrent => {
                for node in 1..=DHT_NODES {
                    ip(&bridge, &format!("addr add 10.77.1.{node}/16 dev br0"));
                }
                let mut command = bridge.command(std::env::var("DTT_PYTHON").unwrap_or_else(|_| "python3".into()));
                let script = concat!(env!("CARGO_MANIFEST_DIR"), "/libtorrent_dht.py");
                command.args([script, nodes.as_str(), "10.77.1."]);
                (Ipv4Addr::new(10, 77, 1, 1), command)
            }
        };
        let mut dht = Process::start(command, "the DHT").unwrap();
        dht.wait_for("ready", Duration::from_secs(60)).unwrap();
        Self { entry, hosts: Vec::new(), _dht: dht, bridge }
    }

    /// Starts a peer in a namespace of its own.
    pub fn peer(&mut self, kind: &str, index: u8, topic: &str, secret: &str, rotation: &str, known: &str) -> Peer {
        let host = Namespace::new().unwrap();
        host.name_bootstrap(&[self.entry]).unwrap();
        let bridge = &self.bridge;
        ip(&host, &format!("link add net0 type veth peer name w{index} netns {}", bridge.name()));
        ip(bridge, &format!("link set w{index} master br0"));
        ip(bridge, &format!("link set w{index} up"));
        ip(&host, &format!("addr add 10.77.2.{index}/16 dev net0"));
        ip(&host, "link set net0 up");
        ip(&host, "route add default via 10.77.0.1");
        let mut command = host.command(PROGRAM);
        command.args(["peer", kind, &index.to_string(), &address(index), topic, secret, rotation, known]);
        self.hosts.push(host);
        let process = Process::start(command, format!("{kind} {index}")).unwrap();
        Peer { name: process.name().to_owned(), process, seen: Vec::new() }
    }
}

/// The address at which the peer with this index listens.
pub fn address(index: u8) -> String {
    format!("10.77.2.{index}:4433")
}

fn ip(namespace: &Namespace, line: &str) {
    namespace.ip(line).unwrap();
}

/// A peer's process.
pub struct Peer {
    pub name: String,
    process: Process,
    seen: Vec<String>,
}

impl Peer {
    pub fn say(&mut self, text: &str) {
        self.process.say(text).unwrap();
    }

    /// Whether the process prints this line within `wait`.
    pub fn prints(&mut self, line: &str, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        while !self.seen.iter().any(|seen| seen == line) {
            match self.process.line(deadline.saturating_duration_since(Instant::now())).unwrap() {
                Some(seen) => self.seen.push(seen.text),
                None => return false,
            }
        }
        true
    }

    pub fn must_print(&mut self, line: &str) {
        let found = self.prints(line, Duration::from_secs(90));
        assert!(found, "{} did not print {line:?} within 90 s, but {:?}", self.name, self.seen);
    }
}
