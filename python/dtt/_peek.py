"""What the slots of a topic hold now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dtt import _dtt, _wait
from dtt._config import DhtConfig, count
from dtt._dtt import NodeId, TopicId
from dtt._rotation import SecretRotation, handle
from dtt._topic import Bytes


@dataclass(frozen=True)
class SlotRecord:
    """A record that stands in a slot, opened with the topic's secret."""

    publisher: NodeId
    """Who published it."""
    neighbors: tuple[NodeId, ...]
    """Up to five of its publisher's neighbors."""
    message_hashes: tuple[bytes, ...]
    """The 32-byte hashes of the last five messages that its publisher received."""
    addresses: tuple[str, ...]
    """Where its publisher can be reached: relay URLs and socket addresses."""


@dataclass(frozen=True)
class SlotValue:
    """A value that stands in a slot."""

    size: int
    """Its bytes."""
    record: SlotRecord | None
    """The record, if it opened."""
    problem: str | None
    """Why it did not open."""


@dataclass(frozen=True)
class Slot:
    """The slot of one minute."""

    minute: int
    """Unix time in minutes."""
    values: tuple[SlotValue, ...]
    """The distinct values that DHT nodes hold there."""


async def peek(
    name: str | Bytes | TopicId,
    *,
    secret: str | Bytes | None = None,
    rotation: SecretRotation | None = None,
    dht: DhtConfig | None = None,
    minutes: Sequence[int] | None = None,
) -> list[Slot]:
    """Reads the slots of a topic without joining it, newest minute first.

    Without ``secret`` it only counts values. ``minutes``: which slots (unix minutes); None for the next, the present and
    the last one. Raises DhtError if no DHT node answers.
    """
    if dht is not None and not isinstance(dht, DhtConfig):
        raise TypeError(f"dht: a DhtConfig is needed, not {type(dht).__name__}")
    if minutes is None:
        minutes = [_dtt.unix_minute(offset) for offset in (1, 0, -1)]
    slots = [count("minutes", minute) for minute in minutes]
    call = _dtt.peek(name, secret, None if rotation is None else handle(rotation), dht or DhtConfig(), slots)
    return [Slot(slot["minute"], tuple(map(_value, slot["values"]))) for slot in await _wait.result(call)]


def _value(found: Mapping[str, Any]) -> SlotValue:
    if "problem" in found:
        return SlotValue(found["size"], None, found["problem"])
    parts = (tuple(found[part]) for part in ("neighbors", "message_hashes", "addresses"))
    return SlotValue(found["size"], SlotRecord(found["publisher"], *parts), None)
