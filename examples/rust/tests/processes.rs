//! Runs the examples as a user does: as processes that know nothing about each other, on an embedded DHT.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::UdpSocket,
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use dtt_core::{Testnet, parse};

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
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let (tell, output) = channel();
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for pipe in pipes {
            let (lines, tell) = (BufReader::new(pipe).lines(), tell.clone());
            std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        }
        let name = format!("{path} {}", arguments.join(" "));
        Self { name, input: child.stdin.take(), child, output, seen: Vec::new() }
    }

    fn say(&mut self, line: impl AsRef<[u8]>) {
        let line = [line.as_ref(), b"\n"].concat();
        self.input.as_mut().unwrap().write_all(&line).unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Waits for a line that matches. Lines that came earlier count too.
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

    /// Ends the program's input. The program then has to end without an error.
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

/// Two processes of a program meet, send messages in both directions, survive input that cannot be sent, and end with
/// their input.
fn pair_of(path: &str, arguments: &[&str], joined: &str) {
    let testnet = Testnet::new().unwrap();
    let mut programs = [Program::start(path, arguments, &testnet), Program::start(path, arguments, &testnet)];
    programs.iter_mut().for_each(|program| program.wait_for(joined, |line| line == joined));
    let [one, two] = &mut programs;
    one.say("hello from one");
    two.hears("hello from one");
    two.say("hello from two");
    one.hears("hello from two");
    one.say("x".repeat(5000));
    one.wait_for("word of the long line", |line| {
        line.starts_with("not sent: message: 50") && line.ends_with(" bytes, the limit is 4057 bytes")
    });
    one.say([b'n', 0xFF, 0xFE]);
    one.wait_for("word of the bytes", |line| line == "not sent: the line is not UTF-8 text");
    one.say("still here\r");
    two.hears("still here");
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
fn a_node_whose_neighbors_are_all_killed_finds_others_without_help() {
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
        // The process says no goodbye: it is gone in the middle of its work.
        program.child.kill().unwrap();
        program.child.wait().unwrap();
    }
    let (mut fourth, mut fifth) = (peer("fourth"), peer("fifth"));
    survivor.hears("heard fourth");
    survivor.hears("heard fifth");
    fourth.hears("heard survivor");
    fifth.hears("heard survivor");
}

/// Runs a program that must refuse its arguments. Returns its standard error.
fn refused(path: &str, arguments: &[&str], bootstrap: &str) -> String {
    let mut command = Command::new(path);
    command.args(arguments).env("DTT_BOOTSTRAP", bootstrap).env_remove("RUST_LOG").env_remove("DTT_DEMO_SECRET");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{path} {arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{path} {arguments:?}");
    assert_eq!(text.lines().count(), 1, "{path} {arguments:?}: {text}");
    text
}

#[test]
fn a_program_with_wrong_arguments_says_how_to_call_it() {
    let chat = env!("CARGO_BIN_EXE_chat");
    for arguments in [&[][..], &["topic"], &["topic", ""], &["topic", "secret", "more"]] {
        assert_eq!(refused(chat, arguments, "127.0.0.1:1"), "usage: chat TOPIC SECRET\n");
    }
    for (path, name) in [
        (env!("CARGO_BIN_EXE_own_gossip"), "own_gossip"),
        (env!("CARGO_BIN_EXE_full_config"), "full_config"),
        (env!("CARGO_BIN_EXE_secret_rotation"), "secret_rotation"),
        (env!("CARGO_BIN_EXE_without_mergers"), "without_mergers"),
    ] {
        assert_eq!(refused(path, &["more"], "127.0.0.1:1"), format!("usage: {name}\n"));
    }
    for arguments in [&["name"][..], &["name", "topic", "127.0.0.1:1"]] {
        let text = refused(env!("CARGO_BIN_EXE_demo-peer"), arguments, "");
        assert_eq!(text, "usage: DTT_DEMO_SECRET=... demo-peer NAME TOPIC BOOTSTRAP\n");
    }
    for arguments in [&["alice"][..], &["alice=true"]] {
        let text = refused(env!("CARGO_BIN_EXE_demo"), arguments, "");
        assert!(text.starts_with("usage: demo [NAME=COMMAND ...]"), "{text}");
    }
    let text = refused(chat, &["topic", "secret"], "127.0.0.1:1,router");
    assert!(text.starts_with("dht.bootstrap: \"router\" is not host:port"), "{text}");
}

/// The command `dtt-testnet`, with its bootstrap list and its standard error.
fn testnet_command(arguments: &[&str], input: Stdio) -> (Child, Vec<String>, BufReader<ChildStderr>) {
    let mut command = Command::new(testnet_path());
    let mut child = command
        .args(arguments)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is built");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let list = parse::bootstrap_list(line.trim()).unwrap();
    let words = BufReader::new(child.stderr.take().unwrap());
    (child, list, words)
}

fn testnet_path() -> String {
    env!("CARGO_BIN_EXE_demo").replace("/demo", "/dtt-testnet")
}

#[test]
fn the_testnet_command_serves_others_until_its_input_ends() {
    let (mut child, list, mut words) = testnet_command(&["4"], Stdio::piped());
    assert_eq!(list.iter().filter(|node| node.starts_with("127.0.0.1:")).count(), 4);
    drop(child.stdin.take());
    let mut said = String::new();
    words.read_to_string(&mut said).unwrap();
    assert_eq!(said, "dtt-testnet: standard input ended, and the testnet with it\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_testnet_command_runs_on_if_there_is_no_input_that_could_end() {
    for (arguments, input) in [(&["4"][..], Stdio::null()), (&["--until-killed", "4"], Stdio::piped())] {
        let (mut child, list, mut words) = testnet_command(arguments, input);
        drop(child.stdin.take());
        let mut said = String::new();
        words.read_line(&mut said).unwrap();
        assert_eq!(said, "dtt-testnet: 4 nodes run until this process is killed\n");
        // A ping of the DHT, and the answer.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.send_to(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t4:aaaa1:y1:qe", &*list[0]).unwrap();
        let mut answer = [0; 1500];
        let size = socket.recv(&mut answer).expect("the testnet answers");
        assert!(answer[..size].ends_with(b"1:y1:re"), "{:?}", String::from_utf8_lossy(&answer[..size]));
        assert!(child.try_wait().unwrap().is_none(), "the command still runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn the_testnet_command_refuses_unknown_arguments() {
    for (arguments, problem) in [
        (&["many"][..], "\"many\" is not a number of nodes"),
        (&["4", "5"], "\"5\" is one argument too many"),
        (&["--forever"], "\"--forever\" is not a number of nodes"),
        (&["1"], "nodes: 1 is given, 2 to 256 are possible"),
        (&["--port"], "--port: a port is needed after it"),
        (&["--port", "70000"], "--port: \"70000\" is given, 1 to 65535 are possible"),
        (&["--port", "0"], "port: 0 is given, 1 to 65535 are possible"),
    ] {
        let usage = "usage: dtt-testnet [--until-killed] [--port PORT] [NODES]";
        assert_eq!(refused(&testnet_path(), arguments, ""), format!("dtt-testnet: {problem}; {usage}\n"));
    }
}
