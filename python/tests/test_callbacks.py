"""Plain callbacks, in a loop and without one."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from conftest import PATIENCE, eventually, pair

import dtt
from dtt import blocking


def test_in_a_loop_what_a_callback_raises_goes_to_its_exception_handler(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        reported: list[dict[str, Any]] = []
        heard: list[bytes] = []
        threads: set[int] = set()
        everything = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

        def callback(event: dtt.Event) -> None:
            threads.add(threading.get_ident())
            if isinstance(event, dtt.Received):
                heard.append(event.content)
                if len(heard) == 600:
                    everything.set()
                raise RuntimeError(f"no more of {len(heard)}")

        async with pair(testnet, "raising") as (a, b):
            subscription = b.subscribe(callback)
            for n in range(600):
                await a.broadcast(b"%d" % n)
                await asyncio.sleep(0)
            await asyncio.wait_for(everything.wait(), PATIENCE)
            subscription.close()
            assert subscription.closed
            await a.broadcast(b"not heard")
            while b.stats().received < 601:
                await asyncio.sleep(0.01)
        assert len(set(heard)) == 600
        assert len(reported) == 600
        assert str(reported[0]["exception"]) == "no more of 1"
        assert reported[0]["callback"] is callback
        assert threads == {threading.get_ident()}

    asyncio.run(main())


def test_in_a_loop_callbacks_have_the_context_of_who_subscribed(testnet: dtt.Testnet) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    async def main() -> None:
        seen: list[str] = []
        async with dtt.Node(testnet.node_config()) as node, node.join("context", secret=b"s") as topic:
            variable.set("subscriber")
            with topic.subscribe(lambda _: seen.append(variable.get())):
                while not seen:
                    await asyncio.sleep(0.01)
        assert seen == ["subscriber"]

    asyncio.run(main())


def test_without_a_loop_they_run_in_a_thread_and_go_on_when_one_raises(
    testnet: dtt.Testnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: reported.append(hook.exc_value))
    heard: list[bytes] = []

    def callback(event: dtt.Event) -> None:
        if isinstance(event, dtt.Received):
            heard.append(event.content)
            raise RuntimeError("heard")

    config = testnet.node_config()
    with blocking.Node(config) as one, blocking.Node(config) as two:
        a, b = one.join("raising", secret="s"), two.join("raising", secret="s")
        subscription = b.subscribe(callback)
        a.joined(PATIENCE)
        b.joined(PATIENCE)
        for n in range(5):
            a.broadcast(b"%d" % n)
        eventually(lambda: len(heard) == 5, "every message is handed to the callback")
        subscription.close()
        a.broadcast(b"not heard")
        eventually(lambda: b.stats().received == 6, "the topic receives")
    assert len(heard) == 5
    eventually(lambda: len(reported) == 5, "what callbacks raise is reported")


def test_everything_may_be_called_inside_a_callback_closing_included(testnet: dtt.Testnet) -> None:
    node = blocking.Node(testnet.node_config()).start()
    topic = node.join("inside", secret="s")
    done = threading.Event()

    def callback(_: dtt.Event) -> None:
        topic.broadcast(b"from inside")
        assert node.stats().topics == 1
        subscription.close()
        topic.close()
        node.close()
        done.set()

    subscription = topic.subscribe(callback)
    assert done.wait(PATIENCE)
    eventually(lambda: subscription.closed, "the subscription ends")
    assert node.closed


def test_closing_waits_for_the_call_that_runs(testnet: dtt.Testnet) -> None:
    inside, go = threading.Event(), threading.Event()
    ended: list[bool] = []

    def callback(_: dtt.Event) -> None:
        inside.set()
        go.wait(PATIENCE)
        ended.append(True)

    with blocking.Node(testnet.node_config()) as node, node.join("waits", secret="s") as topic:
        subscription = topic.subscribe(callback)
        assert inside.wait(PATIENCE)
        threading.Timer(0.2, go.set).start()
        subscription.close()
        assert ended == [True]
        subscription.close()


def test_a_callback_must_be_a_plain_function(testnet: dtt.Testnet) -> None:
    async def coroutine(_: dtt.Event) -> None:
        raise AssertionError

    with blocking.Node(testnet.node_config()) as node, node.join("plain", secret="s") as topic:
        with pytest.raises(TypeError, match="plain function"):
            topic.subscribe(coroutine)
        with pytest.raises(TypeError, match="callable"):
            topic.subscribe("no function")  # type: ignore[arg-type]
