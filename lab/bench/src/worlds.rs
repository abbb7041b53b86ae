//! The network that the bench runs in.

use std::{
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

const BOOTSTRAP_NAMES: &str = "router.bittorrent.com dht.transmissionbt.com dht.libtorrent.org relay.pkarr.org";
const DHT_NODES: usize = 24;

/// A network namespace with a loopback interface, in which the public bootstrap names are 127.0.0.1.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    pub(crate) fn new() -> Result<Self> {
        let this = Self { name: format!("dttbench{}", std::process::id()) };
        fs::create_dir_all(this.folder())?;
        fs::write(this.folder().join("hosts"), format!("127.0.0.1 localhost {BOOTSTRAP_NAMES}\n"))?;
        ip(&["netns", "add", &this.name])?;
        ip(&["-n", &this.name, "link", "set", "lo", "up"])?;
        Ok(this)
    }

    /// This program, in the namespace.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(std::env::current_exe()?);
        Ok(command)
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from("/etc/netns").join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.name]);
        let _ = fs::remove_dir_all(self.folder());
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let status = Command::new("ip").args(arguments).stderr(Stdio::inherit()).status().context("ip does not start")?;
    if !status.success() {
        bail!("ip {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}

/// A DHT of server nodes on 127.0.0.1, the first on port 6881.
pub(crate) async fn run_dht() -> Result<()> {
    let address = Ipv4Addr::LOCALHOST;
    let mut first = mainline::Dht::builder();
    first.server_mode().no_bootstrap().port(6881).bind_address(address);
    let mut nodes = vec![first.build()?];
    for _ in 1..DHT_NODES {
        let mut node = mainline::Dht::builder();
        node.server_mode().bootstrap(&["127.0.0.1:6881"]).bind_address(address);
        nodes.push(node.build()?);
    }
    let first = nodes[0].clone().as_async();
    while first.to_bootstrap().await.len() < DHT_NODES * 3 / 4 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("ready");
    std::future::pending().await
}
