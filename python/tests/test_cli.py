"""The command ``dtt``, in processes and terminals of its own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import shlex
import signal
import socket
import stat
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE

import dtt
from dtt import blocking, cli

DTT = [sys.executable, "-m", "dtt"]


def dtt_command(*arguments: str, timeout: float = PATIENCE, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DTT, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **extra},
        check=False,
    )


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("the secret\n")
    return path


def test_id_keeps_its_key_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made = dtt_command("id", "--key-file", str(path))
    assert (made.returncode, made.stderr) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.stdout.strip() == str(dtt.SecretKey(path.read_bytes()).id)
    again = dtt_command("id", "--key-file", str(path), "--json")
    assert json.loads(again.stdout) == {"id": made.stdout.strip()}
    assert dtt_command("id", "--topic", "name").stdout.strip() == str(dtt.TopicId("name"))


def test_wrong_use_says_what_is_wrong(tmp_path: Path) -> None:
    none, short = tmp_path / "none", tmp_path / "short"
    short.write_bytes(b"short")
    for arguments, code, told in (
        (["nothing"], 2, "invalid choice"),
        ([], 2, "usage: dtt"),
        (["testnet", "1"], 2, "nodes: 1 is given, 2 to 256 are possible"),
        (["chat", "x", "--json", "--bootstrap", "nowhere"], 2, "is not host:port"),
        (["peek", "x", "--secret-file", str(none)], 1, f"--secret-file {none}: No such file"),
        (["chat", "x", "--json", "--key-file", str(tmp_path)], 1, f"--key-file {tmp_path}: Is a directory"),
        (["id", "--key-file", str(short)], 2, f"--key-file {short}: 5 bytes are given, 32 bytes are needed"),
        (["id", "--key-file", str(tmp_path / "no" / "key")], 1, f"--key-file {tmp_path / 'no' / 'key'}: No such file"),
        (["chat", ""], 2, "argument NAME: the name is empty, at least 1 character is needed"),
        (["peek", ""], 2, "argument NAME: the name is empty"),
        (["id", "--topic", ""], 2, "argument --topic: the name is empty"),
        (["chat", "x", "--wait", "soon"], 2, "argument --wait: "),
        (["chat", "x", "--wait", "-1"], 2, "argument --wait: "),
        (["testnet", "--port", "0"], 2, "port: 0 is given, 1 to 65535 are possible"),
        (["testnet", "--port", "70000"], 2, "port: 70000 is given, 1 to 65535 are possible"),
        (["id", "--topic", os.fsdecode(b"\xff")], 2, "name: the text has a lone surrogate"),
        (["chat", os.fsdecode(b"\xff")], 2, "name: the text has a lone surrogate"),
    ):
        done = dtt_command(*arguments)
        assert done.returncode == code, done
        assert told in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["chat", "peek"])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("dht.retry=1", 'DTT_CONFIG: options: "dht.retry" is not an option; did you mean dht.retries?'),
        ("dht.get_timeout=10", 'DTT_CONFIG: dht.get_timeout: "10" is given, a time with its unit'),
        ("relays=disabled,dht.bootstrap=none", "DTT_CONFIG: dht.bootstrap: the list is empty"),
    ],
)
def test_options_in_the_environment_are_read(command: str, options: str, told: str) -> None:
    more = ("--json",) if command == "chat" else ()
    done = dtt_command(command, "x", *more, DTT_CONFIG=options)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert told in done.stderr


def test_the_library_reads_no_environment() -> None:
    program = "import dtt; print(dtt.NodeConfig() == dtt.NodeConfig(max_message_size=4096))"
    environment = {**os.environ, "DTT_CONFIG": "max_message_size=600"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "True\n"


@pytest.mark.parametrize("given", [["--secret", "hunter2"], ["--secret=hunter2"], ["--secret"], ["--secret-f", "x"]])
@pytest.mark.parametrize("command", ["chat", "peek"])
def test_a_secret_on_the_command_line_is_refused_and_not_shown(command: str, given: list[str]) -> None:
    done = dtt_command(command, "x", *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert "hunter2" not in done.stderr
    told = "unrecognized arguments: --secret-f" if "--secret-f" in given else "give its name with --secret-file"
    assert told in done.stderr


@pytest.mark.parametrize("command", ["chat", "testnet", "peek", "id"])
def test_each_command_describes_itself_with_an_example(command: str) -> None:
    done = dtt_command(command, "--help", COLUMNS="100")
    assert (done.returncode, done.stderr) == (0, "")
    usage, described, *_ = done.stdout.split("\n\n")
    assert usage.startswith(f"usage: dtt {command}")
    assert described.endswith("."), described
    examples = done.stdout.partition("\nexample:\n")[2].splitlines()
    assert examples, done.stdout
    assert f"dtt {command}" in examples[0]
    for line in examples:
        # What it shows can be parsed.
        words = shlex.split(line.partition("dtt ")[2], comments=True)
        assert cli.parser().parse_args(words).command


def test_without_the_extra_there_are_plain_lines(testnet: dtt.Testnet) -> None:
    hide = (
        "import sys\nsys.modules.update(rich=None, prompt_toolkit=None)\nfrom dtt.cli import main\nsys.exit(main({!r}))"
    )
    for command, shown in (("chat", "* you are "), ("peek", "minute\tpublisher\taddresses")):
        arguments = [command, "x", "--bootstrap", ",".join(testnet.bootstrap)]
        done = subprocess.run(
            [sys.executable, "-c", hide.format(arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done
        assert done.stdout.startswith(shown), done
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_chat_reads_any_input_to_its_end(testnet: dtt.Testnet, tmp_path: Path, form: list[str]) -> None:
    long, short = tmp_path / "long", tmp_path / "short"
    long.write_text(100_000 * "x" + "\n")
    short.write_text("a line\n")
    for source in (Path("/dev/null"), long, short):
        with source.open() as file:
            done = subprocess.run(
                [*DTT, "chat", "x", *form, "--wait", "0.1", "--bootstrap", ",".join(testnet.bootstrap)],
                stdin=file,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        assert "no secret" in done.stderr
        assert "Traceback" not in done.stderr
        # A line that is not sent is an error: nobody was there to hear it, or it is too long, which is said at once.
        assert done.returncode == {Path("/dev/null"): 0, short: cli.NOBODY, long: 1}[source], done
        assert ("nobody was there to hear it: join did not finish within 100 ms" in done.stderr) == (source == short)
        assert ("the limit is" in done.stdout) == (source == long), done


def test_a_piped_line_waits_until_someone_hears_it(testnet: dtt.Testnet, secret_file: Path) -> None:
    bootstrap = ",".join(testnet.bootstrap)
    options = ["chat", "piped", "--secret-file", str(secret_file), "--bootstrap", bootstrap, "--wait", str(PATIENCE)]
    with subprocess.Popen(
        [*DTT, *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("hello\n")
        process.stdin.close()
        assert process.stderr.readline() == f"dtt: nobody is there yet to hear it; waiting for up to {PATIENCE:g} s\n"
        with blocking.Node(testnet.node_config()) as node, node.join("piped", secret="the secret") as topic:
            heard = next(event for event in topic.events(timeout=PATIENCE) if isinstance(event, dtt.Received))
            assert json.loads(heard.content)["text"] == "hello"
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_testnet_runs_until_it_is_ended(number: signal.Signals) -> None:
    process = subprocess.Popen([*DTT, "testnet", "4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    bootstrap = process.stdout.readline().strip().split(",")
    assert len(bootstrap) == 4
    with blocking.Node(dtt.Testnet.node_config_for(bootstrap)) as node, node.join("x", secret="s") as topic:
        deadline = time.monotonic() + PATIENCE
        while topic.stats().stores == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert topic.stats().stores > 0
    process.send_signal(number)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0


def test_testnet_has_the_port_that_was_asked_for(secret_file: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [*DTT, "testnet", "4", "--port", str(port), "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            bootstrap = json.loads(process.stdout.readline())["bootstrap"]
            assert (bootstrap[0], len(set(bootstrap))) == (f"127.0.0.1:{port}", 4)
            taken = dtt_command("testnet", "4", "--port", str(port))
            assert (taken.returncode, taken.stdout) == (1, "")
            assert taken.stderr.startswith(f"dtt: cannot bind the testnet's port: {port}: ")
            # The first node alone is enough to enter it by.
            options = dtt.Testnet.node_config_for(bootstrap[:1])
            with blocking.Node(options) as one, blocking.Node(options) as two:
                with one.join("port", secret="s") as a, two.join("port", secret="s"):
                    a.joined(PATIENCE)
                    assert a.dht_health().routing_table >= 3
        finally:
            process.terminate()
    assert process.returncode == 0


def test_peek_shows_a_table_and_json(testnet: dtt.Testnet, secret_file: Path) -> None:
    bootstrap = ",".join(testnet.bootstrap)
    with blocking.Node(testnet.node_config()) as node, node.join("peeked at", secret="the secret") as topic:
        while topic.stats().stores == 0:
            time.sleep(0.02)
        options = ["peek", "peeked at", "--bootstrap", bootstrap]
        slots: list[dict[str, Any]] = json.loads(
            dtt_command(*options, "--json", "--secret-file", str(secret_file)).stdout
        )
        assert len(slots) == 3
        # In two slots, if a minute turned meanwhile.
        assert all(len(slot["values"]) <= 1 for slot in slots)
        values = [value for slot in slots for value in slot["values"]]
        assert {value["publisher"] for value in values} == {str(node.id)}
        assert all(value["addresses"] == list(node.address.ip_addresses) for value in values)
        table = dtt_command(*options, "--secret-file", str(secret_file), COLUMNS="120")
        assert (table.returncode, table.stderr) == (0, "")
        assert node.id.short() in table.stdout
        assert "(empty)" in table.stdout
        closed = dtt_command(*options, COLUMNS="120")
        assert "(sealed)" in closed.stdout
        assert "--secret-file opens" in " ".join(closed.stdout.split())
        assert node.id.short() not in closed.stdout


def test_chat_speaks_json_and_ends_with_its_input(testnet: dtt.Testnet, secret_file: Path) -> None:
    options = ["chat", "json", "--json", "--secret-file", str(secret_file), "--bootstrap", ",".join(testnet.bootstrap)]
    with blocking.Node(testnet.node_config()) as node, node.join("json", secret="the secret") as topic:
        process = subprocess.Popen(
            [*DTT, *options, "--nick", "ann"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        # What is said without a neighbor goes nowhere, so each side has one first.
        topic.joined(PATIENCE)
        for line in process.stdout:
            if json.loads(line)["event"] == "neighbor_up":
                break
        process.stdin.write("hello from json\n")
        process.stdin.flush()
        for event in topic.events(timeout=PATIENCE):
            if isinstance(event, dtt.Received):
                assert json.loads(event.content)["text"] == "hello from json"
                break
        topic.broadcast(b"\x1b[31mnot json\xff")
        for line in process.stdout:
            if (found := json.loads(line))["event"] == "received":
                assert (found["nick"], found["text"]) == ("?", "\ufffd[31mnot json\ufffd")
                break
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_chat_and_it_closes_the_topic(
    testnet: dtt.Testnet, secret_file: Path, number: signal.Signals, code: int
) -> None:
    name = f"ended by {number.name}"
    options = ["chat", name, "--json", "--secret-file", str(secret_file), "--bootstrap", ",".join(testnet.bootstrap)]
    with blocking.Node(testnet.node_config()) as node, node.join(name, secret="the secret") as topic:
        events = topic.events(timeout=PATIENCE)
        process = subprocess.Popen(
            [*DTT, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "neighbor_up":
                break
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (code, "")
        # Whoever is killed says no farewell; neighbors notice that when the connection times out.
        assert any(isinstance(event, dtt.NeighborDown) for event in events)


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, arguments: list[str]) -> None:
        self.shown = ""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
            os.execv(sys.executable, [*DTT, *arguments])

    def read(self) -> None:
        """Takes what is shown, and answers what terminals are asked: where the cursor is."""
        if select.select([self.descriptor], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                shown = os.read(self.descriptor, 65536).decode("utf-8", "replace")
                self.shown += shown
                for _ in range(shown.count("\x1b[6n")):
                    self.type("\x1b[1;1R")

    def wait_for(self, text: str, redraw: bool = False) -> None:
        """When a line changes, only what differs is written; `redraw` asks the program to write all of it."""
        start = last = time.monotonic()
        while text not in self.shown:
            now = time.monotonic()
            assert now < start + PATIENCE, f"{text!r} is not shown: {self.shown[-3000:]!r}"
            if redraw and now > last + 1:
                last = now
                # Whoever has ended is typed to in vain; what it showed last is still to be read.
                with contextlib.suppress(OSError):
                    self.type("\x0c")
            self.read()

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def end(self, key: str) -> int:
        """Presses a key that ends it, once."""
        self.type(key)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.descriptor)
                return os.waitstatus_to_exitcode(status)
            self.read()
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError(f"it does not end: {self.shown[-2000:]!r}")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_chat_in_a_terminal(testnet: dtt.Testnet, secret_file: Path) -> None:
    options = ["chat", "terminal", "--secret-file", str(secret_file), "--bootstrap", ",".join(testnet.bootstrap)]
    ann = Terminal([*options, "--nick", "ann"])
    ann.wait_for("looking up")
    ann.wait_for("own record published")
    ann.type("is anybody here\r")
    ann.wait_for("* nobody hears you: nobody else is there")
    bob = Terminal([*options, "--nick", "bob"])
    ann.wait_for("joined: 1 neighbor", redraw=True)
    bob.wait_for("joined: 1 neighbor", redraw=True)
    bob.type("good morning\r")
    ann.wait_for("good morning")
    ann.wait_for("bob: ")
    assert ann.end("\x03") == 0
    bob.wait_for("* lost")
    bob.wait_for("alone: the last neighbor left", redraw=True)
    assert bob.end("\x04") == 0
    cid = Terminal([*options, "--nick", "cid"])
    cid.wait_for("cid>")
    os.kill(cid.pid, signal.SIGTERM)
    assert cid.end("") == 143
    for terminal in (ann, bob, cid):
        assert "Traceback" not in terminal.shown
        assert "the secret" not in terminal.shown
