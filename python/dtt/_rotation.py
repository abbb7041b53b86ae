"""Secret rotations that are Python callables."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from dtt import _dtt, _logging, _services
from dtt._errors import InvalidArgumentError

#: ``rotation(topic_id, unix_minute, secret_hash) -> seed``, all of 32 bytes but the minute.
SecretRotation = Callable[[bytes, int, bytes], bytes]

if TYPE_CHECKING:
    import queue

    #: What is asked, the topic's id, the minute, the secret's hash; None ends the thread.
    _Question = tuple[_dtt.Asked, bytes, int, bytes] | None

_callables: dict[int, SecretRotation] = {}
#: The threads that derive, by the questions that each is asked.
_workers: dict[int, queue.SimpleQueue[_Question]] = {}
#: One handle per callable, so that a topic that is joined again is known to be the same.
_handles: weakref.WeakValueDictionary[SecretRotation, _dtt.Rotation] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def handle(rotation: SecretRotation) -> _dtt.Rotation:
    """The engine's handle of a rotation, which is tried once."""
    if not callable(rotation):
        raise TypeError(f"rotation: a callable is needed, not {type(rotation).__name__}")
    _checked(rotation(bytes(32), _dtt.unix_minute(), bytes(32)))
    _services.ensure("dtt-rotations", _run)
    with _lock:
        try:
            known = _handles.get(rotation)
        except TypeError:
            # Not hashable: every use of it is a rotation of its own.
            known, remember = None, False
        else:
            remember = True
        if known is None:
            known = _dtt.Rotation()
            _callables[known.number] = rotation
            if remember:
                _handles[rotation] = known
        return known


def _checked(seed: object) -> bytes:
    if not isinstance(seed, bytes):
        raise TypeError(f"rotation: it must return bytes, not {type(seed).__name__}")
    if len(seed) != 32:
        raise InvalidArgumentError(f"rotation: it returned {len(seed)} bytes, 32 bytes are needed")
    return seed


def _run() -> None:
    """Hands each question to the thread of its rotation: one that is slow holds up nobody else's."""
    while (questions := _dtt.take_rotations()) is not None:
        for asked, number, topic, minute, secret_hash in questions:
            if asked is None:
                _let_go(number)
                continue
            try:
                _worker(number).put((asked, topic, minute, secret_hash))
            except BaseException as error:
                _dtt.answer_rotation(asked, None)
                _failed(error)


def _worker(number: int) -> queue.SimpleQueue[_Question]:
    """Where the questions for a rotation go. Its thread is started with the first of them."""
    questions = _workers.get(number)
    if questions is None:
        import queue

        made: queue.SimpleQueue[_Question] = queue.SimpleQueue()
        arguments = (_callables[number], made)
        threading.Thread(target=_derive, args=arguments, name="dtt-rotation", daemon=True).start()
        questions = _workers[number] = made
    return questions


def _let_go(number: int) -> None:
    _callables.pop(number, None)
    questions = _workers.pop(number, None)
    if questions is not None:
        questions.put(None)


def _derive(rotation: SecretRotation, questions: queue.SimpleQueue[_Question]) -> None:
    while (question := questions.get()) is not None:
        asked, topic, minute, secret_hash = question
        seed = None
        try:
            seed = _checked(rotation(topic, minute, secret_hash))
        except BaseException as error:
            _failed(error)
        finally:
            _dtt.answer_rotation(asked, seed)


def _failed(error: BaseException) -> None:
    text = "a secret rotation failed, and its topic is closed"
    _logging.hand_over(_logging.logger, logging.ERROR, text, error)
