"""What open and close cycles leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import itertools
import os
import threading
import time
import warnings
from collections.abc import Iterator

import pytest

import dtt
from dtt import _wait, blocking

#: `make soak` asks for hundreds.
CYCLES = int(os.environ.get("DTT_CYCLES", "60"))
#: KiB that a cycle may leave for good.
LEAK = 8


def _status(key: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key))


def _memory() -> int:
    """KiB in use, without what the allocator only keeps for later."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    return _status("VmRSS:")


def _now() -> dict[str, int]:
    gc.collect()
    return {
        "threads": _status("Threads:"),
        "python threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "waits": len(_wait._waits),
    }


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="this system has no /proc")
def test_nothing_is_left_after_cycles(testnet: dtt.Testnet) -> None:
    async def cycle() -> None:
        async with dtt.Node(testnet.node_config()) as node, node.join("cycle", secret=b"s") as topic:
            with topic.events() as events, topic.subscribe(lambda _: None):
                await anext(events)
                await anext(topic)
                await topic.broadcast(b"nobody hears it")

    async def cycles(count: int) -> None:
        for _ in range(count):
            await cycle()

    # Warm: the engine's threads and the allocator's pools are there, also those of a busy machine.
    asyncio.run(cycles(20))
    before, memory = _now(), [_memory()]
    for _ in range(4):
        asyncio.run(cycles(CYCLES // 4))
        memory.append(_memory())
    deadline = time.monotonic() + 30
    after = _now()
    # Threads that only block end when they have been idle for a while.
    while any(after[key] > before[key] for key in before) and time.monotonic() < deadline:
        time.sleep(0.2)
        after = _now()
    grown = [later - earlier for earlier, later in itertools.pairwise(memory)]
    print(f"before {before}, after {after}, memory by quarters {grown} KiB")
    assert all(after[key] <= before[key] for key in before), (before, after)
    # Pools grow and then stand; what leaks grows in every quarter.
    assert min(grown) < LEAK * CYCLES // 4, f"{grown} KiB more after each {CYCLES // 4} cycles"


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="this system has no /proc")
@pytest.mark.parametrize("how", ["threads", "asyncio"])
def test_a_node_that_is_forgotten_is_closed_and_named(testnet: dtt.Testnet, how: str) -> None:
    """Also when a callback still holds one of its topics."""

    def forget() -> str:
        node = blocking.Node(testnet.node_config()).start()
        node.join("forgotten", secret=b"s").subscribe(lambda _: None)
        return node.id.short()

    def steps() -> Iterator[float]:
        """The test, with pauses of so many seconds."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(20):
                forget()
            gc.collect()
            yield 3
            before = _now()
            caught.clear()
            names = [forget() for _ in range(20)]
            gc.collect()
            told = [str(one.message) for one in caught if one.category is ResourceWarning]
            assert [any(f"unclosed node {name}: " in text for text in told) for name in names] == 20 * [True], told
            deadline = time.monotonic() + 30
            while any((after := _now())[key] > before[key] for key in before) and time.monotonic() < deadline:
                yield 0.2
        assert all(after[key] <= before[key] for key in before), (before, after)

    async def in_a_loop() -> None:
        for pause in steps():
            await asyncio.sleep(pause)

    # Whoever else uses the testnet keeps the DHT client, which all share.
    with blocking.Node(testnet.node_config()) as other:
        other.join("other", secret=b"s")
        if how == "asyncio":
            asyncio.run(in_a_loop())
        else:
            for pause in steps():
                time.sleep(pause)


def test_an_iterator_over_events_keeps_its_node(testnet: dtt.Testnet) -> None:
    node = blocking.Node(testnet.node_config()).start()
    events = node.join("kept", secret=b"s").events(timeout=0.2)
    del node
    gc.collect()
    with pytest.raises(dtt.TimeoutError):
        for _ in events:
            pass
    with pytest.warns(ResourceWarning, match="unclosed node"):
        events.close()
        gc.collect()
