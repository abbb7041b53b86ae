//! A chat: run it twice with the same topic and secret.
//!
//! usage: chat TOPIC SECRET        (with `DTT_BOOTSTRAP` set, on a testnet)

use anyhow::{Context, Result};
use dtt_core::{Event, JoinOptions, Node};
use dtt_examples::{lines, node_config};

#[tokio::main]
async fn main() -> Result<()> {
    dtt_examples::init_logging();
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: chat TOPIC SECRET";
    let (name, secret) = (arguments.next().context(usage)?, arguments.next().context(usage)?);

    let node = Node::spawn(node_config()).await?;
    let topic = node.join(name, secret, JoinOptions::default()).await?;
    println!("I am {}", node.id().fmt_short());

    let mut events = topic.subscribe();
    let mut lines = lines();
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::NeighborUp(peer)) => println!("* met {}", peer.fmt_short()),
                Some(Event::NeighborDown(peer)) => println!("* lost {}", peer.fmt_short()),
                Some(Event::Received(message)) => println!("{}", String::from_utf8_lossy(&message.content)),
                Some(Event::Lagged(missed)) => println!("* too slow: {missed} events are missing"),
                Some(Event::State(state)) => println!("* {state:?}"),
                Some(_) => {}
                None => break,
            },
            line = lines.next_line() => match line? {
                Some(line) => topic.broadcast(format!("{}: {line}", node.id().fmt_short())).await?,
                None => break,
            },
        }
    }
    node.shutdown().await;
    Ok(())
}
