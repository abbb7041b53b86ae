"""The daemon threads that do Python's part for the engine, each started when it is needed first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_threads: dict[str, threading.Thread] = {}
_starting = threading.Lock()


def ensure(name: str, run: Callable[[], None]) -> None:
    """Starts the thread of this name unless it runs."""
    if name in _threads:
        return
    with _starting:
        if name not in _threads:
            thread = threading.Thread(target=run, name=name, daemon=True)
            thread.start()
            _threads[name] = thread


def join(limit: float = 0.5) -> None:
    """Waits until the threads have ended, which their mailboxes were told to, for so many seconds at the most."""
    deadline = time.monotonic() + limit
    for thread in _threads.values():
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
