//! Members in processes of their own: those that are killed leave nothing behind, and one that was stopped for a while is
//! a member again.
#![cfg(target_os = "linux")]

mod common;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::*;
use dtt_core::{Event, Node, Testnet};
use futures_util::future::join_all;

/// The tests that start processes from their own program.
const KILLED: &str = "members_that_are_killed_leave_nothing_behind";
const STOPPED: &str = "a_member_that_was_stopped_for_45_seconds_is_joined_again";
/// The environment variable with the bootstrap list of this test's DHT. It is set for the processes that the test starts
/// from its own program.
const BOOTSTRAP: &str = "DTT_TEST_BOOTSTRAP";
/// More than the five neighbors that a node has on a topic.
const STANDING: usize = 7;

#[test]
fn members_that_are_killed_leave_nothing_behind() {
    if let Ok(bootstrap) = std::env::var(BOOTSTRAP) {
        return runtime().block_on(be_a_guest(&bootstrap, KILLED));
    }
    // `make soak` asks for hundreds.
    let cycles: usize = std::env::var("DTT_CYCLES").map_or(40, |cycles| cycles.parse().unwrap());
    runtime().block_on(async {
        let testnet = Testnet::with_nodes(8).unwrap();
        let nodes: Vec<Node> = join_all((0..STANDING).map(|_| node(&testnet))).await;
        let topics = join_all(nodes.iter().map(|node| join(node, KILLED))).await;
        for topic in &topics {
            within(JOIN, topic.joined()).await.unwrap();
        }
        for n in 0..20 {
            cycle(&testnet, n).await;
        }
        // Connections of killed processes end after 30 s. What they held is freed a moment later.
        tokio::time::sleep(Duration::from_secs(35)).await;
        let before = Held::now();
        for n in 0..cycles {
            cycle(&testnet, n).await;
        }
        let start = Instant::now();
        let mut after = Held::now();
        while start.elapsed() < Duration::from_secs(200) && !after.is_back(&before) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            after = Held::now();
        }
        println!("{cycles} cycles");
        println!("before {before:?}; after {after:?}");
        assert!(after.is_back(&before), "{before:?} {after:?}");
        // Each node remembers the addresses of up to 1,024 others, which takes a while to fill.
        let grown = after.resident_kib.saturating_sub(before.resident_kib);
        let most = 10 * 1024 + cycles.min(1024) * 3 * STANDING;
        assert!(grown < most, "{grown} KiB more than before, of {most}: {before:?} {after:?}");
        let mut events = topics[STANDING - 1].subscribe();
        topics[0].broadcast("still here").await.unwrap();
        hear(&mut events, b"still here").await;
        join_all(nodes.iter().map(Node::close)).await;
    });
}

/// QUIC ends a connection after 30 s of silence, so the others lose the member, and it has to come back.
#[test]
fn a_member_that_was_stopped_for_45_seconds_is_joined_again() {
    if let Ok(bootstrap) = std::env::var(BOOTSTRAP) {
        return runtime().block_on(be_a_guest(&bootstrap, STOPPED));
    }
    runtime().block_on(async {
        let testnet = Testnet::with_nodes(8).unwrap();
        let (a, b) = (node(&testnet).await, node(&testnet).await);
        let topics = [join(&a, STOPPED).await, join(&b, STOPPED).await];
        let mut guest = Guest::start(&testnet, STOPPED);
        guest.joined();
        let mut events = [topics[0].subscribe(), topics[1].subscribe()];
        let is_guests = |event: Event| match event {
            Event::Received(message) => message.content.starts_with(b"guest ").then_some(()),
            _ => None,
        };
        for queue in &mut events {
            wait_for(queue, is_guests).await;
        }
        guest.signal("-STOP");
        tokio::time::sleep(Duration::from_secs(45)).await;
        until("the others have only each other", async || topics.iter().all(|topic| topic.neighbors().len() == 1))
            .await;
        events.iter_mut().for_each(|queue| while queue.try_next().is_some() {});
        guest.signal("-CONT");
        let back = Instant::now();
        for queue in &mut events {
            wait_for(queue, is_guests).await;
        }
        println!("heard again {:.1} s after it went on", back.elapsed().as_secs_f64());
        until("a member has the guest as its neighbor", async || {
            topics.iter().any(|topic| topic.neighbors().len() == 2)
        })
        .await;
        guest.leave();
    });
}

/// Runs one guest in a process of its own. Of three guests, one leaves properly, one is killed when it has joined, and one
/// is killed at any time.
async fn cycle(testnet: &Testnet, n: usize) {
    let mut guest = Guest::start(testnet, KILLED);
    match n % 3 {
        0 => guest.joined().leave(),
        1 => guest.joined().kill(),
        _ => {
            tokio::time::sleep(Duration::from_millis(7 * (n as u64 % 40))).await;
            guest.kill();
        }
    }
}

struct Guest {
    process: Child,
}

impl Guest {
    fn start(testnet: &Testnet, test: &str) -> Self {
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(BOOTSTRAP, testnet.bootstrap().join(","))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process }
    }

    fn joined(&mut self) -> &mut Self {
        let lines = BufReader::new(self.process.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with("joined")), "the guest ended before it joined");
        self
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    fn leave(&mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

/// The other side of [`Guest`]: it stays until its input ends.
async fn be_a_guest(bootstrap: &str, name: &str) {
    let bootstrap: Vec<String> = bootstrap.split(',').map(str::to_owned).collect();
    let node = Node::spawn(Testnet::node_config_for(&bootstrap).build()).await.unwrap();
    let topic = join(&node, name).await;
    within(JOIN, topic.joined()).await.unwrap();
    println!("joined");
    let end = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
    let mut said = 0;
    while name == STOPPED && !end.is_finished() {
        topic.broadcast(format!("guest {said}")).await.unwrap();
        said += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    end.await.unwrap();
    node.close().await;
    // Ends here, before the test runner prints a result that nobody reads.
    std::process::exit(0);
}
