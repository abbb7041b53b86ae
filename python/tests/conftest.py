"""What the tests share: one embedded DHT, nodes on it, and programs in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

import dtt

#: What "in time" means on a busy machine, in seconds. Nothing is decided by being faster.
#: If the first stores fail, the look that finds somebody may come after 80 s only.
PATIENCE = 120.0


@pytest.fixture(autouse=True, scope="session")
def sigint() -> None:
    """A shell starts programs in the background with Ctrl-C ignored; some tests are about it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def testnet() -> Iterator[dtt.Testnet]:
    with dtt.Testnet() as testnet:
        yield testnet


@contextlib.asynccontextmanager
async def pair(
    testnet: dtt.Testnet, name: str, config: dtt.TopicConfig | None = None
) -> AsyncIterator[tuple[dtt.Topic, dtt.Topic]]:
    """Two nodes that have met in a topic."""
    async with dtt.Node(testnet.node_config()) as one, dtt.Node(testnet.node_config()) as two:
        async with one.join(name, secret=b"s", config=config) as a, two.join(name, secret=b"s", config=config) as b:
            await asyncio.gather(a.joined(PATIENCE), b.joined(PATIENCE))
            yield a, b


def roomy(testnet: dtt.Testnet, capacity: int = 1_000_000) -> dtt.TopicConfig:
    """Options of a topic whose subscribers never lag."""
    return dtt.TopicConfig(dht=testnet.node_config().topics.dht, event_capacity=capacity)


async def send_all(topic: dtt.Topic, to: dtt.Topic, messages: int) -> None:
    """Sends the numbers from 0, so many under way at once that the gossip layer, which keeps 256 events of a topic, drops none
    on a busy machine: that is not what the tests are about."""
    for n in range(messages):
        while n - to.stats().received > 100:
            await asyncio.sleep(0.001)
        await topic.broadcast(b"%d" % n)


def run_program(
    source: str, *arguments: str, timeout: float = 2 * PATIENCE, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", source, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **extra},
        check=False,
    )


def eventually(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"not within {patience} s: {what}"
        time.sleep(0.02)
