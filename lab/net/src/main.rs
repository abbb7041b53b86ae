//! The programs of the network lab.
//!
//! usage: dtt-lab-net dht ADDRESS ENTRY KNOWS      a DHT node; ENTRY is another one's address, or `-`
//!        dtt-lab-net peer KIND INDEX SERVICES     a peer; KIND is `ours` or `theirs`, SERVICES are `none`, `public` or a
//!                                                 relay's URL
//!        dtt-lab-net table [PAGE]                 the table of the scenarios that have run, put into a page
//!
//! A peer's key follows from its index. A peer prints "ready" and takes lines: first `join TOPIC`, then `say TEXT`. It
//! prints `joined SECONDS`, `up INDEX`, `down INDEX` and `heard TEXT`, and ends when its input ends.

mod ours;
mod theirs;

use std::{collections::HashMap, path::Path, time::Instant};

use anyhow::{Context, Result, bail};
use iroh::EndpointId;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

const SECRET: &[u8] = b"the lab's secret";
/// Peers have indices from 1 to this.
const PEERS: u8 = 250;

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["dht", address, entry, knows] => {
            let entry = (entry != "-").then(|| entry.parse()).transpose()?;
            tokio::select! {
                ended = dtt_lab_hosts::run_dht(address.parse()?, 1, entry, knows.parse()?) => ended,
                _ = word() => Ok(()),
            }
        }
        ["peer", kind, index, services] => {
            let peer = Peer { index: index.parse()?, services: services.to_owned() };
            match kind {
                "ours" => ours::run(peer).await,
                "theirs" => theirs::run(peer).await,
                other => bail!("{other:?} is no kind of peer"),
            }
        }
        ["table"] => dtt_lab_net::join_report(None),
        ["table", page] => dtt_lab_net::join_report(Some(Path::new(page))),
        _ => bail!("usage: dtt-lab-net dht ADDRESS ENTRY KNOWS | peer KIND INDEX SERVICES | table [PAGE]"),
    }
}

/// The options of a peer.
struct Peer {
    index: u8,
    /// `none`, `public`, or the URL of a relay server.
    services: String,
}

/// Prints once how long joining took: until the first neighbor or the first message, whichever comes first.
struct Joined(Option<Instant>);

impl Joined {
    fn clock() -> Self {
        Self(Some(Instant::now()))
    }

    fn now(&mut self) {
        if let Some(start) = self.0.take() {
            println!("joined {}", start.elapsed().as_secs_f64());
        }
    }
}

/// The next line of the input. The input ends with the lab.
async fn word() -> Option<String> {
    lines().next_line().await.ok().flatten()
}

fn lines() -> Lines<BufReader<Stdin>> {
    BufReader::new(tokio::io::stdin()).lines()
}

/// Prints "ready" and waits for the line to join. Returns the topic's name.
async fn topic(lines: &mut Lines<BufReader<Stdin>>) -> Result<String> {
    println!("ready");
    let line = lines.next_line().await?.context("the input ended")?;
    Ok(line.strip_prefix("join ").with_context(|| format!("{line:?} is not the word to join"))?.to_owned())
}

/// The index of every peer, by its id.
fn indices() -> HashMap<EndpointId, u8> {
    (1..=PEERS).map(|index| (dtt_lab_hosts::key(index).public(), index)).collect()
}
