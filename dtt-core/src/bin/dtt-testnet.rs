//! Runs an embedded DHT on loopback for other processes, until standard input ends or the process is stopped.
//!
//! usage: dtt-testnet [NODES]
//!
//! The first line of its output is the bootstrap list, comma-separated.

use std::{
    io::{IsTerminal, Read, Write},
    process::ExitCode,
};

use dtt_core::Testnet;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("dtt-testnet: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let nodes = match arguments.next() {
        Some(text) => {
            text.parse().map_err(|_| format!("{text:?} is not a number of nodes; usage: dtt-testnet [NODES]"))?
        }
        None => Testnet::DEFAULT_NODES,
    };
    if let Some(more) = arguments.next() {
        return Err(format!("{more:?} is one argument too many; usage: dtt-testnet [NODES]"));
    }
    let testnet = Testnet::with_nodes(nodes).map_err(|error| error.to_string())?;
    println!("{}", testnet.bootstrap().join(","));
    std::io::stdout().flush().map_err(|error| error.to_string())?;
    let mut input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("{nodes} nodes run; press Ctrl-D or Ctrl-C to end them");
    }
    // A parent that dies closes its end: nothing is left running.
    let _ = input.read_to_end(&mut Vec::new());
    Ok(())
}
