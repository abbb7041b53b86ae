use std::{
    ffi::OsStr,
    fs::{self, File},
    net::Ipv4Addr,
    os::fd::AsRawFd,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, bail};

/// The public bootstrap names. The peer implementation cannot be told to use others.
const BOOTSTRAP_NAMES: [&str; 4] =
    ["router.bittorrent.com", "dht.transmissionbt.com", "dht.libtorrent.org", "relay.pkarr.org"];

/// A network namespace, which is deleted when this is dropped. Its loopback interface is up.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace. This needs root and iproute2.
    pub fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dtt{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name])?;
        let this = Self { name };
        this.ip("link set lo up")?;
        Ok(this)
    }

    /// The name of the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in the namespace with the words of a line.
    pub fn ip(&self, line: &str) -> Result<()> {
        let words: Vec<&str> = ["-n", &self.name].into_iter().chain(line.split_whitespace()).collect();
        ip(&words)
    }

    /// A command that runs a program inside the namespace.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Maps the public bootstrap names to these addresses, in turn, for programs inside the namespace.
    pub fn name_bootstrap(&self, addresses: &[Ipv4Addr]) -> Result<()> {
        let names = BOOTSTRAP_NAMES.iter().zip(addresses.iter().cycle());
        let lines: String = names.map(|(name, address)| format!("{address} {name}\n")).collect();
        fs::create_dir_all(self.folder())?;
        Ok(fs::write(self.folder().join("hosts"), format!("127.0.0.1 localhost\n{lines}"))?)
    }

    /// Calls a function inside the namespace. Sockets that it opens stay there.
    pub fn enter<T: Send>(&self, call: impl FnOnce() -> T + Send) -> Result<T> {
        let namespace = File::open(PathBuf::from("/run/netns").join(&self.name))?;
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                // SAFETY: the call uses no memory. It changes the namespace of this thread only, which ends soon.
                match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
                    0 => Ok(call()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
            let outcome = inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            outcome.with_context(|| format!("entering the namespace {}", self.name))
        })
    }

    /// For programs in the namespace, files in this folder replace those of the machine.
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

/// Runs `ip`.
pub fn ip(arguments: &[&str]) -> Result<()> {
    let status = Command::new("ip").args(arguments).status().context("ip does not start: is iproute2 installed?")?;
    if !status.success() {
        bail!("ip {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}
