//! `make bench`: dtt compared with the published peer implementation and with raw iroh-gossip, in one run on loopback.
//!
//! usage: dtt-lab-bench [JSON-REPORT]     everything
//!        dtt-lab-bench sealing           the cost of a record alone
//!        dtt-lab-bench python            the Python package alone
//!        dtt-lab-bench c-abi             receiving through the C ABI alone
//!        dtt-lab-bench languages         receiving in other languages alone
//!
//! The peer implementation's bootstrap names are fixed. So everything runs in a network namespace with a hosts file
//! that maps these names to a DHT of 24 nodes on 127.0.0.1. That needs root and iproute2.

mod c_abi;
mod children;
mod footprint;
mod joins;
mod python;
mod receivers;
mod report;
mod sealing;
mod throughput;
mod version;

use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};
use dtt_lab_hosts::{DHT_NODES, Namespace, run_dht};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match words[..] {
        [] => outside("target/bench/report.json"),
        ["inside", path] => runtime.block_on(report::run(path)),
        ["dht"] => runtime.block_on(run_dht(Ipv4Addr::LOCALHOST, DHT_NODES, None, DHT_NODES * 3 / 4)),
        ["join", kind, index] => runtime.block_on(joins::child(kind, index.parse()?)),
        ["footprint", kind] => runtime.block_on(footprint::child(kind)),
        ["receive", bootstrap] => runtime.block_on(receivers::receive(bootstrap)),
        ["python"] => report::python_alone(),
        ["c-abi"] => c_abi::alone(),
        ["languages"] => receivers::alone(),
        ["sealing"] => {
            println!("seal, open in us: ours {:?}, the peer {:?}", sealing::ours()?, sealing::theirs()?);
            Ok(())
        }
        [path] => outside(path),
        _ => bail!("usage: dtt-lab-bench [JSON-REPORT]"),
    }
}

/// Runs this program again in a namespace of its own.
fn outside(path: &str) -> Result<()> {
    let namespace = Namespace::new().context("the namespace needs root and iproute2")?;
    namespace.name_bootstrap(&[Ipv4Addr::LOCALHOST])?;
    let status = namespace.command(std::env::current_exe()?).args(["inside", path]).status()?;
    if !status.success() {
        bail!("the bench ended with {status}");
    }
    Ok(())
}
