//! A peer of `make demo`. It knows a topic's name, a secret and a bootstrap list, and nothing about the other peers.
//!
//! usage: demo-peer NAME TOPIC BOOTSTRAP     (the secret is the environment variable `DTT_DEMO_SECRET`)
//!
//! It sends a greeting twice a second, and ends when its input ends. It prints a line for each thing that happens:
//! `published`, `found`, `dialed`, `joined`, `heard NAME`. A peer in any other language does the same.

use std::{collections::HashSet, process::ExitCode, time::Duration};

use anyhow::Result;
use dtt_core::{Event, JoinOptions, Node, Testnet, TopicState, TopicStats, parse};
use dtt_examples::{Input, Usage, arguments};

#[tokio::main]
async fn main() -> ExitCode {
    dtt_examples::init_logging();
    dtt_examples::finish(peer().await)
}

async fn peer() -> Result<()> {
    let usage = "DTT_DEMO_SECRET=... demo-peer NAME TOPIC BOOTSTRAP";
    let [name, topic, bootstrap] = arguments(usage)?;
    let secret = std::env::var("DTT_DEMO_SECRET").map_err(|_| Usage(usage))?;
    let bootstrap = parse::bootstrap_list(&bootstrap)?;

    let node = Node::spawn(Testnet::node_config_for(&bootstrap).build()).await?;
    let topic = node.join(topic, secret, JoinOptions::default()).await?;
    let mut events = topic.subscribe();
    let (mut input, mut heard, mut told) = (Input::read(), HashSet::new(), HashSet::new());
    let mut greet = tokio::time::interval(Duration::from_millis(500));
    let mut look = tokio::time::interval(Duration::from_millis(10));
    for round in 0.. {
        tokio::select! {
            _ = greet.tick() => topic.broadcast(format!("{name} {round}")).await?,
            _ = look.tick() => tell(&topic.stats(), &mut told),
            line = input.line() => if line.is_none() { break },
            event = events.next() => match event {
                Some(Event::StateChanged(TopicState::Joined)) => {
                    tell(&topic.stats(), &mut told);
                    println!("joined");
                    // A peer that has just joined has received no greeting yet, so this one goes out at once.
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
    node.close().await;
    Ok(())
}

/// Prints a line for everything that the counters show for the first time.
fn tell(stats: &TopicStats, told: &mut HashSet<&'static str>) {
    let firsts = [("published", stats.first_store), ("found", stats.first_record), ("dialed", stats.first_dial)];
    for (what, _) in firsts.into_iter().filter(|(_, at)| at.is_some()) {
        if told.insert(what) {
            println!("{what}");
        }
    }
}
