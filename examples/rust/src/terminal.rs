//! Helpers for programs in a terminal: their arguments, the lines that are typed, and errors in plain words.

use std::{
    error::Error,
    ffi::OsString,
    fmt,
    io::{BufRead, IsTerminal},
    process::ExitCode,
};

use dtt_core::ErrorKind;
use tokio::sync::mpsc;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Logs to standard error as `RUST_LOG` says, for example `dtt=debug`. Without `RUST_LOG`, it logs nothing. The log is
/// colored on a terminal.
pub fn init_logging() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).from_env_lossy();
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal).init();
}

/// The program was called with wrong arguments. The text says how to call it.
#[derive(Debug)]
pub struct Usage(pub &'static str);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usage: {}", self.0)
    }
}

impl Error for Usage {}

/// The arguments of this program: exactly `N`, and none of them empty.
pub fn arguments<const N: usize>(usage: &'static str) -> Result<[String; N], Usage> {
    let given: Result<Vec<String>, OsString> = std::env::args_os().skip(1).map(OsString::into_string).collect();
    let given = given.ok().filter(|given| given.iter().all(|argument| !argument.is_empty()));
    given.and_then(|given| given.try_into().ok()).ok_or(Usage(usage))
}

/// Ends a program. An error is one line on standard error. The exit code is 2 if the user's input was wrong, and 1 for
/// every other error.
pub fn finish(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("{error:#}");
    let is_argument = |error: &dtt_core::Error| error.kind() == ErrorKind::InvalidArgument;
    match error.is::<Usage>() || error.downcast_ref().is_some_and(is_argument) {
        true => ExitCode::from(2),
        false => ExitCode::FAILURE,
    }
}

/// The lines of standard input.
///
/// A separate thread reads them, so that reading does not hold up the end of the program.
#[derive(Debug)]
pub struct Input(mpsc::Receiver<String>);

impl Input {
    /// Begins to read.
    pub fn read() -> Self {
        let (tell, lines) = mpsc::channel(16);
        std::thread::spawn(move || read_lines(&tell));
        Self(lines)
    }

    /// The next line; `None` when the input has ended. A line that is not text is skipped, with a message on standard
    /// error.
    pub async fn line(&mut self) -> Option<String> {
        self.0.recv().await
    }
}

fn read_lines(tell: &mpsc::Sender<String>) {
    for line in std::io::stdin().lock().split(b'\n') {
        match line.map(String::from_utf8) {
            Ok(Ok(line)) => {
                if tell.blocking_send(line.trim_end_matches('\r').to_owned()).is_err() {
                    return;
                }
            }
            Ok(Err(_)) => eprintln!("not sent: the line is not UTF-8 text"),
            Err(error) => return eprintln!("standard input cannot be read: {error}"),
        }
    }
}
