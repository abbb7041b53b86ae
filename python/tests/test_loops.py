"""Several event loops, one after another and at once, and other implementations of them."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest
from conftest import PATIENCE, pair, roomy, send_all

import dtt
from dtt import blocking


async def _talk(testnet: dtt.Testnet, name: str, messages: int = 200) -> set[bytes]:
    async with pair(testnet, name, roomy(testnet)) as (a, b):
        sending = asyncio.create_task(send_all(a, b, messages))
        heard: set[bytes] = set()
        others: list[dtt.Event] = []

        async def listen() -> None:
            async for event in b:
                if isinstance(event, dtt.Received):
                    heard.add(event.content)
                    if len(heard) == messages:
                        break
                else:
                    others.append(event)

        try:
            await asyncio.wait_for(listen(), PATIENCE)
        except (TimeoutError, asyncio.TimeoutError):
            missing = sorted({b"%d" % n for n in range(messages)} - heard, key=int)
            raise AssertionError(
                f"{missing[:5]} of {len(missing)} missing; {others}; {a.stats()}; {b.stats()}"
            ) from None
        await sending
        return heard


def test_asyncio_run_twice(testnet: dtt.Testnet) -> None:
    for turn in range(2):
        assert len(asyncio.run(_talk(testnet, f"run {turn}"))) == 200


def test_several_loops_in_several_threads(testnet: dtt.Testnet) -> None:
    heard: dict[int, int] = {}

    def run(number: int) -> None:
        heard[number] = len(asyncio.run(_talk(testnet, f"thread {number}")))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    assert heard == {0: 200, 1: 200, 2: 200, 3: 200}


def test_one_node_is_shared_by_several_loops(testnet: dtt.Testnet) -> None:
    node, other = dtt.Node(testnet.node_config()), dtt.Node(testnet.node_config())
    heard: list[bytes] = []
    ready, heard_by_all = threading.Barrier(3), threading.Event()

    async def listen() -> None:
        topic = await node.join("shared", secret=b"s")
        await topic.joined(PATIENCE)
        events = topic.events()
        await asyncio.to_thread(ready.wait, PATIENCE)
        async for event in events:
            if isinstance(event, dtt.Received):
                heard.append(event.content)
                break

    async def speak() -> None:
        topic = await other.join("shared", secret=b"s")
        await topic.joined(PATIENCE)
        await asyncio.to_thread(ready.wait, PATIENCE)
        await topic.broadcast(b"to every loop")
        await asyncio.to_thread(heard_by_all.wait, PATIENCE)

    listeners = [threading.Thread(target=asyncio.run, args=(listen(),)) for _ in range(2)]
    speaker = threading.Thread(target=asyncio.run, args=(speak(),))
    for thread in (*listeners, speaker):
        thread.start()
    for thread in listeners:
        thread.join(PATIENCE)
    heard_by_all.set()
    speaker.join(PATIENCE)

    async def close() -> None:
        await asyncio.gather(node.close(), other.close())

    asyncio.run(close())
    assert heard == [b"to every loop", b"to every loop"]


def test_under_uvloop(testnet: dtt.Testnet) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is installed by tools/test-python")
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            heard = runner.run(_talk(testnet, "uvloop", 2000))
            assert type(runner.get_loop()).__module__.startswith("uvloop")
    else:
        loop = uvloop.new_event_loop()
        try:
            heard = loop.run_until_complete(_talk(testnet, "uvloop", 2000))
        finally:
            loop.close()
    assert len(heard) == 2000


def test_under_trio_the_error_says_what_to_do(testnet: dtt.Testnet) -> None:
    trio = pytest.importorskip("trio", reason="trio is installed by tools/test-python")

    async def node() -> None:
        async with dtt.Node(testnet.node_config()):
            raise AssertionError("it runs under trio")

    async def offline() -> None:
        async with dtt.Testnet(2):
            raise AssertionError("it runs under trio")

    async def iterate() -> None:
        async for _ in topic:
            raise AssertionError("it runs under trio")

    with blocking.Node(testnet.node_config()) as started, started.join("trio", secret=b"s") as joined:
        topic = dtt.Topic(joined._native, started, None)
        for main in (node, offline, iterate, topic.joined):
            with pytest.raises(RuntimeError, match=r'for asyncio.* backend "asyncio"; under trio.* dtt.blocking'):
                trio.run(main)


def test_under_anyio_on_asyncio(testnet: dtt.Testnet) -> None:
    anyio = pytest.importorskip("anyio", reason="anyio is installed by tools/test-python")

    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as one, dtt.Node(testnet.node_config()) as two:
            async with one.join("anyio", secret=b"s") as a, two.join("anyio", secret=b"s") as b:
                with anyio.fail_after(PATIENCE):
                    async with anyio.create_task_group() as group:
                        group.start_soon(a.joined)
                        group.start_soon(b.joined)

    anyio.run(main, backend="asyncio")


def test_a_flood_leaves_the_loop_to_others(testnet: dtt.Testnet) -> None:
    """While a reader never has to wait, other tasks have their turns."""

    async def main() -> None:
        async with pair(testnet, "flood", roomy(testnet)) as (a, b):
            await send_all(a, b, 10_000)
            while b.stats().received < 10_000:
                await asyncio.sleep(0.01)
            turns = 0

            async def other() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            task = asyncio.create_task(other())
            read = 0
            async for event in b:
                read += isinstance(event, dtt.Received)
                if read == 10_000:
                    break
            task.cancel()
            assert turns >= 10_000 // 256

    asyncio.run(main())
