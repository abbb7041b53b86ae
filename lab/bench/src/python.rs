//! Messages of 256 bytes received by `async for` in Python, beside the engine's own stream. Either receiver is a process of
//! its own; both nodes, the topic and the sender are the same. And what the package costs to import and to carry.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use dtt_core::{Config, Event, JoinOptions, Node, Testnet, parse};
use tokio::sync::Notify;

const BYTES: usize = 256;
const MESSAGES: u64 = 150_000;
/// Messages under way at the most: the receiver says how far it is, and the sender keeps so far ahead.
const WINDOW: u64 = 256;
const TOLD_EVERY: u64 = 32;
/// Nothing is lost in a subscriber's queue.
const QUEUE: usize = 16 * 1024;

/// The interpreter, and the package as `tools/python-wheel` unpacks it: the optimised one, which users get.
fn python() -> Command {
    let mut command = Command::new("target/python/venv/bin/python");
    command.env("PYTHONPATH", "target/python/unpacked");
    command
}

/// Messages a second in each of so many runs: by `async for`, and by the engine's stream.
pub(crate) fn speeds(runs: u32) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut python, mut rust) = (Vec::new(), Vec::new());
    for run in 0..runs {
        // In turn, and each first once in two: the machine warms up.
        if run.is_multiple_of(2) {
            python.push(received_by(self::python().arg("lab/bench/receive.py"))?);
            rust.push(received_by(Command::new(std::env::current_exe()?).arg("receive"))?);
        } else {
            rust.push(received_by(Command::new(std::env::current_exe()?).arg("receive"))?);
            python.push(received_by(self::python().arg("lab/bench/receive.py"))?);
        }
        eprintln!(
            "  messages a second: async for {:.0}, the engine's stream {:.0}",
            python[run as usize], rust[run as usize]
        );
    }
    Ok((python, rust))
}

/// Milliseconds that an interpreter takes longer with `import dtt`, in each of so many runs, and what an empty one takes. Other
/// processes spoil such figures, so the shortest time and the processor's are told too, and those of using every name of it.
pub(crate) fn imports(runs: u32) -> Result<(Vec<f64>, Vec<f64>)> {
    const PROGRAMS: [&str; 3] = ["pass", "import dtt", "from dtt import *"];
    for code in PROGRAMS {
        interpreter(code)?;
    }
    let mut taken: [Vec<[f64; 2]>; 3] = Default::default();
    for _ in 0..runs {
        for (code, taken) in PROGRAMS.iter().zip(&mut taken) {
            taken.push(interpreter(code)?);
        }
    }
    for (code, taken) in PROGRAMS.iter().zip(&taken) {
        let [(shortest, median), (least, processor)] = [0, 1].map(|figure| {
            let mut sorted: Vec<f64> = taken.iter().map(|run| run[figure]).collect();
            sorted.sort_by(f64::total_cmp);
            (sorted[0], sorted[sorted.len() / 2])
        });
        eprintln!(
            "  {code}: {shortest:.1} ms at least, {median:.1} median; processor time {least:.1}, {processor:.1} (all of the interpreter)"
        );
    }
    let [empty, import, _] = taken;
    Ok((import.iter().zip(&empty).map(|(a, b)| a[0] - b[0]).collect(), empty.iter().map(|run| run[0]).collect()))
}

/// Milliseconds that an interpreter takes for a program: on the clock, and of the processor.
fn interpreter(code: &str) -> Result<[f64; 2]> {
    let processor = || {
        // SAFETY: the structure is plain data, and the call fills it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
            usage
        };
        [usage.ru_utime, usage.ru_stime]
            .iter()
            .map(|time| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3)
            .sum::<f64>()
    };
    let (start, before) = (Instant::now(), processor());
    ensure!(python().args(["-c", code]).status()?.success(), "python -c {code:?} fails");
    Ok([start.elapsed().as_secs_f64() * 1e3, processor() - before])
}

/// The size of the wheel that `make wheel` built, in MiB.
pub(crate) fn wheel_mib() -> Result<f64> {
    let folder = Path::new("target/python/wheels");
    let wheel = std::fs::read_dir(folder).context("no wheel is built: make wheel")?.next().context("no wheel")??;
    Ok(wheel.metadata()?.len() as f64 / f64::from(1 << 20))
}

/// Runs a receiver beside the sender; it says how far it is, and at the end how many seconds it took.
fn received_by(command: &mut Command) -> Result<f64> {
    let testnet = Testnet::new()?;
    let list = testnet.bootstrap().join(",");
    let arguments = [list.clone(), MESSAGES.to_string(), TOLD_EVERY.to_string(), QUEUE.to_string()];
    let mut child = command.args(arguments).stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
    let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let progress = Arc::new(Progress::default());
    let sender = std::thread::spawn({
        let progress = progress.clone();
        move || send(&list, &progress)
    });
    let mut seconds = None;
    for line in lines {
        let line = line?;
        match line.strip_prefix("took ") {
            Some(took) => seconds = Some(took.parse::<f64>()?),
            None => progress.tell(line.parse()?),
        }
    }
    ensure!(child.wait()?.success(), "the receiver failed");
    sender.join().ok().context("the sender panicked")??;
    Ok(MESSAGES as f64 / seconds.context("the receiver said nothing")?)
}

#[derive(Default)]
struct Progress {
    received: AtomicU64,
    moved: Notify,
}

impl Progress {
    fn tell(&self, received: u64) {
        self.received.store(received, Ordering::SeqCst);
        self.moved.notify_one();
    }
}

fn send(list: &str, progress: &Progress) -> Result<()> {
    let bootstrap = parse::bootstrap_list(list)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let node = Node::spawn(Testnet::node_config_for(&bootstrap).build()).await?;
        let topic = node.join("python", "secret", JoinOptions::default()).await?;
        topic.joined().await?;
        let far = |sent: u64| sent >= progress.received.load(Ordering::SeqCst) + WINDOW;
        for n in 0..MESSAGES {
            while far(n) {
                progress.moved.notified().await;
            }
            let mut content = vec![0x5A; BYTES];
            content[..8].copy_from_slice(&n.to_le_bytes());
            topic.broadcast(content).await?;
        }
        while progress.received.load(Ordering::SeqCst) < MESSAGES {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        node.shutdown().await;
        Ok(())
    })
}

/// The receiver in Rust; `receive.py` does the same.
pub(crate) async fn receive(arguments: &[&str]) -> Result<()> {
    let [list, messages, every, queue] = arguments else { anyhow::bail!("receive LIST MESSAGES EVERY QUEUE") };
    let (messages, every): (u64, u64) = (messages.parse()?, every.parse()?);
    let bootstrap = parse::bootstrap_list(list)?;
    let config =
        Config::builder().dht_config(Testnet::dht_config_for(&bootstrap)).event_capacity(queue.parse()?).build();
    let node = Node::spawn(Testnet::node_config_for(&bootstrap).topics(config).build()).await?;
    let topic = node.join("python", "secret", JoinOptions::default()).await?;
    let mut events = topic.subscribe();
    let (mut start, mut received) = (None, 0);
    while received < messages {
        match events.next().await.context("closed")? {
            Event::Received(message) => {
                ensure!(message.content.len() == BYTES, "a message of another size");
                start.get_or_insert_with(Instant::now);
                received += 1;
                if received % every == 0 {
                    println!("{received}");
                }
            }
            Event::Lagged(missed) => anyhow::bail!("{missed} are missing"),
            _ => {}
        }
    }
    let took = start.context("nothing came")?.elapsed().as_secs_f64();
    println!("{received}\ntook {took}");
    node.shutdown().await;
    Ok(())
}
