"""Subscribers: a queue of events that is iterated, and callbacks."""

from __future__ import annotations

import collections
import contextlib
import contextvars
import functools
import inspect
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from dtt import _dtt, _logging, _services, _wait
from dtt._config import Duration, seconds
from dtt._dtt import KeyInUse, Lagged, NeighborDown, NeighborUp, NodeId, Received, StateChanged
from dtt._errors import ClosedError, TimeoutError

if TYPE_CHECKING:
    import asyncio

#: Something that happened on a topic. Match it by class; :class:`Received` is the one with a message.
Event = Received | NeighborUp | NeighborDown | Lagged | StateChanged | KeyInUse


def received(content: bytes, delivered_from: NodeId, direct: bool, scope: Literal["swarm", "neighbors"]) -> Received:
    """A :class:`Received` from its pickle."""
    return Received(content, delivered_from, direct=direct, scope=scope)


#: Events that are taken from the engine at once. After so many the loop gets a turn, so that a flood starves nobody.
BATCH = 256


class Events:
    """A subscriber's own bounded queue of events: iterate it with ``async for``, or with ``for`` where there is no loop.

    It ends when the topic is closed and everything that was queued has been read; nothing else ends it. With a
    ``timeout`` (seconds or a timedelta), waiting longer than that for one event raises :class:`TimeoutError`, and the
    iteration can go on after it.

    Waiting can be cancelled at any time without losing an event: one is taken only when it is returned. Several tasks
    and threads may read from one queue; each event goes to one of them. It keeps its topic open until it is closed, by
    :meth:`close` or a ``with`` block, or forgotten.
    """

    __slots__ = ("__weakref__", "_buffer", "_ended", "_filling", "_keep", "_queue", "_timeout")

    def __init__(self, queue: _dtt.Queue, timeout: Duration | None = None, keep: object = None) -> None:
        self._queue = queue
        # The node, which closes when nobody holds it any more.
        self._keep = keep
        self._timeout = None if timeout is None else seconds("timeout", timeout)
        self._buffer: collections.deque[Event] = collections.deque()
        # Held from asking the engine until the buffer has what it gave. Otherwise a reader could go to sleep beside a
        # buffer that another one is about to fill. Reentrant, for signal handlers and finalizers.
        self._filling = threading.RLock()
        self._ended = False

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        # No await stands between taking an event and returning it: that is why cancelling loses none.
        buffer = self._buffer
        try:
            return buffer.popleft()
        except IndexError:
            pass
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            if self._fill():
                # A reader that is never waited for must not keep the loop to itself.
                import asyncio

                _wait.loop()
                await asyncio.sleep(0)
            elif self._is_over():
                raise StopAsyncIteration
            else:
                await self._wait(deadline)
            with contextlib.suppress(IndexError):
                return buffer.popleft()

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> Event:
        buffer = self._buffer
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            with contextlib.suppress(IndexError):
                return buffer.popleft()
            if self._fill():
                continue
            if self._is_over():
                raise StopIteration
            with _wait.blocked() as (number, lock):
                if self._fill(number) or self._is_over():
                    continue
                limit = -1.0 if deadline is None else deadline - time.monotonic()
                try:
                    if not lock.acquire(timeout=_at_least_nothing(limit, deadline)):
                        raise self._too_late()
                finally:
                    self._queue.disarm(number)

    def get_nowait(self) -> Event | None:
        """The next event if there is one now; never waits."""
        while True:
            with contextlib.suppress(IndexError):
                return self._buffer.popleft()
            if not self._fill():
                return None

    def close(self) -> None:
        """Lets go of the queue and of what is in it. Whoever waits is woken, and every iteration over it ends."""
        # Not while the lock is waited for, which a thread may have held when this process was forked.
        _dtt.check_fork()
        with self._filling:
            self._ended = True
            self._buffer.clear()
            self._keep = None
            self._queue.close()

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<dtt.Events {'ended' if self._ended else 'open'}>"

    def _fill(self, number: int | None = None) -> bool:
        """Whether there are events, taking what the engine has. If there are none, the wait of this number is woken when
        that changes."""
        _dtt.check_fork()
        with self._filling:
            if self._buffer:
                return True
            if self._ended:
                return False
            taken = self._queue.take(self._buffer, BATCH, number)
            if self._ended:
                # Closed meanwhile, by what ran inside.
                self._buffer.clear()
            elif taken == 0:
                self._ended = True
            return bool(self._buffer)

    async def _wait(self, deadline: float | None) -> None:
        """Waits until there may be something, or raises when it is too late."""
        with _wait.awaited() as (number, future):
            if self._fill(number) or self._is_over():
                return
            timer = None
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    self._queue.disarm(number)
                    raise self._too_late()
                timer = future.get_loop().call_later(left, _wait.set_done, future)
            try:
                await future
            finally:
                if timer is not None:
                    timer.cancel()
                self._queue.disarm(number)

    def _is_over(self) -> bool:
        return self._ended and not _wait.stands_still()

    def _too_late(self) -> TimeoutError:
        return TimeoutError(f"no event came within {1000 * (self._timeout or 0):.0f} ms")


