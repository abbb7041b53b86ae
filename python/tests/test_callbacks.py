"""Plain callbacks, in a loop and without one."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import time
from typing import Any

import pytest
from conftest import PATIENCE, eventually, pair, roomy, send_all

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

        async with pair(testnet, "raising", roomy(testnet)) as (a, b):
            subscription = b.subscribe(callback)
            await send_all(a, b, 600)
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
    subscribed, done = threading.Event(), threading.Event()

    def callback(_: dtt.Event) -> None:
        subscribed.wait(PATIENCE)
        topic.broadcast(b"from inside")
        assert node.stats().topics == 1
        subscription.close()
        topic.close()
        node.close()
        done.set()

    subscription = topic.subscribe(callback)
    subscribed.set()
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


def test_none_begins_after_closing_from_another_thread_of_a_loop(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        log: list[str] = []
        inside = threading.Event()

        def callback(_: dtt.Event) -> None:
            log.append("begins")
            inside.set()
            time.sleep(0.3)
            log.append("ends")

        def close() -> None:
            inside.wait(PATIENCE)
            subscription.close()
            log.append("closed")

        async with pair(testnet, "closed from a thread") as (_, b):
            subscription = b.subscribe(callback)
            await asyncio.to_thread(close)
            await asyncio.sleep(0.1)
        assert log[-1] == "closed", log
        assert log[:-1] == ["begins", "ends"] * (len(log) // 2)

    asyncio.run(main())


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit])
def test_whatever_a_callback_raises_in_a_thread_the_calls_go_on(
    testnet: dtt.Testnet, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    reported: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: reported.append(hook.exc_value))

    def callback(_: dtt.Event) -> None:
        raise kind

    with blocking.Node(testnet.node_config()) as one, blocking.Node(testnet.node_config()) as two:
        a, b = one.join(kind.__name__, secret="s"), two.join(kind.__name__, secret="s")
        subscription = b.subscribe(callback)
        a.joined(PATIENCE)
        a.broadcast(b"heard")
        eventually(lambda: len(reported) >= 3, "a call for the state, the neighbor and the message")
        assert not subscription.closed
        subscription.close()
    assert {type(error) for error in reported} == {kind}


def test_a_callback_in_a_thread_that_would_exit_closes_its_subscription_and_says_so(
    testnet: dtt.Testnet, caplog: pytest.LogCaptureFixture
) -> None:
    def callback(_: dtt.Event) -> None:
        raise SystemExit(3)

    with blocking.Node(testnet.node_config()) as node, node.join("exits", secret="s") as topic:
        subscription = topic.subscribe(callback)
        eventually(lambda: topic.stats().subscribers == 0, "the queue is closed")
        assert subscription.closed
    assert "a callback raised SystemExit, and its subscription is closed" in caplog.messages


def test_a_callback_that_exits_in_a_loop_closes_its_subscription_and_leaves_the_loop(testnet: dtt.Testnet) -> None:
    calls = 0

    def callback(_: dtt.Event) -> None:
        nonlocal calls
        calls += 1
        raise SystemExit(3)

    loop = asyncio.new_event_loop()
    node = dtt.Node(testnet.node_config())

    async def main() -> None:
        topic = await node.join("exits", secret=b"s")
        topics.append((topic, topic.subscribe(callback)))
        await asyncio.sleep(PATIENCE)

    topics: list[tuple[dtt.Topic, dtt.Subscription]] = []
    task = loop.create_task(main())
    with pytest.raises(SystemExit):
        loop.run_until_complete(task)
    [(topic, subscription)] = topics
    assert subscription.closed
    assert topic.stats().subscribers == 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.run_until_complete(node.close())
    loop.close()
    assert calls == 1


def test_an_object_whose_call_is_async_is_refused(testnet: dtt.Testnet) -> None:
    class Callback:
        async def __call__(self, _: dtt.Event) -> None:
            raise AssertionError

    with blocking.Node(testnet.node_config()) as node, node.join("async objects", secret="s") as topic:
        for callback in (Callback(), functools.partial(Callback()), functools.partial(Callback().__call__)):
            with pytest.raises(TypeError, match="plain function"):
                topic.subscribe(callback)
        assert topic.stats().subscribers == 0
