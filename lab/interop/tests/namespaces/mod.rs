//! A network of namespaces on one machine: a bridge with a DHT behind it, and a namespace for each peer.
#![allow(unreachable_pub, missing_debug_implementations)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dtt-lab-interop");
/// The public bootstrap names, which the peer implementation cannot be told to change.
const BOOTSTRAP_NAMES: &str = "router.bittorrent.com dht.transmissionbt.com dht.libtorrent.org relay.pkarr.org";

/// Which nodes the DHT is made of.
#[derive(Clone, Copy)]
pub enum DhtKind {
    Mainline,
    Libtorrent,
}

/// A bridge namespace with a DHT in it. Everything goes when it is dropped.
pub struct Net {
    bridge: String,
    entry: &'static str,
    hosts: Vec<String>,
    children: Vec<Child>,
}

impl Net {
    pub fn new(dht: DhtKind) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let bridge = format!("dtt{}x{}", std::process::id() % 100_000, COUNT.fetch_add(1, Ordering::Relaxed));
        let entry = match dht {
            DhtKind::Mainline => "10.77.0.1",
            DhtKind::Libtorrent => "10.77.1.1",
        };
        let mut net = Self { bridge: bridge.clone(), entry, hosts: Vec::new(), children: Vec::new() };
        ip(&["netns", "add", &bridge]);
        ip(&["-n", &bridge, "link", "add", "br0", "type", "bridge"]);
        ip(&["-n", &bridge, "addr", "add", "10.77.0.1/16", "dev", "br0"]);
        for link in ["lo", "br0"] {
            ip(&["-n", &bridge, "link", "set", link, "up"]);
        }
        let mut command = net.inside(&bridge);
        match dht {
            DhtKind::Mainline => command.args([PROGRAM, "dht", "10.77.0.1", "24"]),
            DhtKind::Libtorrent => {
                for node in 1..=24 {
                    ip(&["-n", &bridge, "addr", "add", &format!("10.77.1.{node}/16"), "dev", "br0"]);
                }
                let script = concat!(env!("CARGO_MANIFEST_DIR"), "/libtorrent_dht.py");
                let python = std::env::var("DTT_PYTHON").unwrap_or_else(|_| "python3".into());
                command.args([python.as_str(), script, "24", "10.77.1."])
            }
        };
        let mut child = command.stdout(Stdio::piped()).spawn().expect("ip starts the DHT");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        net.children.push(child);
        assert_eq!(line.trim(), "ready", "the DHT stands");
        net
    }

    /// Starts a peer in a namespace of its own.
    pub fn peer(&mut self, kind: &str, index: u8, topic: &str, secret: &str, rotation: &str, known: &str) -> Peer {
        let host = format!("{}p{index}", self.bridge);
        let (inner, outer) = (format!("v{index}"), format!("w{index}"));
        fs::create_dir_all(hosts_folder(&host)).unwrap();
        let hosts = format!("127.0.0.1 localhost\n{} {BOOTSTRAP_NAMES}\n", self.entry);
        fs::write(hosts_folder(&host).join("hosts"), hosts).unwrap();
        ip(&["netns", "add", &host]);
        self.hosts.push(host.clone());
        let bridge = &self.bridge;
        ip(&["-n", &host, "link", "add", &inner, "type", "veth", "peer", "name", &outer, "netns", bridge]);
        ip(&["-n", bridge, "link", "set", &outer, "master", "br0"]);
        ip(&["-n", bridge, "link", "set", &outer, "up"]);
        ip(&["-n", &host, "addr", "add", &format!("10.77.2.{index}/16"), "dev", &inner]);
        for link in ["lo", inner.as_str()] {
            ip(&["-n", &host, "link", "set", link, "up"]);
        }
        ip(&["-n", &host, "route", "add", "default", "via", "10.77.0.1"]);
        let mut command = self.inside(&host);
        command.args([PROGRAM, "peer", kind, &index.to_string(), &address(index), topic, secret, rotation, known]);
        Peer::start(command, format!("{kind} {index}"))
    }

    fn inside(&self, namespace: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]);
        command
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for namespace in self.hosts.iter().chain([&self.bridge]) {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
            let _ = fs::remove_dir_all(hosts_folder(namespace));
        }
    }
}

/// Where the peer with this index listens.
pub fn address(index: u8) -> String {
    format!("10.77.2.{index}:4433")
}

/// Files here stand over those of the machine for whoever runs in the namespace.
fn hosts_folder(namespace: &str) -> PathBuf {
    PathBuf::from("/etc/netns").join(namespace)
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("iproute2 is installed");
    assert!(status.success(), "ip {}", arguments.join(" "));
}

/// A peer's process.
pub struct Peer {
    pub name: String,
    child: Child,
    input: ChildStdin,
    output: Receiver<String>,
    seen: Vec<String>,
}

impl Peer {
    fn start(mut command: Command, name: String) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ip starts the peer");
        let (input, lines) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        let (tell, output) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { name, child, input, output, seen: Vec::new() }
    }

    pub fn say(&mut self, text: &str) {
        writeln!(self.input, "{text}").unwrap_or_else(|error| panic!("{} is gone: {error}", self.name));
    }

    /// Whether it has printed this line, waiting so long at the most.
    pub fn prints(&mut self, line: &str, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        while !self.seen.iter().any(|seen| seen == line) {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(seen) => self.seen.push(seen),
                Err(_) => return false,
            }
        }
        true
    }

    pub fn must_print(&mut self, line: &str) {
        let found = self.prints(line, Duration::from_secs(90));
        assert!(found, "{} did not print {line:?} within 90 s, but {:?}", self.name, self.seen);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
