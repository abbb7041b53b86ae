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
    _dtt.set_log_level(max(level, logging.root.manager.disable + 1))
    if level <= logging.CRITICAL:
        _services.ensure("dtt-log", _run)


def _run() -> None:
    while (taken := _dtt.take_log()) is not None:
        lines, lost = taken
        for target, level, text in lines:
            one = _LOGGERS.get(target, logger)
            if one.isEnabledFor(level):
                one.handle(one.makeRecord(one.name, level, "dtt", 0, text, (), None))
        if lost:
            logger.warning("%d log events were lost: the handlers are too slow", lost)
