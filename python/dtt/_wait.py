"""How Python waits for the engine.

Whoever waits has a number and leaves it with the engine together with what it waits for. The engine's threads never touch
Python: they only say which numbers are due, and one daemon thread here wakes those who wait. An event loop is told once
for all of its waits that are due at a time.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeVar

from dtt import _dtt, _services
from dtt._errors import ClosedError, DttError, ForkedError

if TYPE_CHECKING:
    # Importing it takes longer than all of dtt does, and programs without a loop have no use for it.
    import asyncio

T = TypeVar("T")

#: How long the end of the process waits for the threads that are told to end, in seconds: a part of the limit for closing.
THREADS_LIMIT = 0.4

_numbers = itertools.count(1)
#: What to do when a wait is over, in which loop; with none, in the thread that wakes.
_waits: dict[int, tuple[asyncio.AbstractEventLoop | None, Callable[[], object]]] = {}
_ended = False
#: What nobody will wake any more, kept alive so that nothing complains about its end.
_standing: list[object] = []


def is_forked() -> bool:
    """Whether this is the child of a process that used the engine."""
    try:
        _dtt.check_fork()
    except ForkedError:
        return True
    return False


def stands_still() -> bool:
    """Whether this is a daemon thread, and the interpreter ends: then nothing that it does makes sense any more. It is
    neither woken nor told that its node is closed, which it could only complain about."""
    return _ended and threading.current_thread().daemon


def add(loop: asyncio.AbstractEventLoop | None, then: Callable[[], object]) -> int:
    """Begins a wait. ``then`` is called once when it is over, in ``loop``, or at once if there is none."""
    _dtt.check_fork()
    if stands_still():
        _standing.append(then)
        return 0
    if _ended:
        raise ClosedError("the interpreter ends, and every node is closed")
    _services.ensure("dtt-wake", _wake)
    number = next(_numbers)
    _waits[number] = (loop, then)
    return number


def forget(number: int) -> None:
    """Ends a wait that is not needed any more."""
    _waits.pop(number, None)


def _wake() -> None:
    """Wakes those who wait, until the process ends."""
    while (numbers := _dtt.take_wakes()) is not None:
        due: dict[asyncio.AbstractEventLoop, list[Callable[[], object]]] = {}
        for number in numbers:
            wait = _waits.pop(number, None)
            if wait is None:
                continue
            loop, then = wait
            if loop is None:
                try:
                    then()
                except BaseException as error:
                    _services.report(error)
            else:
                due.setdefault(loop, []).append(then)
        for loop, thens in due.items():
            try:
                loop.call_soon_threadsafe(_call_all, loop, thens)
            except BaseException as error:
                # A loop that is closed has nobody left who waits. The others are told, whatever this one raises.
                if not (isinstance(error, RuntimeError) and loop.is_closed()):
                    _services.report(error)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread, if one does."""
    if "asyncio" not in sys.modules:
        return None
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def loop() -> asyncio.AbstractEventLoop:
    """The loop that runs in this thread. Raises RuntimeError where none does, also under trio."""
    found = running_loop()
    if found is None:
        raise RuntimeError(
            "no asyncio event loop runs here, and dtt's coroutines are for asyncio: under anyio choose its backend "
            '"asyncio"; under trio, and where there is no loop, use dtt.blocking, in a thread'
        )
    return found


def _call_all(loop: asyncio.AbstractEventLoop, thens: list[Callable[[], object]]) -> None:
    """Calls each, whatever the others raise."""
    for place, then in enumerate(thens):
        try:
            then()
        except (SystemExit, KeyboardInterrupt):
            # This is how a program leaves its loop; the others have their turn if it comes back.
            loop.call_soon(_call_all, loop, thens[place + 1 :])
            raise
        except BaseException as error:
            loop.call_exception_handler({"message": "waking a dtt wait failed", "exception": error})


def set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@contextlib.contextmanager
def awaited() -> Generator[tuple[int, asyncio.Future[None]], None, None]:
    """A wait of the running loop: its number, and the future that is done when it is over."""
    running = loop()
    future = running.create_future()
    number = add(running, lambda: set_done(future))
    try:
        yield number, future
    finally:
        forget(number)


@contextlib.contextmanager
def blocked() -> Generator[tuple[int, threading.Lock], None, None]:
    """A wait of this thread: its number, and a lock that can be acquired when it is over."""
    lock = threading.Lock()
    lock.acquire()
    number = add(None, lock.release)
    try:
        yield number, lock
    finally:
        forget(number)


async def done(call: _dtt.Call[object]) -> None:
    """Awaits that a call of the engine's is done."""
    if not call.done():
        with awaited() as (number, future):
            if not call.arm(number):
                await future


async def result(call: _dtt.Call[T]) -> T:
    """Awaits a call of the engine's; it is given up if the wait is cancelled."""
    try:
        await done(call)
        return call.result()
    except DttError:
        if stands_still():
            import asyncio

            _standing.append(future := asyncio.get_running_loop().create_future())
            await future
        raise
    except BaseException:
        call.cancel()
        raise


def block_done(call: _dtt.Call[object]) -> None:
    """Waits until a call of the engine's is done, with the interpreter's lock released."""
    if not call.done():
        with blocked() as (number, lock):
            if not call.arm(number):
                lock.acquire()


def block(call: _dtt.Call[T]) -> T:
    """Waits for a call of the engine's; Ctrl-C gives it up."""
    try:
        block_done(call)
        return call.result()
    except DttError:
        if stands_still():
            threading.Event().wait()
        raise
    except BaseException:
        call.cancel()
        raise


def _end() -> None:
    """Closes what is open and ends our threads before the interpreter goes, within a bound."""
    global _ended
    if _ended:
        return
    _ended = True
    _dtt.stop_wakes()
    with contextlib.suppress(Exception):
        _dtt.close_all_nodes(_dtt.CLOSE_LIMIT - THREADS_LIMIT)
    for stop in (_dtt.stop_rotations, _dtt.stop_log):
        stop()
    _services.join(THREADS_LIMIT)


def _forked() -> None:
    """In the child: the threads are not here. What was waited for never comes."""
    _services.forked()
    if is_forked():
        # Nothing to close, and whoever tries to use the engine is told.
        atexit.unregister(_end)


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
