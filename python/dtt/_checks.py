"""What the options of :mod:`dtt._options` are made of: each is checked by the engine's table when it is made.

Times are seconds (``float`` or ``int``) or a ``timedelta``, and are kept as ``float`` seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

from dtt import _dtt
from dtt._dtt import SecretKey
from dtt._errors import InvalidArgumentError

if TYPE_CHECKING:
    from typing_extensions import Self

#: A time: seconds, or a ``timedelta``.
Duration = float | timedelta

_YEAR = 365 * 24 * 3600
_MOST = 2**63 - 1


def seconds(name: str, value: object) -> float:
    """A time as float seconds."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: seconds (float) or a timedelta is needed, not {type(value).__name__}")
    if not 0 <= value <= _YEAR:
        raise InvalidArgumentError(f"{name}: {value} s are given, 0 to {_YEAR} s (a year) are possible")
    return float(value)


def count(name: str, value: object) -> int:
    """A whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: int is needed, not {type(value).__name__}")
    if not 0 <= value <= _MOST:
        raise InvalidArgumentError(f"{name}: {value} is given, 0 to {_MOST} are possible")
    return value


def texts(name: str, value: object) -> tuple[str, ...]:
    """A sequence of str as a tuple; a str alone is refused, since it would be taken apart."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f"{name}: a list of str is needed, not {type(value).__name__}")
    found: list[str] = []
    for one in cast("Sequence[object]", value):
        if not isinstance(one, str):
            raise TypeError(f"{name}: a list of str is needed, not of {type(one).__name__}")
        found.append(one)
    return tuple(found)


class Options:
    """A group of options: fields that are options of the engine's table, and other groups."""

    #: What the keys of the options begin with in the table.
    _prefix: ClassVar[str] = ""
    #: The fields that the class checks by itself.
    _others: ClassVar[tuple[str, ...]] = ()
    #: An option that does not exist is an error for pydantic too.
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __init_subclass__(cls, prefix: str = "", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls._prefix = prefix

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):  # type: ignore[arg-type]
            if one.name in self._others:
                continue
            value = getattr(self, one.name)
            if isinstance(one.default, Options):
                is_optional = str(one.type).endswith("| None")
                if not (isinstance(value, type(one.default)) or (is_optional and value is None)):
                    kind = type(one.default).__name__
                    raise TypeError(f"{one.name}: {kind} is needed, not {type(value).__name__}")
            else:
                self._set(one.name, _dtt.check_option(self._prefix + one.name, value))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


class TopicBase(Options):
    """What a topic's options do beside holding them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _dtt.show_topic_config(self)


class NodeBase(Options):
    """What a node's options do beside holding them. Their ``repr`` shows no secret."""

    _others: ClassVar[tuple[str, ...]] = ("secret_key", "topics")
    secret_key: SecretKey | bytes | None
    topics: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        key = self.secret_key
        if key is not None and not isinstance(key, SecretKey):
            self._set("secret_key", SecretKey(key))
        if not isinstance(self.topics, TopicBase):
            raise TypeError(f"topics: TopicConfig is needed, not {type(self.topics).__name__}")
        _dtt.check_node_config(self)

    def with_options(self, text: str) -> Self:
        """These options with others instead, which are given as text: ``key=value`` with commas between them.

        A piece without a key and ``=`` belongs to the list before it. The keys are those of docs/options.md::

            config = dtt.NodeConfig().with_options("dht.bootstrap=192.0.2.1:6881,192.0.2.2:6881,relays=disabled")

        The command line reads ``$DTT_CONFIG`` with it; the package reads no environment variable by itself.
        """
        changes: dict[str, Any] = {}
        for key, value in _dtt.parse_options(text).items():
            _add(changes, _path(key), value)
        return cast("Self", _replaced(self, changes))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from dtt import _pydantic

        return _pydantic.node_config(handler(source))


def _path(key: str) -> list[str]:
    """Where an option stands in a NodeConfig."""
    group, _, name = key.rpartition(".")
    if not group:
        return [name] if _dtt.is_node_option(key) else ["topics", name]
    return ["topics", "merge", group, name] if group.endswith("_merge") else ["topics", group, name]


def _add(changes: dict[str, Any], path: list[str], value: object) -> None:
    """Notes an option and its value, by groups."""
    *groups, name = path
    for group in groups:
        changes = changes.setdefault(group, {})
    changes[name] = value


def _replaced(config: Any, changes: Mapping[str, Any]) -> Any:
    """A copy of some options with others instead. Each group is made once, since some options are checked together."""
    new: dict[str, Any] = {}
    for name, change in changes.items():
        if not isinstance(change, dict):
            new[name] = change
            continue
        group, inner = getattr(config, name), dict(cast("dict[str, Any]", change))
        is_on = inner.pop("enabled", group is not None)
        if not is_on:
            # A setting of what is switched off has no effect.
            new[name] = None
            continue
        # A group that is on stays as it is; one that is switched on has its defaults.
        default = next(one.default for one in dataclasses.fields(config) if one.name == name)
        new[name] = _replaced(group or default, inner) if inner else group or default
    return dataclasses.replace(config, **new)
