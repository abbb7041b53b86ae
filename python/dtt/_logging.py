"""The engine's log events in Python's ``logging``: the loggers ``dtt.node``, ``dtt.topic`` and ``dtt.dht``."""

from __future__ import annotations

import logging

from dtt import _dtt, _services

logger = logging.getLogger("dtt")
_LOGGERS = {f"dtt::{part}": logging.getLogger(f"dtt.{part}") for part in ("node", "topic", "dht")}
_NOTHING = 255


def refresh() -> None:
    """Tells the engine what somebody wants to see. A level that is set later counts from the next node or topic on."""
    wanted = [one.getEffectiveLevel() for one in _LOGGERS.values() if not one.disabled]
    level = min([*wanted, _NOTHING])
    # Nobody sees what is graver than the engine's gravest, either.
    _dtt.set_log_level(min(max(0, level, logging.root.manager.disable + 1), _NOTHING))
    if level <= logging.CRITICAL:
        _services.ensure("dtt-log", _run)


def hand_over(one: logging.Logger, level: int, text: str, error: BaseException | None = None) -> None:
    """Logs, in a thread that must go on whatever filters and handlers raise: that is reported as `logging` does it."""
    about = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord(one.name, level, "dtt", 0, text, (), about)
    try:
        if one.isEnabledFor(level):
            one.handle(one.makeRecord(one.name, level, "dtt", 0, text, (), about))
    except BaseException:
        try:
            logging.Handler().handleError(record)
        except BaseException as second:
            _services.report(second)


def _run() -> None:
    while (taken := _dtt.take_log()) is not None:
        lines, lost = taken
        for target, level, text in lines:
            hand_over(_LOGGERS.get(target, logger), level, text)
        if lost:
            hand_over(logger, logging.WARNING, f"{lost} log events were lost: the handlers are too slow")
