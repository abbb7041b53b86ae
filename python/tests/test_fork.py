"""A forked child gets an error, and neither hangs nor closes what is its parent's."""

from __future__ import annotations

import os
import sys

import pytest
from conftest import run_program

import dtt

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

HEAD = """
import asyncio, os, signal, sys, warnings, dtt
from dtt import blocking
warnings.simplefilter("ignore", DeprecationWarning)
config = dtt.Testnet.node_config_for(sys.argv[1].split(","))

def in_child(run):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        run()
        sys.exit(7)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)
"""


def test_every_use_in_a_child_is_an_error(testnet: dtt.Testnet) -> None:
    done = run_program(
        HEAD
        + """
node = blocking.Node(config).start()
topic = node.join("forked", secret=b"s")
events, key = topic.events(), dtt.SecretKey.generate()
next(events)
subscription = topic.subscribe(print)

def attempts():
    yield lambda: topic.broadcast(b"x")
    yield lambda: topic.joined(1)
    yield lambda: next(events)
    yield lambda: topic.events()
    yield lambda: topic.neighbors
    yield lambda: topic.state
    yield lambda: topic.stats()
    yield lambda: topic.close()
    yield lambda: topic.subscribe(print)
    yield lambda: events.close()
    yield lambda: node.stats()
    yield lambda: node.join("other", secret=b"s")
    yield lambda: node.close()
    yield lambda: blocking.Node(config).start()
    yield lambda: dtt.Testnet(2).__enter__()
    yield lambda: asyncio.run(dtt.Node(config).start())
    yield lambda: asyncio.run(anext(events))

def child():
    global topic, events, node
    for number, attempt in enumerate(attempts()):
        try:
            attempt()
        except dtt.ForkedError:
            continue
        print("no error from attempt", number, file=sys.stderr)
    assert dtt.NodeId(bytes(key.id)) == key.id
    assert "forked" in repr(node) and "forked" in repr(topic), (node, topic)
    assert repr(events) and repr(subscription)
    del topic, events, node

assert in_child(child) == 7
assert topic.state == "looking_up"
topic.broadcast(b"the parent goes on")
node.close()
""",
        ",".join(testnet.bootstrap),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done


def test_a_child_may_use_what_its_parent_has_only_imported(testnet: dtt.Testnet) -> None:
    done = run_program(
        HEAD
        + """
def child():
    with blocking.Node(config) as node, node.join("child", secret=b"s") as topic:
        assert topic.state == "looking_up"

assert in_child(child) == 7
child()
assert in_child(lambda: None) == 7
""",
        ",".join(testnet.bootstrap),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done


def test_a_call_that_nobody_has_fetched_is_let_go_in_a_child(testnet: dtt.Testnet) -> None:
    done = run_program(
        HEAD
        + """
import time

started = dtt._dtt.start_node(dtt.Node(config).config)
while not started.done():
    time.sleep(0.01)

def child():
    global started
    del started

assert in_child(child) == 7
assert not started.result().is_closed()
""",
        ",".join(testnet.bootstrap),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done


def test_a_thread_that_waits_for_rotations_counts_as_use(testnet: dtt.Testnet) -> None:
    """It is not in the child, where a topic would wait for its seeds for ever."""
    done = run_program(
        HEAD
        + """
def rotation(topic, minute, secret_hash):
    return bytes(32)

warnings.simplefilter("ignore", RuntimeWarning)
joining = dtt.Node(config).join("rotated", secret=b"s", rotation=rotation)

def child():
    try:
        blocking.Node(config).start()
    except dtt.ForkedError:
        return
    print("no error", file=sys.stderr)

assert in_child(child) == 7
with blocking.Node(config) as node, node.join("rotated", secret=b"s", rotation=rotation) as topic:
    assert topic.state == "looking_up"
""",
        ",".join(testnet.bootstrap),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done


@pytest.mark.skipif(sys.platform != "linux", reason="fork is not the default there")
def test_multiprocessing_says_what_to_do(testnet: dtt.Testnet) -> None:
    done = run_program(
        HEAD
        + """
import multiprocessing

def work(_):
    try:
        topic.broadcast(b"x")
    except dtt.ForkedError as error:
        return str(error)

if __name__ == "__main__":
    node = blocking.Node(config).start()
    topic = node.join("forked", secret=b"s")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        [told] = pool.map(work, [0])
    assert "spawn" in told, told
    node.close()
""",
        ",".join(testnet.bootstrap),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
