"""The exceptions, one class for each kind of error of the engine."""

from __future__ import annotations

import builtins


class DttError(Exception):
    """The base of every exception that is dtt's own."""


class InvalidArgumentError(DttError, ValueError):
    """An argument is outside its limits. The message names the argument, the limit and the value."""


class TooLargeError(DttError, ValueError):
    """A payload is larger than one gossip message can carry."""


class ClosedError(DttError):
    """The topic, the node or the testnet is closed."""


class TimeoutError(DttError, builtins.TimeoutError):
    """The time allowed for the call is over. It is a ``TimeoutError`` of Python's as well."""


class BindError(DttError, OSError):
    """A socket could not be opened, or the engine could not start."""


class DhtError(DttError):
    """The DHT could not be reached, or nobody stored the record."""


class GossipError(DttError):
    """The gossip layer refused or ended."""


class RecordError(DttError):
    """A record is malformed, foreign, stale, or not signed or sealed as it must be."""


class InternalError(DttError):
    """A defect of this library. Please report it."""


class ForkedError(DttError, RuntimeError):
    """This process was forked from one that uses dtt, whose threads are not here."""


#: By the fixed numbers of the engine's table; 1000 is Python's own.
BY_KIND: dict[int, type[DttError]] = {
    1: InvalidArgumentError,
    2: TooLargeError,
    3: ClosedError,
    4: TimeoutError,
    5: BindError,
    6: DhtError,
    7: GossipError,
    8: RecordError,
    9: InternalError,
    1000: ForkedError,
}

for _class in (DttError, *BY_KIND.values()):
    _class.__module__ = "dtt"


def of_kind(kind: int, message: str) -> DttError:
    """The exception for an error of the engine."""
    return BY_KIND.get(kind, InternalError)(message)
