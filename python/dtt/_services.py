"""The daemon threads that do Python's part for the engine, each started when it is needed first."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

_threads: dict[str, threading.Thread] = {}
_starting = threading.Lock()
_ended = False


def ensure(name: str, run: Callable[[], None]) -> None:
    """Starts the thread of this name unless it runs."""
    thread = _threads.get(name)
    if thread is not None and thread.is_alive():
        return
    with _starting:
        thread = _threads.get(name)
        if not _ended and (thread is None or not thread.is_alive()):
            thread = threading.Thread(target=run, name=name, daemon=True)
            thread.start()
            _threads[name] = thread


def report(error: BaseException) -> None:
    """Tells of an exception of foreign code in such a thread, which has to go on."""
    with contextlib.suppress(BaseException):
        arguments = (type(error), error, error.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(arguments))


def join(limit: float) -> None:
    """Waits until the threads have ended, which their mailboxes were told to, for so many seconds at the most. None is
    started after that."""
    global _ended
    _ended = True
    deadline = time.monotonic() + limit
    for thread in list(_threads.values()):
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))


def forked() -> None:
    """In a forked child: none of them is here, and nobody holds the lock."""
    global _starting
    _starting = threading.Lock()
    _threads.clear()
