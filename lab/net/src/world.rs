//! A network with a DHT in it, and the hosts that are plugged in.

use std::{
    fs::OpenOptions,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use dtt_lab_hosts::{DHT_NODES, DHT_PORT, Namespace, Process};

use crate::{Link, Port, Switch, tun};

/// The bootstrap names point to this many DHT hosts.
const ENTRIES: usize = 4;
/// The third of the public bootstrap names has another port than the others.
const OTHER_PORT: (u8, u16) = (3, 25401);
/// The first node, by which the others enter at first, has to know this many of them before anything else begins.
const FOUNDER_KNOWS: usize = DHT_NODES * 3 / 4;
/// The port of iroh's relay server in its plain HTTP mode.
const RELAY_PORT: u16 = 3340;
const START_LIMIT: Duration = Duration::from_secs(90);

/// The kind of nodes in the DHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DhtKind {
    /// Nodes of the Rust crate mainline, which keep the last value.
    Mainline,
    /// Nodes of libtorrent, which keep the first value, as most of the public DHT does.
    Libtorrent,
}

impl DhtKind {
    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mainline => "mainline",
            Self::Libtorrent => "libtorrent",
        }
    }
}

/// How a router translates addresses. Both kinds let in only answers from addresses to which something was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
    /// A host keeps its port for all destinations.
    KeepsPorts,
    /// Every destination sees another port.
    PortPerDestination,
}

/// A host: a namespace with one device that leads to the switch, or to its router.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    router: Option<Namespace>,
    port: Port,
    address: Ipv4Addr,
}

impl Host {
    /// The namespace in which its programs run.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Its port on the switch, or that of its router.
    pub fn port(&self) -> Port {
        self.port
    }

    /// Its own address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }
}

/// A switch and a DHT of 24 hosts. Hosts are plugged in as they are needed.
#[derive(Debug)]
pub struct World {
    dht: Vec<(Process, Host)>,
    entries: Vec<Ipv4Addr>,
    // Dropped last: the devices have to live longer than the programs that use them.
    switch: Switch,
}

/// A running relay server.
#[derive(Debug)]
pub struct Relay {
    /// The URL by which nodes know it.
    pub url: String,
    _process: Process,
    _host: Host,
}

impl World {
    /// A network without a DHT.
    pub fn empty(seed: u64) -> Result<Self> {
        Ok(Self { dht: Vec::new(), entries: Vec::new(), switch: Switch::new(seed)? })
    }

    /// A network with a DHT. The DHT forms over perfect paths, and then the paths become like `link`.
    pub fn new(kind: DhtKind, link: Link, seed: u64) -> Result<Self> {
        let mut world = Self::empty(seed)?;
        let address = |number| Ipv4Addr::new(10, 77, 1, number);
        // The last node begins, without a node to enter by. The first nodes come last and know all others, so they are
        // the entries.
        let founder = DHT_NODES as u8;
        for number in (1..=founder).rev() {
            let host = world.host(address(number))?;
            if number == OTHER_PORT.0 {
                redirect(&host, OTHER_PORT.1)?;
            }
            let command = dht_node(kind, host.namespace(), number, (number != founder).then(|| address(founder)));
            world.dht.insert(0, (Process::start(command, format!("DHT host {number}"))?, host));
        }
        for (process, _) in &mut world.dht {
            process.wait_for("ready", START_LIMIT)?;
        }
        if kind == DhtKind::Mainline {
            // A mainline node that began without a node to enter by takes every client for a DHT node, and leads others
            // to clients. It is no longer needed as such, so it starts again like the others did.
            let (process, host) = &mut world.dht[usize::from(founder) - 1];
            let command = dht_node(kind, host.namespace(), founder, Some(address(1)));
            process.kill();
            *process = Process::start(command, format!("DHT host {founder}"))?;
            process.wait_for("ready", START_LIMIT)?;
        }
        world.entries = (1..=ENTRIES as u8).map(address).collect();
        world.switch.set_link(link);
        Ok(world)
    }

    /// The switch.
    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// The ports of the DHT's hosts.
    pub fn dht_ports(&self) -> Vec<Port> {
        self.dht.iter().map(|(_, host)| host.port()).collect()
    }

    /// How many hosts of the DHT are left.
    pub fn dht_hosts(&self) -> usize {
        self.dht.len()
    }

    /// Kills the last DHT host. Hosts to which the bootstrap names point are killed last.
    pub fn kill_dht_host(&mut self) {
        drop(self.dht.pop());
    }

    /// Plugs a host in.
    pub fn host(&self, address: Ipv4Addr) -> Result<Host> {
        let namespace = Namespace::new()?;
        let port = self.plug(&namespace, address)?;
        namespace.name_bootstrap(&self.entries_or_none())?;
        Ok(Host { namespace, router: None, port, address })
    }

