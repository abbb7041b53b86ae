//! A peer of `make demo`. It knows a topic's name, a secret, and a bootstrap list, and nothing of the other peers.
//!
//! usage: demo-peer NAME TOPIC BOOTSTRAP     (the secret is the environment variable `DTT_DEMO_SECRET`)
//!
//! It prints a line for each thing that happens, greets twice a second, and ends when its input ends:
//! `published`, `found`, `dialled`, `joined`, `heard NAME`. A peer in any other language does the same.

use std::{collections::HashSet, time::Duration};

use anyhow::{Context, Result};
use dtt_core::{Event, JoinOptions, Node, Testnet, TopicState, TopicStats};
use dtt_examples::lines;

#[tokio::main]
async fn main() -> Result<()> {
    dtt_examples::init_logging();
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().context("usage: demo-peer NAME TOPIC BOOTSTRAP");
    let (name, topic, bootstrap) = (argument()?, argument()?, argument()?);
    let secret = std::env::var("DTT_DEMO_SECRET").context("DTT_DEMO_SECRET is not set")?;
    let bootstrap: Vec<String> = bootstrap.split(',').map(str::to_owned).collect();

    let node = Node::spawn(Testnet::node_config_for(&bootstrap).build()).await?;
    let topic = node.join(topic, secret, JoinOptions::default()).await?;
    let mut events = topic.subscribe();
    let (mut lines, mut heard, mut told) = (lines(), HashSet::new(), HashSet::new());
    let mut greet = tokio::time::interval(Duration::from_millis(500));
    let mut look = tokio::time::interval(Duration::from_millis(10));
    for round in 0.. {
        tokio::select! {
            _ = greet.tick() => topic.broadcast(format!("{name} {round}")).await?,
            _ = look.tick() => tell(&topic.stats(), &mut told),
            line = lines.next_line() => if line?.is_none() { break },
            event = events.next() => match event {
                Some(Event::State(TopicState::Joined)) => {
                    tell(&topic.stats(), &mut told);
                    println!("joined");
                    // Whoever just joined has heard nothing yet.
                    greet.reset_immediately();
                }
                Some(Event::Received(message)) => {
                    let text = String::from_utf8_lossy(&message.content).into_owned();
                    let author = text.split(' ').next().unwrap_or_default().to_owned();
                    if heard.insert(author.clone()) {
                        println!("heard {author}");
                    }
                }
                Some(_) => {}
                None => break,
            },
        }
    }
    node.shutdown().await;
    Ok(())
}

/// Tells once of each thing that the counters show for the first time.
fn tell(stats: &TopicStats, told: &mut HashSet<&'static str>) {
    let firsts = [("published", stats.first_store), ("found", stats.first_record), ("dialled", stats.first_dial)];
    for (what, _) in firsts.into_iter().filter(|(_, at)| at.is_some()) {
        if told.insert(what) {
            println!("{what}");
        }
    }
}
