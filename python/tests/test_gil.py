"""Whoever waits in dtt leaves the interpreter to the other threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from conftest import PATIENCE, eventually

import dtt
import dtt._dtt
from dtt import _wait, blocking

#: Turns are counted in time, which a busy machine gives to others.
pytestmark = pytest.mark.alone


def _turns_of_others_during(call: Callable[[], object]) -> tuple[int, float]:
    """How often another thread had its turn while this one was in the call, and how long that took."""
    turns, stop = 0, threading.Event()

    def count() -> None:
        nonlocal turns
        while not stop.is_set():
            turns += 1
            time.sleep(0.005)

    other = threading.Thread(target=count)
    other.start()
    start = time.monotonic()
    try:
        call()
    except dtt.TimeoutError:
        pass
    took = time.monotonic() - start
    stop.set()
    other.join()
    return turns, took


@pytest.mark.parametrize("name", ["joined", "join", "next event", "testnet", "node stats", "dht health"])
def test_the_lock_is_released(testnet: dtt.Testnet, name: str) -> None:
    with blocking.Node(testnet.node_config()) as node, node.join("released", secret="s") as topic:
        events = topic.events(timeout=0.5)
        next(events)
        calls: dict[str, Callable[[], object]] = {
            "joined": lambda: topic.joined(0.5),
            "join": lambda: node.join("other", secret="s", timeout=0.5),
            "next event": lambda: next(events),
            "testnet": lambda: dtt.Testnet(64).__enter__().close(),
            "node stats": lambda: _repeat(node.stats),
            "dht health": lambda: _repeat(topic.dht_health),
        }
        _assert_others_had_turns(name, calls[name])


@pytest.mark.parametrize("name", ["close", "the end of the process"])
def test_the_lock_is_released_while_a_peer_does_not_answer(testnet: dtt.Testnet, name: str) -> None:
    """Closing waits for peers to take notice, and this one stands still."""
    peer = subprocess.Popen(
        [sys.executable, "-c", PEER, ",".join(testnet.bootstrap)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    node = blocking.Node(testnet.node_config()).start()
    # Held to the end: a topic that nobody holds is left.
    topic = node.join("stands still", secret="s")
    topic.joined(PATIENCE)
    assert peer.stdout is not None
    peer.stdout.readline()
    os.kill(peer.pid, signal.SIGSTOP)
    try:
        calls: dict[str, Callable[[], object]] = {
            "close": node.close,
            "the end of the process": lambda: dtt._dtt.close_all_nodes(1.5),
        }
        _assert_others_had_turns(name, calls[name])
    finally:
        os.kill(peer.pid, signal.SIGCONT)
        peer.communicate(timeout=PATIENCE)
        node.close()


PEER = """
import sys, dtt
from dtt import blocking
with blocking.Node(dtt.Testnet.node_config_for(sys.argv[1].split(","))) as node:
    topic = node.join("stands still", secret="s")
    topic.joined(120)
    print("joined", flush=True)
    sys.stdin.read()
"""


def _repeat(call: Callable[[], object]) -> None:
    """One such call may be over at once."""
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        call()


def _assert_others_had_turns(name: str, call: Callable[[], object]) -> None:
    """If the lock were held throughout they would have one before and one after it."""
    turns, took = _turns_of_others_during(call)
    print(f"{name}: {turns} turns in {1000 * took:.0f} ms")
    assert took > 0.05, "it was over too soon to tell"
    assert turns >= 3


def test_ctrl_c_ends_a_wait(testnet: dtt.Testnet) -> None:
    with blocking.Node(testnet.node_config()) as node, node.join("interrupted", secret="s") as topic:
        for call in (topic.joined, lambda: list(topic)):
            before = set(_wait._waits)

            def interrupt(before: set[int] = before) -> None:
                eventually(lambda: bool(set(_wait._waits) - before), "the call waits")
                # A signal between the last look for one and the wait itself is seen with the next one only.
                while set(_wait._waits) - before:
                    time.sleep(0.2)
                    os.kill(os.getpid(), signal.SIGINT)
                    deadline = time.monotonic() + 5
                    while set(_wait._waits) - before and time.monotonic() < deadline:
                        time.sleep(0.01)

            interrupter = threading.Thread(target=interrupt)
            with pytest.raises(KeyboardInterrupt):
                interrupter.start()
                call()
            interrupter.join()
            assert set(_wait._waits) <= before
