//! What 100 topics without other members cost a process.

use std::{fs, time::Duration};

use anyhow::{Context, Result, bail};
use distributed_topic_tracker as theirs;
use dtt_core::Node;
use theirs::AutoDiscoveryGossip;

use crate::{
    children,
    joins::{our_config, their_node},
    version::Version,
};

const TOPICS: usize = 100;
const WATCHED: Duration = Duration::from_secs(60);

/// What a process with the topics uses more than one without topics.
pub(crate) struct Footprint {
    pub(crate) threads: f64,
    pub(crate) descriptors: f64,
    pub(crate) memory_mib: f64,
    /// Processor seconds per second over the first minute.
    pub(crate) cores: f64,
}

pub(crate) fn measure(kind: &str) -> Result<Footprint> {
    let mut child = children::start(&["footprint", kind])?;
    let line = child.next_line()?;
    let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [threads, descriptors, memory_mib, cores] = numbers[..] else { bail!("{line:?} is no footprint") };
    Ok(Footprint { threads, descriptors, memory_mib, cores })
}

pub(crate) async fn child(kind: &str) -> Result<()> {
    let mut kept: Vec<Box<dyn std::any::Any>> = Vec::new();
    let (before, start) = match kind {
        "ours" | "ticket" => {
            let version = Version::of(kind).context("these are our kinds")?;
            let node = Node::spawn(our_config()).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let measured = (Held::now()?, std::time::Instant::now());
            for n in 0..TOPICS {
                kept.push(Box::new(version.join(&node, &format!("lonely {n}"), b"secret").await?));
            }
            kept.push(Box::new(node));
            measured
        }
        "theirs" => {
            let (router, gossip, key) = their_node(0).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let measured = (Held::now()?, std::time::Instant::now());
            for n in 0..TOPICS {
                let publisher = theirs::RecordPublisher::new(
                    theirs::TopicId::new(format!("lonely {n}")),
                    key.clone(),
                    None,
                    b"secret".to_vec(),
                    theirs::Config::default(),
                );
                kept.push(Box::new(gossip.subscribe_and_join_with_auto_discovery_no_wait(publisher).await?));
            }
            kept.push(Box::new((router, gossip)));
            measured
        }
        other => bail!("{other:?} is no kind"),
    };
    tokio::time::sleep(WATCHED).await;
    let after = Held::now()?;
    let cores = (after.cpu - before.cpu) / start.elapsed().as_secs_f64();
    println!(
        "{} {} {} {cores}",
        after.threads - before.threads,
        after.descriptors - before.descriptors,
        (after.resident - before.resident) / 1024.0
    );
    drop(kept);
    std::process::exit(0)
}

struct Held {
    threads: f64,
    descriptors: f64,
    /// KiB.
    resident: f64,
    /// Seconds.
    cpu: f64,
}

impl Held {
    fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        // The times of the whole process, in hundredths of a second, follow the name in parentheses.
        let stat = fs::read_to_string("/proc/self/stat")?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(Self {
            threads: fs::read_dir("/proc/self/task")?.count() as f64,
            descriptors: fs::read_dir("/proc/self/fd")?.count() as f64,
            resident: resident.trim().trim_end_matches(" kB").parse()?,
            cpu: ticks / 100.0,
        })
    }
}
