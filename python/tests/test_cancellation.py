"""Cancelling a wait, however often and wherever, loses no event and gives none twice."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from conftest import PATIENCE, eventually, pair, roomy

import dtt
import dtt._dtt
from dtt import _wait, blocking

MESSAGES = 4000


async def _send(topic: dtt.Topic, to: dtt.Topic, random_: random.Random) -> None:
    for n in range(MESSAGES):
        while n - to.stats().received > 100:
            await asyncio.sleep(0.001)
        await topic.broadcast(b"%d" % n)
        if random_.random() < 0.5:
            await asyncio.sleep(random_.random() * 0.002)
    await topic.broadcast(b"end")


async def _next_limited(events: dtt.Events, random_: random.Random) -> dtt.Event | None:
    """With `wait_for`, whose limit is over in the middle of everything."""
    with contextlib.suppress(asyncio.TimeoutError):
        return await asyncio.wait_for(anext(events), random_.random() * 0.001)
    return None


async def _next_cancelled(events: dtt.Events, random_: random.Random) -> dtt.Event | None:
    """In a task that is cancelled after any number of turns of the loop, or after a moment."""
    task = asyncio.ensure_future(anext(events))
    for _ in range(random_.randrange(4)):
        await asyncio.sleep(0)
    if random_.random() < 0.5:
        await asyncio.sleep(random_.random() * 0.001)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_under_random_cancellation(testnet: dtt.Testnet, seed: int) -> None:
    async def main() -> None:
        random_ = random.Random(seed)
        ways = [_next_limited, _next_cancelled]
        received: Counter[bytes] = Counter()
        given_up = 0
        async with pair(testnet, f"cancelled {seed}", roomy(testnet)) as (a, b):
            events = b.events()
            sending = asyncio.create_task(_send(a, b, random.Random(-seed)))
            # What sends stops at nothing but the end, and is as quick as the machine: waits are given up until enough were.
            while received.total() <= MESSAGES or given_up < 1000:
                event = await random_.choice(ways)(events, random_)
                if event is None:
                    given_up += 1
                elif isinstance(event, dtt.Received):
                    received[event.content] += 1
                else:
                    assert not isinstance(event, dtt.Lagged), event
            await sending
            assert events.get_nowait() is None
        print(f"{given_up} waits were given up")
        assert received == {b"end": 1, **{b"%d" % n: 1 for n in range(MESSAGES)}}

    asyncio.run(main())


def test_every_other_await_can_be_cancelled(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        random_ = random.Random(7)
        cancelled = turn = 0
        async with dtt.Node(testnet.node_config()) as node:
            topic = await node.join("awaits", secret=b"s")
            # On a quick machine many are done before they are cancelled: it goes on until enough were.
            while turn < 1000 or cancelled < 300:
                turn += 1
                awaits: list[Callable[[], Awaitable[object]]] = [
                    lambda: topic.joined(),
                    lambda: topic.joined(5),
                    lambda: topic.broadcast(b"x"),
                    lambda: topic.dht_health(),
                    lambda: node.stats(),
                    lambda: node.start(),
                    functools.partial(_join_and_close, node, f"other {turn % 7}"),
                ]
                task = asyncio.ensure_future(random_.choice(awaits)())
                for _ in range(random_.randrange(3)):
                    await asyncio.sleep(0)
                if random_.random() < 0.3:
                    await asyncio.sleep(random_.random() * 0.002)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    cancelled += 1
            assert topic.state in ("looking_up", "alone")
            await topic.broadcast(b"still there")
        print(f"{cancelled} of {turn} were cancelled")

    async def _join_and_close(node: dtt.Node, name: str) -> None:
        async with node.join(name, secret=b"s"):
            pass

    asyncio.run(main())


def test_a_start_that_is_cancelled_can_be_awaited_again(testnet: dtt.Testnet) -> None:
    async def cancels() -> bool:
        node = dtt.Node(testnet.node_config())
        starting = asyncio.create_task(node.start())
        await asyncio.sleep(0)
        # On a busy machine the start may be over before this thread goes on: then nothing is left to cancel.
        if cancelled := starting.cancel():
            with pytest.raises(asyncio.CancelledError):
                await starting
        await asyncio.gather(node.start(), node.start())
        assert (await node.stats()).topics == 0
        await node.close()
        await node.close()
        with pytest.raises(dtt.ClosedError):
            await node.start()
        return cancelled

    async def main() -> None:
        assert any([await cancels() for _ in range(10)])

    asyncio.run(main())


def test_closing_wakes_who_waits(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as node:
            topic = await node.join("woken", secret=b"s")
            iterated = asyncio.create_task(_all(topic))
            joined = asyncio.create_task(topic.joined())
            await asyncio.sleep(0.05)
            await node.close()
            assert await iterated == [dtt.StateChanged("looking_up")]
            with pytest.raises(dtt.ClosedError):
                await joined

    async def _all(topic: dtt.Topic) -> list[dtt.Event]:
        return [event async for event in topic]

    asyncio.run(main())


@pytest.mark.parametrize("waits", [True, False])
def test_a_node_that_is_closed_while_it_starts_is_closed(testnet: dtt.Testnet, waits: bool) -> None:
    """Also when nobody waits for the start any more, and nobody for the closing."""

    async def main() -> None:
        node = dtt.Node(testnet.node_config())
        starting = asyncio.create_task(node.start())
        await asyncio.sleep(0)
        closing = asyncio.create_task(node.close())
        await asyncio.sleep(0)
        closing.cancel()
        if not waits:
            starting.cancel()
        started, _ = await asyncio.gather(starting, closing, return_exceptions=True)
        assert isinstance(started, (dtt.ClosedError, asyncio.CancelledError, dtt.Node)), started
        assert node.closed
        await asyncio.to_thread(
            eventually, lambda: node._native is not None and node._native.is_closed(), "the engine's node is closed"
        )

    asyncio.run(main())


def test_a_node_whose_closing_is_given_up_at_once_is_closed(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        for _ in range(20):
            node = await dtt.Node(testnet.node_config()).start()
            closing = asyncio.create_task(node.close())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            native = node._native
            assert native is not None
            assert native.is_closed()

    asyncio.run(main())


def test_a_node_that_another_thread_closes_while_it_starts_is_closed(
    testnet: dtt.Testnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting, closing = threading.Event(), threading.Event()
    block_done = _wait.block_done

    def wait_for_the_other(call: dtt._dtt.Call[object]) -> None:
        """The start is not looked after before the node is marked as closed."""
        if threading.current_thread() is thread:
            starting.set()
            assert closing.wait(PATIENCE)
        else:
            closing.set()
        block_done(call)

    monkeypatch.setattr("dtt._wait.block_done", wait_for_the_other)
    node = blocking.Node(testnet.node_config())
    raised: list[BaseException] = []

    def start() -> None:
        try:
            node.start()
        except dtt.ClosedError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    assert starting.wait(PATIENCE)
    node.close()
    thread.join(PATIENCE)
    assert raised
    assert node._native is not None
    assert node._native.is_closed()
