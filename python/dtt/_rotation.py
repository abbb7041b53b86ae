"""Secret rotations that are Python callables."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from dtt import _dtt, _logging, _services
from dtt._errors import InvalidArgumentError

#: ``rotation(topic_id, unix_minute, secret_hash) -> seed``, all of 32 bytes but the minute.
SecretRotation = Callable[[bytes, int, bytes], bytes]

_callables: dict[int, SecretRotation] = {}
#: One handle per callable, so that a topic that is joined again is known to be the same.
_handles: weakref.WeakValueDictionary[SecretRotation, _dtt.Rotation] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def handle(rotation: SecretRotation) -> _dtt.Rotation:
    """The engine's handle of a rotation, which is tried once."""
    if not callable(rotation):
        raise TypeError(f"rotation: a callable is needed, not {type(rotation).__name__}")
    _checked(rotation(bytes(32), _dtt.unix_minute(), bytes(32)))
    _services.ensure("dtt-rotation", _run)
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
    while (questions := _dtt.take_rotations()) is not None:
        for asked, number, topic, minute, secret_hash in questions:
            if asked is None:
                _callables.pop(number, None)
                continue
            seed = None
            rotation = _callables.get(number)
            try:
                if rotation is not None:
                    seed = _checked(rotation(topic, minute, secret_hash))
            except BaseException as error:
                _logging.logger.error("a secret rotation failed, and its topic is closed", exc_info=error)
            _dtt.answer_rotation(asked, seed)