def _at_least_nothing(left: float, deadline: float | None) -> float:
    """How long a lock may be waited for: -1 is for ever."""
    return -1.0 if deadline is None else min(max(0.0, left), threading.TIMEOUT_MAX)


class Subscription:
    """A callback that is called for every event, until it is closed: by :meth:`close`, a ``with`` block, or the topic.

    It need not be kept for the calls to go on. It does not keep the node, which closes when the program has forgotten it and
    everything else that it made of it.
    """

    __slots__ = ("__weakref__", "_callback", "_calling", "_context", "_events", "_loop", "_number", "_thread")

    def __init__(self, queue: _dtt.Queue, callback: Callable[[Event], object]) -> None:
        if not callable(callback):
            raise TypeError(f"callback: a callable is needed, not {type(callback).__name__}")
        if _is_coroutine_function(callback):
            raise TypeError("callback: a plain function is needed; to await for each event, use `async for`")
        self._callback = callback
        self._events = Events(queue)
        self._context = contextvars.copy_context()
        #: Held from taking an event until its call is over, so that closing can wait for that.
        self._calling = threading.RLock()
        self._number = 0
        self._thread: threading.Thread | None = None
        self._loop = _wait.running_loop()
        if self._loop is None:
            self._thread = threading.Thread(target=self._run, name="dtt-callback", daemon=True)
            self._thread.start()
        else:
            self._loop.call_soon(self._turn)

    @property
    def closed(self) -> bool:
        """Whether there will be no further call."""
        return self._events._ended and not self._events._buffer

    def close(self) -> None:
        """Ends the calls. After it returns none begins; called from another thread than that of the calls, it waits up
        to 2 s for one that runs. May be called inside the callback, and twice."""
        self._events.close()
        _wait.forget(self._number)
        thread = self._thread
        if thread is None:
            # What was taken before is called by now, and what was not is gone.
            if self._calling.acquire(timeout=_dtt.CLOSE_LIMIT):
                self._calling.release()
        elif thread is not threading.current_thread():
            thread.join(_dtt.CLOSE_LIMIT)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<dtt.Subscription {'closed' if self.closed else 'open'}>"

    def _run(self) -> None:
        """The calls where there is no loop, in a thread of their own."""
        try:
            for event in self._events:
                try:
                    self._context.run(self._callback, event)
                except (SystemExit, KeyboardInterrupt) as error:
                    # No thread can end the program, and threading.excepthook says nothing of SystemExit.
                    text = f"a callback raised {type(error).__name__}, and its subscription is closed"
                    _logging.hand_over(_logging.logger, logging.ERROR, text, error)
                    return
                except BaseException as error:
                    _services.report(error)
        finally:
            self._events.close()

    def _turn(self) -> None:
        """The calls in the loop, for up to one batch; then others have a turn."""
        loop = self._loop
        assert loop is not None
        try:
            for _ in range(BATCH):
                with self._calling:
                    event = self._events.get_nowait()
                    if event is None:
                        break
                    self._call(loop, event)
            else:
                loop.call_soon(self._turn)
                return
            self._wait_for_more(loop)
        except BaseException:
            # The program leaves its loop.
            self._events.close()
            raise

    def _call(self, loop: asyncio.AbstractEventLoop, event: Event) -> None:
        try:
            self._context.run(self._callback, event)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            context = {"message": "a dtt callback raised", "exception": error, "callback": self._callback}
            loop.call_exception_handler(context)

    def _wait_for_more(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._events._ended:
            return
        with contextlib.suppress(ClosedError):
            self._number = _wait.add(loop, self._turn)
            if self._events._fill(self._number) or self._events._ended:
                _wait.forget(self._number)
                loop.call_soon(self._turn)


def _is_coroutine_function(callback: Callable[..., object]) -> bool:
    """Whether calling it gives a coroutine: an async function, an object whose ``__call__`` is one, or a partial of them."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(type(callback).__call__)
