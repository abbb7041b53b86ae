"""Secret rotations that are Python callables."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import threading
import time

import pytest
from conftest import PATIENCE, eventually

import dtt
from dtt import _rotation, blocking


def rotation(topic: bytes, minute: int, secret_hash: bytes) -> bytes:
    return hashlib.sha256(b"ours" + topic + minute.to_bytes(8, "big") + secret_hash).digest()


async def _meet(
    testnet: dtt.Testnet, name: str, one: dtt.SecretRotation | None, two: dtt.SecretRotation | None
) -> bool:
    async with dtt.Node(testnet.node_config()) as a, dtt.Node(testnet.node_config()) as b:
        async with a.join(name, secret=b"s", rotation=one) as left, b.join(name, secret=b"s", rotation=two) as right:
            try:
                if one == two:
                    await asyncio.gather(left.joined(PATIENCE), right.joined(PATIENCE))
                else:
                    await _told_apart(left, right)
            except dtt.TimeoutError as error:
                assert "none opens" in str(error), error
                return False
            return True


async def _told_apart(*topics: dtt.Topic) -> None:
    """Waits until joining one of them fails because of the other's records. Whose record stands in the slot both write, the DHT
    decides; its owner sees none of the other."""
    deadline = time.monotonic() + PATIENCE
    while True:
        for topic in topics:
            try:
                return await topic.joined(0.5)
            except dtt.TimeoutError as error:
                if "none opens" in str(error) or time.monotonic() > deadline:
                    raise


def test_members_with_one_rotation_meet_and_others_do_not(testnet: dtt.Testnet) -> None:
    assert asyncio.run(_meet(testnet, "rotated", rotation, rotation))
    assert not asyncio.run(_meet(testnet, "rotated apart", rotation, None))


def test_it_is_called_in_a_thread_of_its_own_with_what_it_needs(testnet: dtt.Testnet) -> None:
    calls: list[tuple[str, int, int, int]] = []

    def noted(topic: bytes, minute: int, secret_hash: bytes) -> bytes:
        calls.append((threading.current_thread().name, len(topic), minute, len(secret_hash)))
        time.sleep(0.05)
        return rotation(topic, minute, secret_hash)

    assert asyncio.run(_meet(testnet, "noted", noted, noted))
    now = int(time.time()) // 60
    of_engine = [call for call in calls if call[0] == "dtt-rotation"]
    assert of_engine
    assert all((topic, secret) == (32, 32) and abs(minute - now) < 4 for _, topic, minute, secret in of_engine)


def test_one_that_raises_is_reported_and_closes_its_topic_only(
    testnet: dtt.Testnet, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(topic: bytes, minute: int, secret_hash: bytes) -> bytes:
        if threading.current_thread().name == "dtt-rotation":
            raise RuntimeError("no seed today")
        return bytes(32)

    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as node:
            other = await node.join("other", secret=b"s")
            topic = await node.join("failing", secret=b"s", rotation=failing)
            assert [event async for event in topic if not isinstance(event, dtt.StateChanged)] == []
            assert topic.closed
            assert not other.closed

    with caplog.at_level(logging.ERROR, "dtt"):
        asyncio.run(main())
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR and record.name == "dtt"]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "no seed today"


def test_the_same_callable_is_the_same_topic_and_is_let_go(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        def own(topic: bytes, minute: int, secret_hash: bytes) -> bytes:
            return rotation(topic, minute, secret_hash)

        async with dtt.Node(testnet.node_config()) as node, node.join("same", secret=b"s", rotation=own) as one:
            two = await node.join("same", secret=b"s", rotation=own)
            assert (await node.stats()).topics == 1
            await one.close()
            assert two.closed

    asyncio.run(main())

    def is_let_go() -> bool:
        gc.collect()
        return not _rotation._callables

    eventually(is_let_go, "the engine lets go of the rotations")


def test_one_that_is_slow_holds_up_no_other_and_no_leaving(testnet: dtt.Testnet) -> None:
    asked, go = threading.Event(), threading.Event()

    def stuck(topic: bytes, minute: int, secret_hash: bytes) -> bytes:
        if threading.current_thread().name == "dtt-rotation":
            asked.set()
            go.wait(PATIENCE)
        return rotation(topic, minute, secret_hash)

    def other(topic: bytes, minute: int, secret_hash: bytes) -> bytes:
        return rotation(topic, minute, secret_hash)

    try:
        with blocking.Node(testnet.node_config()) as node:
            slow = node.join("slow", secret="s", rotation=stuck)
            assert asked.wait(PATIENCE)
            quick = node.join("quick", secret="s", rotation=other)
            eventually(lambda: quick.stats().lookups > 0, "the other topic goes on", patience=25)
            start = time.monotonic()
            slow.close()
            took = time.monotonic() - start
            print(f"left after {took:.2f} s, with a rotation that gives nothing for {PATIENCE} s")
            assert took < 20
    finally:
        go.set()


def test_one_that_fails_is_answered_whatever_logging_does(testnet: dtt.Testnet) -> None:
    class Fails(logging.Filter):
        def filter(self, _: logging.LogRecord) -> bool:
            raise RuntimeError("a defect of the filter's")

    def failing(topic: bytes, minute: int, secret_hash: bytes) -> bytes:
        if threading.current_thread().name == "dtt-rotation":
            raise RuntimeError("no seed today")
        return bytes(32)

    fails = Fails()
    logging.getLogger("dtt").addFilter(fails)
    try:
        with blocking.Node(testnet.node_config()) as node:
            for turn in range(2):
                topic = node.join(f"fails {turn}", secret="s", rotation=failing)
                eventually(lambda topic=topic: topic.closed, "the topic is closed", patience=25)  # type: ignore[misc]
    finally:
        logging.getLogger("dtt").removeFilter(fails)
