"""What the tests share: one embedded DHT, nodes on it, and programs in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

import dtt

#: What "in time" means on a busy machine, in seconds. Nothing is decided by being faster.
PATIENCE = 60.0


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


def run_program(source: str, *arguments: str, timeout: float = 120.0, **extra: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own, in development mode, which reports what is left open."""
    return subprocess.run(
        [sys.executable, "-c", source, *arguments],
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
