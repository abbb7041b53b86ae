"""Several threads and tasks read from one queue of events: none sleeps beside an event, and closing is final."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import PATIENCE, eventually

import dtt
from dtt import blocking

EVENTS = 20


class Slow:
    """A queue whose first reader is held up before it asks for what there is, and every one after it has taken it."""

    def __init__(self, queue: dtt._dtt.Queue, before: Callable[[], object], then: Callable[[], object]) -> None:
        self._queue, self._before, self._then = queue, before, then

    def take(self, *arguments: Any) -> int | None:
        before, self._before = self._before, _nothing
        before()
        taken = self._queue.take(*arguments)
        if taken:
            self._then()
        return taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


def _nothing() -> None:
    pass


def _pausing(told: threading.Event) -> Callable[[], None]:
    """Something that says that it has begun, and takes long enough for others to go on."""

    def pause() -> None:
        told.set()
        time.sleep(0.3)

    return pause


@contextmanager
def filled(
    testnet: dtt.Testnet, name: str, before: Callable[[], object] = _nothing, then: Callable[[], object] = _nothing
) -> Iterator[dtt.Events]:
    """A queue with `EVENTS` events in it, and with delays."""
    with blocking.Node(testnet.node_config()) as one, blocking.Node(testnet.node_config()) as two:
        a, b = one.join(name, secret="s"), two.join(name, secret="s")
        a.joined(PATIENCE)
        b.joined(PATIENCE)
        events = b.events()
        while events.get_nowait():
            pass
        for n in range(EVENTS):
            a.broadcast(b"%d" % n)
        eventually(lambda: b.stats().queue_depth >= EVENTS, "the messages are in the queue")
        events._queue = Slow(events._queue, before, then)  # type: ignore[assignment]
        yield events


def test_no_thread_sleeps_beside_what_another_one_takes(testnet: dtt.Testnet) -> None:
    asking = threading.Event()
    with filled(testnet, "two threads", before=_pausing(asking)) as events:
        got: list[dtt.Event] = []

        def first() -> None:
            got.append(next(events))

        def second() -> None:
            asking.wait(PATIENCE)
            got.append(next(events))

        threads = [threading.Thread(target=run, daemon=True) for run in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(got) == 2, f"one sleeps while {len(events._buffer)} events wait"
        events.close()


def test_no_loop_sleeps_beside_what_another_one_takes(testnet: dtt.Testnet) -> None:
    asking = threading.Event()
    with filled(testnet, "two loops", before=_pausing(asking)) as events:
        got: list[dtt.Event] = []

        async def one() -> None:
            got.append(await asyncio.wait_for(anext(events), PATIENCE))

        def second() -> None:
            asking.wait(PATIENCE)
            asyncio.run(one())

        threads = [threading.Thread(target=run, daemon=True) for run in (lambda: asyncio.run(one()), second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE)
        assert len(got) == 2
        events.close()


def test_ctrl_c_loses_no_batch(testnet: dtt.Testnet) -> None:
    with filled(testnet, "interrupted", then=lambda: signal.raise_signal(signal.SIGINT)) as events:
        with pytest.raises(KeyboardInterrupt):
            next(events)
        assert len(events._buffer) >= EVENTS


def test_closing_discards_what_a_reader_takes_meanwhile(testnet: dtt.Testnet) -> None:
    taken = threading.Event()
    got: list[dtt.Event] = []
    with filled(testnet, "closed", then=_pausing(taken)) as events:

        def read() -> None:
            got.extend(events)

        reader = threading.Thread(target=read)
        reader.start()
        taken.wait(PATIENCE)
        events.close()
        at_close = len(got)
        reader.join(PATIENCE)
        # One may have been taken out before, and not be handed over yet.
        assert len(got) <= at_close + 1


def test_what_closes_inside_a_reader_discards_too(testnet: dtt.Testnet) -> None:
    """A signal handler or a finalizer may run anywhere."""
    with filled(testnet, "closed inside", then=lambda: events.close()) as events:
        assert list(events) == []


async def wait_in_vain(node: dtt.Node) -> None:
    await node.join("nobody wakes", secret=b"s", timeout=0.3)


def test_an_exception_in_one_loop_leaves_the_others_their_wakes(
    testnet: dtt.Testnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: reported.append(hook.exc_value))
    failing = threading.Event()

    class Loop(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(  # type: ignore[override]
            self, callback: Any, *arguments: Any, context: Any = None
        ) -> asyncio.Handle:
            if failing.is_set() and threading.current_thread().name == "dtt-wake":
                failing.clear()
                raise AttributeError("a defect of the loop's")
            return super().call_soon_threadsafe(callback, *arguments, context=context)

    node = dtt.Node(testnet.node_config())
    loop = Loop()
    failing.set()
    # The start may be over before anybody waits for it; the join, which finds nobody, is waited for in any case.
    waiting = loop.create_task(wait_in_vain(node))
    deadline = time.monotonic() + PATIENCE
    while failing.is_set():
        assert time.monotonic() < deadline, "no wake came"
        loop.run_until_complete(asyncio.sleep(0.01))
    eventually(lambda: len(reported) == 1, "the exception is reported")
    assert isinstance(reported[0], AttributeError)
    with blocking.Node(testnet.node_config()) as other:
        assert other.stats().topics == 0
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(waiting)
    loop.run_until_complete(node.close())
    loop.close()


def test_each_wait_is_woken_whatever_the_others_raise() -> None:
    from dtt import _wait

    async def main() -> None:
        loop = asyncio.get_running_loop()
        reported: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: reported.append(context))
        woken: list[int] = []

        def fails() -> None:
            raise ValueError("a defect")

        _wait._call_all(loop, [fails, lambda: woken.append(1)])
        assert (woken, len(reported)) == ([1], 1)

        def leaves() -> None:
            raise SystemExit

        with pytest.raises(SystemExit):
            _wait._call_all(loop, [leaves, lambda: woken.append(2)])
        await asyncio.sleep(0)
        assert woken == [1, 2]

    asyncio.run(main())


def test_a_service_thread_that_died_is_started_again() -> None:
    from dtt import _services

    runs = threading.Semaphore(0)
    try:
        for _ in range(2):
            _services.ensure("dtt-test", lambda: runs.release())
            assert runs.acquire(timeout=PATIENCE)
            _services._threads["dtt-test"].join(PATIENCE)
    finally:
        del _services._threads["dtt-test"]
