use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// A line that a child process printed, and when it was read.
#[derive(Debug, Clone)]
pub struct Line {
    /// When the line was read.
    pub at: Instant,
    /// The text of the line.
    pub text: String,
}

/// A child process that exchanges lines with this one. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: ChildStdin,
    output: Receiver<Line>,
}

impl Process {
    /// Starts the process. The name is for error messages.
    pub fn start(mut command: Command, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("{name} does not start"))?;
        let input = child.stdin.take().context("no input")?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let (tell, output) = channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|text| tell.send(Line { at: Instant::now(), text }))
        });
        Ok(Self { name, child, input, output })
    }

    /// The name of the process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a line to the input of the process.
    pub fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}").with_context(|| format!("{} is gone", self.name))
    }

    /// The next line of the process's output, if one comes within this time. Fails if the process has ended.
    pub fn line(&mut self, wait: Duration) -> Result<Option<Line>> {
        match self.output.recv_timeout(wait) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("{} ended early", self.name),
        }
    }

    /// The next line of the process's output, however long it takes.
    pub fn next_line(&mut self) -> Result<String> {
        let line = self.output.recv().ok();
        Ok(line.with_context(|| format!("{} ended early", self.name))?.text)
    }

    /// Waits for exactly this line, and skips all others.
    pub fn wait_for(&mut self, line: &str, limit: Duration) -> Result<Line> {
        let deadline = Instant::now() + limit;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            match self.line(rest)? {
                Some(found) if found.text == line => return Ok(found),
                Some(_) => {}
                None => bail!("{} did not print {line:?} within {limit:?}", self.name),
            }
        }
    }

    /// Kills the process at once, like a power cut: it says no goodbye to anybody.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
