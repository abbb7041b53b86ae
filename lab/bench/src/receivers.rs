//! Messages of 256 bytes that are received by processes in Python (`async for`), Kotlin (`Flow`) and Swift
//! (`AsyncSequence`), compared with one in Rust (the engine's stream). The sender and the window are the same for all,
//! and all receivers report their progress in the same way.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use dtt_core::{Event, JoinOptions, Node, Testnet, Topic, parse};

use crate::report::median;

const BYTES: usize = 256;
/// Messages before the clock starts: the Java virtual machine compiles code that runs often.
const WARM_UP: u64 = 100_000;
const MESSAGES: u64 = 200_000;
/// A receiver reports this many messages at once.
const STEP: u64 = 64;
/// The most messages under way.
const WINDOW: u64 = 512;
/// No receiver is that slow, so a message is missing.
const PATIENCE: Duration = Duration::from_secs(30);
/// A message that has not come after this time never will.
const QUIET: Duration = Duration::from_millis(500);
/// A language's receiver.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// The row in the report.
    pub(crate) row: &'static str,
    /// The program, which the language's tests build.
    file: &'static str,
    command: fn(&str) -> Command,
    /// The least part of the speed of the engine's stream that it has to reach.
    pub(crate) least: f64,
}

const WAYS: [Way; 3] = [
    Way {
        name: "Python's async for",
        row: "256 bytes by Python's async for",
        file: crate::python::INTERPRETER,
        command: |_| crate::python::receiver(),
        least: 0.7,
    },
    Way {
        name: "Kotlin's Flow",
        row: "256 bytes by Kotlin's Flow",
        file: "target/kotlin/bin/Bench",
        command: program,
        least: 0.5,
    },
    Way {
        name: "Swift's AsyncSequence",
        row: "256 bytes by Swift's AsyncSequence",
        file: "target/swift/bin/Bench",
        command: program,
        least: 0.5,
    },
];

/// A program with the library that `make bench` built. That library is optimized like the engine in this program; the
/// one of the tests is optimized less.
fn program(file: &str) -> Command {
    let here = std::env::current_dir().unwrap_or_default();
    let library = here.join("target/bench/library");
    let mut command = Command::new(here.join(file));
    command.env("DTT_SWIFT_LIBRARY", &library);
    command.env("JAVA_TOOL_OPTIONS", format!("-Djna.library.path={}", library.display()));
    command
}

/// The runs of each language.
pub(crate) type Speeds = Vec<(Way, Vec<f64>)>;

/// Messages per second in each of `runs` runs: of the engine's stream, and of each of [`WAYS`] that is there.
pub(crate) fn measure(runs: u32) -> Result<(Vec<f64>, Speeds)> {
    let there = WAYS.into_iter().filter(|way| Path::new(way.file).exists());
    let mut speeds: Speeds = there.map(|way| (way, Vec::new())).collect();
    let mut stream = Vec::new();
    let ways = speeds.len() + 1;
    for run in 0..runs as usize {
        // The receivers take turns, and each is first now and then, since the machine warms up.
        for place in (0..ways).map(|n| (n + run) % ways) {
            match speeds.get_mut(place) {
                Some((way, speeds)) => speeds.push(one((way.command)(way.file)).with_context(|| way.name)?),
                None => stream.push(one(rust()?)?),
            }
        }
        let last: Vec<String> = speeds.iter().map(|(way, runs)| format!("{} {:.0}", way.name, runs[run])).collect();
        eprintln!("  messages a second: the engine's stream {:.0}, {}", stream[run], last.join(", "));
    }
    Ok((stream, speeds))
}

fn rust() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("receive");
    Ok(command)
}

/// This measurement alone. It fails if a language is too slow, or if none is there.
pub(crate) fn alone() -> Result<()> {
    let (stream, speeds) = measure(5)?;
    if speeds.is_empty() {
        bail!("no language is there: make test-python, test-kotlin and test-swift build them");
    }
    let beside = median(stream);
    let mut slow = Vec::new();
    for (way, runs) in speeds {
        let (speed, ratio) = (median(runs.clone()), median(runs) / beside);
        println!(
            "{}: {speed:.0}/s, {ratio:.3} of the engine's stream, {beside:.0}/s, in a process of its own",
            way.name
        );
        if ratio < way.least {
            slow.push(format!("{} is below {} of the engine's stream", way.name, way.least));
        }
    }
    anyhow::ensure!(slow.is_empty(), "{}", slow.join(", "));
    Ok(())
}

