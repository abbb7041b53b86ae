//! Runs an embedded DHT on loopback for other processes.
//!
//! usage: dtt-testnet [--until-killed] [--port PORT] [NODES]
//!
//! The first line of the output is the bootstrap list, separated by commas. With `--port`, the first node in it has
//! that UDP port.
//!
//! The process runs until standard input ends, so that a parent that dies leaves nothing behind. If there is no input
//! that could end (`/dev/null`, or a closed one, as services and background jobs of scripts have), it runs until it is
//! killed. With `--until-killed` it always runs until it is killed, and it never reads: a shell stops a background job
//! that reads its terminal.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use dtt_core::{ErrorKind, Testnet};

const USAGE: &str = "usage: dtt-testnet [--until-killed] [--port PORT] [NODES]";

fn main() -> ExitCode {
    let problem = match options() {
        Err(problem) => problem,
        Ok(options) => match options.start() {
            Ok(testnet) => return serve(&testnet, options.until_killed),
            Err(error) if error.kind() == ErrorKind::InvalidArgument => error.to_string(),
            Err(error) => {
                eprintln!("dtt-testnet: {error}");
                return ExitCode::FAILURE;
            }
        },
    };
    eprintln!("dtt-testnet: {problem}; {USAGE}");
    ExitCode::from(2)
}

struct Options {
    nodes: usize,
    port: Option<u16>,
    /// Whether the process runs until it is killed, whatever its input is.
    until_killed: bool,
}

impl Options {
    fn start(&self) -> Result<Testnet, dtt_core::Error> {
        match self.port {
            Some(port) => Testnet::with_port(self.nodes, port),
            None => Testnet::with_nodes(self.nodes),
        }
    }
}

fn options() -> Result<Options, String> {
    let (mut nodes, mut port, mut until_killed) = (None, None, false);
    let mut arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        match argument.parse() {
            _ if argument == "--until-killed" => until_killed = true,
            _ if argument == "--port" => {
                let text = arguments.next().ok_or("--port: a port is needed after it")?;
                port = Some(text.parse().map_err(|_| format!("--port: {text:?} is given, 1 to 65535 are possible"))?);
            }
            Ok(number) if nodes.is_none() => nodes = Some(number),
            Ok(_) => return Err(format!("{argument:?} is one argument too many")),
            Err(_) => return Err(format!("{argument:?} is not a number of nodes")),
        }
    }
    Ok(Options { nodes: nodes.unwrap_or(Testnet::DEFAULT_NODES), port, until_killed })
}

fn serve(testnet: &Testnet, until_killed: bool) -> ExitCode {
    let list = testnet.bootstrap();
    if let Err(error) = writeln!(std::io::stdout(), "{}", list.join(",")) {
        eprintln!("dtt-testnet: the bootstrap list cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    let input = std::io::stdin();
    if until_killed || is_null_device(&input) {
        eprintln!("dtt-testnet: {} nodes run until this process is killed", list.len());
        loop {
            std::thread::park();
        }
    }
    if input.is_terminal() {
        eprintln!("dtt-testnet: {} nodes run; press Ctrl-D or Ctrl-C to end them", list.len());
    }
    match std::io::copy(&mut input.lock(), &mut std::io::sink()) {
        Ok(_) => eprintln!("dtt-testnet: standard input ended, and the testnet with it"),
        Err(error) => eprintln!("dtt-testnet: standard input cannot be read ({error}); the testnet ends"),
    }
    ExitCode::SUCCESS
}

/// Whether standard input is the null device, which also stands in for a closed input.
#[cfg(unix)]
fn is_null_device(input: &std::io::Stdin) -> bool {
    use std::os::{fd::AsFd, unix::fs::FileTypeExt};
    let metadata = input.as_fd().try_clone_to_owned().and_then(|owned| std::fs::File::from(owned).metadata());
    !input.is_terminal() && metadata.is_ok_and(|metadata| metadata.file_type().is_char_device())
}

#[cfg(not(unix))]
fn is_null_device(_: &std::io::Stdin) -> bool {
    false
}
