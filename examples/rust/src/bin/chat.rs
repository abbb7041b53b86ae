//! A chat: run it twice with the same topic and secret.
//!
//! usage: chat TOPIC SECRET        (with `DTT_BOOTSTRAP` set, on a testnet)

use std::process::ExitCode;

use anyhow::Result;
use dtt_core::{Event, JoinOptions, Node};
use dtt_examples::{Input, arguments, node_config};

#[tokio::main]
async fn main() -> ExitCode {
    dtt_examples::init_logging();
    dtt_examples::finish(chat().await)
}

async fn chat() -> Result<()> {
    let [name, secret] = arguments("chat TOPIC SECRET")?;

    let node = Node::spawn(node_config()).await?;
    let topic = node.join(name, secret, JoinOptions::default()).await?;
    println!("I am {}", node.id().fmt_short());

    let mut events = topic.subscribe();
    let mut input = Input::read();
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::NeighborUp(peer)) => println!("* met {}", peer.fmt_short()),
                Some(Event::NeighborDown(peer)) => println!("* lost {}", peer.fmt_short()),
                Some(Event::Received(message)) => println!("{}", String::from_utf8_lossy(&message.content)),
                Some(Event::Lagged(Some(missed))) => println!("* too slow: {missed} events are missing"),
                Some(Event::Lagged(None)) => println!("* too slow: events are missing"),
                Some(Event::KeyInUse) => println!("* another process uses this key"),
                Some(Event::StateChanged(state)) => println!("* {state:?}"),
                Some(_) => {}
                None => break,
            },
            line = input.line() => {
                let Some(line) = line else { break };
                if let Err(error) = topic.broadcast(format!("{}: {line}", node.id().fmt_short())).await {
                    eprintln!("not sent: {error}");
                }
            }
        }
    }
    node.close().await;
    Ok(())
}
