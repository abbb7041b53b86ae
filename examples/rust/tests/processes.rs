//! The examples are run as a user runs them: processes that know nothing of each other, on an embedded DHT.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use dtt_core::Testnet;

struct Program {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    fn start(path: &str, arguments: &[&str], testnet: &Testnet) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            .env("DTT_BOOTSTRAP", testnet.bootstrap().join(","))
            .env("DTT_DEMO_SECRET", "the secret of these tests")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, output) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let name = format!("{path} {}", arguments.join(" "));
        Self { name, input: child.stdin.take(), child, output, seen: Vec::new() }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Waits for a line that fits; what it saw before counts too.
    fn wait_for(&mut self, what: &str, fits: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(150);
        while !self.seen.iter().any(|line| fits(line)) {
            let rest = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.output.recv_timeout(rest) else {
                panic!("{}: no {what} within 150 s, but {:?}", self.name, self.seen);
            };
            self.seen.push(line);
        }
    }

    fn hears(&mut self, text: &str) {
        self.wait_for(text, |line| line.ends_with(text));
    }

    /// Ends its input; it must end well.
    fn ends(mut self) {
        drop(self.input.take());
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{}: {status}", self.name);
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} does not end with its input", self.name);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two of a program meet, talk both ways, and end with their input.
fn pair_of(path: &str, arguments: &[&str], joined: &str) {
    let testnet = Testnet::new().unwrap();
    let mut programs = [Program::start(path, arguments, &testnet), Program::start(path, arguments, &testnet)];
    programs.iter_mut().for_each(|program| program.wait_for(joined, |line| line == joined));
    let [one, two] = &mut programs;
    one.say("hello from one");
    two.hears("hello from one");
    two.say("hello from two");
    one.hears("hello from two");
    programs.into_iter().for_each(Program::ends);
}

#[test]
fn chat() {
    pair_of(env!("CARGO_BIN_EXE_chat"), &["lounge", "secret"], "* Joined");
}

#[test]
fn own_gossip() {
    pair_of(env!("CARGO_BIN_EXE_own_gossip"), &[], "joined");
}

#[test]
fn full_config() {
    pair_of(env!("CARGO_BIN_EXE_full_config"), &[], "joined");
}

#[test]
fn secret_rotation() {
    pair_of(env!("CARGO_BIN_EXE_secret_rotation"), &[], "joined");
}

#[test]
fn without_mergers() {
    pair_of(env!("CARGO_BIN_EXE_without_mergers"), &[], "joined");
}

#[test]
fn when_all_neighbors_are_killed_others_are_found_without_help() {
    let testnet = Testnet::new().unwrap();
    let peer = |name| {
        let arguments = [name, "survivor", &testnet.bootstrap().join(",")];
        Program::start(env!("CARGO_BIN_EXE_demo-peer"), &arguments, &testnet)
    };
    let (mut survivor, mut second, mut third) = (peer("survivor"), peer("second"), peer("third"));
    for program in [&mut survivor, &mut second, &mut third] {
        program.wait_for("joined", |line| line == "joined");
    }
    survivor.hears("heard second");
    survivor.hears("heard third");
    for mut program in [second, third] {
        // No goodbye: the process is gone in the middle of whatever it did.
        program.child.kill().unwrap();
        program.child.wait().unwrap();
    }
    let (mut fourth, mut fifth) = (peer("fourth"), peer("fifth"));
    survivor.hears("heard fourth");
    survivor.hears("heard fifth");
    fourth.hears("heard survivor");
    fifth.hears("heard survivor");
}

#[test]
fn the_testnet_command_serves_others_until_its_input_ends() {
    let command = env!("CARGO_BIN_EXE_demo").replace("/demo", "/dtt-testnet");
    let mut child =
        Command::new(command).arg("4").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it is built");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim().split(',').filter(|node| node.starts_with("127.0.0.1:")).count(), 4);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