    /// Plugs in a host behind a router of its own, which has the given public address. This needs nftables.
    pub fn host_behind(&self, nat: Nat, public: Ipv4Addr) -> Result<Host> {
        let (router, namespace) = (Namespace::new()?, Namespace::new()?);
        let port = self.plug(&router, public)?;
        let [inner, gateway] = [2, 1].map(|last| Ipv4Addr::new(192, 168, public.octets()[3], last));
        router.ip(&format!("link add lan type veth peer name net0 netns {}", namespace.name()))?;
        router.ip(&format!("addr add {gateway}/24 dev lan"))?;
        router.ip("link set lan up")?;
        namespace.ip(&format!("addr add {inner}/24 dev net0"))?;
        namespace.ip("link set net0 up")?;
        namespace.ip(&format!("route add default via {gateway}"))?;
        namespace.name_bootstrap(&self.entries_or_none())?;
        let masquerade = match nat {
            Nat::KeepsPorts => "masquerade",
            Nat::PortPerDestination => "masquerade fully-random",
        };
        // Packets that answer nothing from inside are dropped silently, as home routers do.
        let rules = format!(
            "add table ip nat
             add chain ip nat out {{ type nat hook postrouting priority 100; }}
             add rule ip nat out oifname net0 {masquerade}
             add table ip guard
             add chain ip guard here {{ type filter hook input priority 0; }}
             add rule ip guard here iifname net0 ct state new drop
             add chain ip guard through {{ type filter hook forward priority 0; }}
             add rule ip guard through iifname net0 ct state new drop"
        );
        run(router.command("sh").args(["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))?;
        run(router.command("nft").arg(rules))?;
        Ok(Host { namespace, router: Some(router), port, address: inner })
    }

    /// Gives a host another address while its programs run.
    pub fn readdress(&self, host: &mut Host, address: Ipv4Addr) -> Result<()> {
        ensure!(host.router.is_none(), "a host behind a router keeps its address");
        // As when a laptop changes networks, the old address is removed before there is a new one.
        host.namespace.ip(&format!("addr del {}/32 dev net0", host.address))?;
        self.switch.readdress(host.port, address);
        host.namespace.ip(&format!("addr add {address}/32 dev net0"))?;
        host.namespace.ip("route replace default dev net0")?;
        host.address = address;
        Ok(())
    }

    /// Starts iroh's own relay server on a host of its own.
    pub fn relay(&self, address: Ipv4Addr) -> Result<Relay> {
        let host = self.host(address)?;
        let program = relay_program()?;
        let config = std::env::temp_dir().join(format!("{}-relay.toml", host.namespace().name()));
        std::fs::write(&config, format!("http_bind_addr = \"{address}:{RELAY_PORT}\"\nenable_metrics = false\n"))?;
        let mut command = host.namespace().command(program);
        command.arg("--dev").arg("--config-path").arg(&config);
        let process = Process::start(command, "the relay server")?;
        let relay = Relay { url: format!("http://{address}:{RELAY_PORT}"), _process: process, _host: host };
        let reached = relay._host.namespace().enter(|| {
            (0..200).any(|_| {
                std::thread::sleep(Duration::from_millis(50));
                std::net::TcpStream::connect((address, RELAY_PORT)).is_ok()
            })
        });
        std::fs::remove_file(config)?;
        ensure!(reached?, "the relay server does not listen on {address}:{RELAY_PORT} after 10 s");
        Ok(relay)
    }

    fn plug(&self, namespace: &Namespace, address: Ipv4Addr) -> Result<Port> {
        let device = namespace.enter(|| tun::open("net0"))??;
        namespace.ip("link set net0 addrgenmode none")?;
        namespace.ip(&format!("addr add {address}/32 dev net0"))?;
        namespace.ip("link set net0 up")?;
        namespace.ip("route add default dev net0")?;
        self.switch.plug(device, address)
    }

    fn entries_or_none(&self) -> Vec<Ipv4Addr> {
        if self.entries.is_empty() { vec![Ipv4Addr::LOCALHOST] } else { self.entries.clone() }
    }
}

fn dht_node(kind: DhtKind, namespace: &Namespace, number: u8, entry: Option<Ipv4Addr>) -> Command {
    let entry = entry.map_or("-".into(), |entry| entry.to_string());
    match kind {
        DhtKind::Mainline => {
            let knows = if number == DHT_NODES as u8 { FOUNDER_KNOWS } else { 1 };
            let mut command = namespace.command(program());
            command.args(["dht", &format!("10.77.1.{number}"), &entry, &knows.to_string()]);
            command
        }
        DhtKind::Libtorrent => {
            let python = std::env::var("DTT_PYTHON").unwrap_or_else(|_| "python3".into());
            let mut command = namespace.command(python);
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../interop/libtorrent_dht.py");
            command.args([script, &DHT_NODES.to_string(), "10.77.1.", &number.to_string(), &entry]);
            command
        }
    }
}

/// Makes the DHT node of a host answer at another port as well.
fn redirect(host: &Host, port: u16) -> Result<()> {
    let rules = format!(
        "add table ip nat
         add chain ip nat in {{ type nat hook prerouting priority -100; }}
         add rule ip nat in udp dport {port} redirect to :{DHT_PORT}"
    );
    run(host.namespace().command("nft").arg(rules))
}

/// The lab's own program, which is built next to the tests.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("a program knows where it is");
    tests.ancestors().map(|folder| folder.join("dtt-lab-net")).find(|path| path.is_file()).unwrap_or_default()
}

/// iroh's published relay server, which `tools/tool install iroh-relay` brings.
fn relay_program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("iroh-relay")).find(|program| program.is_file());
    found.context("iroh-relay is not in PATH: tools/tool install iroh-relay, then PATH=$(tools/tool path)$PATH")
}

/// Sends a program's log to a file, if it logs at all.
pub(crate) fn log_to(command: &mut Command, name: &str) -> Result<()> {
    if std::env::var_os("RUST_LOG").is_some() {
        let folder = program().parent().unwrap_or(Path::new(".")).join("../netlab/logs");
        std::fs::create_dir_all(&folder)?;
        let file = OpenOptions::new().create(true).append(true).open(folder.join(format!("{name}.log")))?;
        command.stderr(Stdio::from(file));
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    // `ip netns exec NAMESPACE PROGRAM`
    let name = command.get_args().nth(3).unwrap_or_default().to_owned();
    let status = command.status().with_context(|| format!("{name:?} does not start"))?;
    ensure!(status.success(), "{name:?} ended with {status}");
    Ok(())
}