/// The receiver in Rust.
pub(crate) async fn receive(bootstrap: &str) -> Result<()> {
    let bootstrap = parse::bootstrap_list(bootstrap)?;
    let node = Node::spawn(Testnet::node_config_for(&bootstrap).build()).await?;
    let topic = node.join("bindings", "secret", JoinOptions::default()).await?;
    let mut events = topic.subscribe();
    let (mut received, mut output) = (0, std::io::stdout());
    while let Some(event) = events.next().await {
        let more = match event {
            Event::Received(message) if message.content.len() == BYTES => 1,
            _ => 0,
        };
        for _ in 0..(received + more) / STEP - received / STEP {
            output.write_all(b".")?;
            output.flush()?;
        }
        received += more;
    }
    Ok(())
}

/// Sends to one receiver, which is a process of its own. Returns how fast the receiver was.
fn one(mut command: Command) -> Result<f64> {
    let testnet = Testnet::new()?;
    let bootstrap = testnet.bootstrap().join(",");
    let mut child = command.arg(&bootstrap).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().context("no output")?;
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            if tell.send(count as u64 * STEP).is_err() {
                break;
            }
        }
    });
    let speed = tokio::runtime::Runtime::new()?.block_on(async {
        let node = Node::spawn(testnet.node_config()).await?;
        let topic = node.join("bindings", "secret", JoinOptions::default()).await?;
        topic.joined().await?;
        let mut progress = Progress { received: 0, unseen: 0, waited: Duration::ZERO, told };
        let first = meet(&topic, &mut progress).await?;
        send(&topic, first..first + WARM_UP, &mut progress).await?;
        let (start, before, waited) = (Instant::now(), progress.received, progress.waited);
        send(&topic, first + WARM_UP..first + WARM_UP + MESSAGES, &mut progress).await?;
        let (received, waited) = (progress.received - before, progress.waited - waited);
        anyhow::ensure!(received * 100 > MESSAGES * 98, "only {received} of {MESSAGES} messages came");
        let speed = received as f64 / (start.elapsed() - waited).as_secs_f64();
        node.close().await;
        anyhow::Ok(speed)
    });
    // A receiver ends with its topic. If it does not, it is killed.
    let _ = child.kill();
    child.wait()?;
    speed
}

struct Progress {
    received: u64,
    /// Messages that were sent before the receiver was joined, or that it has not reported yet.
    unseen: u64,
    /// Time in which no message came.
    waited: Duration,
    told: Receiver<u64>,
}

impl Progress {
    fn wait_until(&mut self, sent: u64) -> Result<()> {
        while self.received + self.unseen < sent {
            match tokio::task::block_in_place(|| self.told.recv_timeout(QUIET)) {
                Ok(more) => self.received += more,
                // A busy machine may lose messages before the queue. A message that never comes does not count, and
                // neither does the wait for it.
                Err(RecvTimeoutError::Timeout) => {
                    self.unseen = sent - self.received;
                    self.waited += QUIET;
                    anyhow::ensure!(self.waited < PATIENCE, "nothing comes after {} messages", self.received);
                }
                Err(RecvTimeoutError::Disconnected) => bail!("the receiver ended after {} messages", self.received),
            }
        }
        Ok(())
    }
}

/// Sends now and then until the receiver reports messages. Returns how many messages that took.
async fn meet(topic: &Topic, progress: &mut Progress) -> Result<u64> {
    let start = Instant::now();
    let mut sent = 0;
    while progress.received == 0 {
        topic.broadcast(message(sent)).await?;
        sent += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
        progress.received += progress.told.try_iter().sum::<u64>();
        anyhow::ensure!(start.elapsed() < PATIENCE, "the receiver hears nothing");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    progress.received += progress.told.try_iter().sum::<u64>();
    progress.unseen = sent - progress.received;
    Ok(sent)
}

/// Each message differs from the others, since gossip drops duplicates.
fn message(n: u64) -> Vec<u8> {
    let mut content = vec![0x5A; BYTES];
    content[..8].copy_from_slice(&n.to_le_bytes());
    content
}

async fn send(topic: &Topic, numbers: std::ops::Range<u64>, progress: &mut Progress) -> Result<()> {
    let end = numbers.end;
    for n in numbers {
        progress.wait_until((n + 1).saturating_sub(WINDOW))?;
        topic.broadcast(message(n)).await?;
    }
    // The receiver reports whole steps only.
    progress.wait_until(end - STEP)
}
