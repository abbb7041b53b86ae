//! What a program in a terminal needs: its arguments, the lines that are typed, and errors in plain words.

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

/// Logs to standard error what `RUST_LOG` asks for, `dtt=debug` for example; without it, nothing. Colored on a terminal.
pub fn init_logging() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).from_env_lossy();
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal).init();
}

/// The program was called in a wrong way; the text says how it is called.
#[derive(Debug)]
pub struct Usage(pub &'static str);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usage: {}", self.0)
    }
}

impl Error for Usage {}

/// The arguments of this program, exactly so many and none of them empty.
pub fn arguments<const N: usize>(usage: &'static str) -> Result<[String; N], Usage> {
    let given: Result<Vec<String>, OsString> = std::env::args_os().skip(1).map(OsString::into_string).collect();
    let given = given.ok().filter(|given| given.iter().all(|argument| !argument.is_empty()));
    given.and_then(|given| given.try_into().ok()).ok_or(Usage(usage))
}

/// How a program ends: an error is one line on standard error. 2 stands for what the user gave being wrong, and 1 for
/// everything else that went wrong.
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
/// They are read in a thread of its own, which does not hold up the end of the program.
#[derive(Debug)]
pub struct Input(mpsc::Receiver<String>);

impl Input {
    /// Begins to read.
    pub fn read() -> Self {
        let (tell, lines) = mpsc::channel(16);
        std::thread::spawn(move || read_lines(&tell));
        Self(lines)
    }

    /// The next line; none when the input has ended. What is not text is left out, with a word about it.
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
