"""The options: frozen dataclasses, checked when they are made.

Times are seconds (``float`` or ``int``) or a ``timedelta``, and are kept as ``float`` seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypedDict, cast

from dtt import _dtt
from dtt._dtt import SecretKey
from dtt._errors import InvalidArgumentError

#: A time: seconds, or a ``timedelta``.
Duration = float | timedelta
#: Which of its own addresses a node writes into its sealed records.
AddressHints = Literal["auto", "all", "relay_only", "off"]
#: How addresses of peers are found beside those in the records.
AddressLookups = Literal["default", "none"]
#: Which relay servers are used: iroh's public ones, none, or one's own by URL.
Relays = Literal["default", "disabled"] | Sequence[str]

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


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name}: bool is needed, not {type(value).__name__}")
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


_CHECKS = {"Duration": seconds, "int": count, "bool": _flag}


class _Options:
    """Checks the fields by their annotations, and turns times into seconds."""

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):  # type: ignore[arg-type]
            check = _CHECKS.get(str(one.type))
            if check is not None:
                self._set(one.name, check(one.name, getattr(self, one.name)))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _group(self, name: str, kind: type, optional: bool = False) -> None:
        value = getattr(self, name)
        if not (isinstance(value, kind) or (optional and value is None)):
            raise TypeError(f"{name}: {kind.__name__} is needed, not {type(value).__name__}")


@dataclass(frozen=True)
class DhtConfig(_Options):
    """How the DHT is reached, and how patiently.

    All topics of a process whose bootstrap, port, bind address, mode and request timeout are equal share one DHT client.
    """

    bootstrap: Sequence[str] | None = None
    """The nodes to enter the DHT by, each ``host:port``; None for mainline's public ones. An empty list is for the first
    node of a DHT of one's own, with ``server_mode``."""
    retries: int = 3
    """How often a failed store is tried again."""
    base_retry_interval: Duration = 5.0
    """The least pause before a store is tried again."""
    max_retry_jitter: Duration = 10.0
    """A random time up to this is added to the pause."""
    put_timeout: Duration = 10.0
    """The longest a store may take."""
    get_timeout: Duration = 10.0
    """The longest a lookup may take; what arrived until then is used."""
    request_timeout: Duration = 1.0
    """How long one DHT node may take to answer."""
    port: int | None = None
    """The UDP port of the DHT client; None for 6881 if it is free, else any."""
    bind_address: str | None = None
    """The IPv4 address that the DHT client binds; None for all interfaces."""
    server_mode: bool = False
    """Whether this process serves the DHT to others from the start."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bootstrap is not None:
            self._set("bootstrap", texts("bootstrap", self.bootstrap))
        if self.port is not None and count("port", self.port) > 65535:
            raise InvalidArgumentError(f"port: {self.port} is given, 0 to 65535 are possible")
        if not isinstance(self.bind_address, (str, type(None))):
            raise TypeError(f"bind_address: str is needed, not {type(self.bind_address).__name__}")


@dataclass(frozen=True)
class BootstrapConfig(_Options):
    """How a newcomer reaches its first neighbor."""

    max_bootstrap_records: int = 5
    """A slot that shows so many records of others needs none of ours."""
    no_peers_retry_interval: Duration = 1.5
    """What the pauses before the next lookup go by when no record was found: the first is an eighth of it."""
    per_peer_join_settle_time: Duration = 0.1
    """How long a dialed peer has before the next one is dialed too."""
    join_confirmation_wait_time: Duration = 0.5
    """How long the dials of one lookup have, after the last of them, to give a neighbor."""
    discovery_poll_interval: Duration = 2.0
    """The pause before the next lookup when records were found and nobody answered; it doubles."""
    max_retry_interval: Duration = 60.0
    """The longest pause between two lookups of a topic without neighbors."""
    address_wait: Duration = 1.0
    """How long the first record may wait for the node's first address."""
    publish_record_on_startup: bool = True
    """Whether to publish a record at once when joining."""
    check_older_records_first_on_startup: bool = False
    """Whether the first lookup reads the slots one minute further back."""


@dataclass(frozen=True)
class PublisherConfig(_Options):
    """How often a joined topic publishes its record."""

    initial_delay: Duration = 10.0
    """From joining to the first turn of publishing."""
    base_interval: Duration = 10.0
    """Up to 60 s there is one turn for each minute, shared with the neighbors; above, this node publishes that often by
    itself."""
    max_jitter: Duration = 50.0
    """A random time up to this is added to a base interval above 60 s."""


@dataclass(frozen=True)
class BubbleMergeConfig(_Options):
    """How a topic with few neighbors looks for more: a small group may be a part that split off."""

    initial_interval: Duration = 30.0
    """From joining to the first look."""
    base_interval: Duration = 60.0
    """The least time from one look to the next."""
    max_jitter: Duration = 120.0
    """A random time up to this is added when there is no publisher."""
    min_neighbors: int = 4
    """With so many neighbors there is no need to look."""
    max_join_peers: int = 2
    """How many peers are joined at once."""


@dataclass(frozen=True)
class MessageOverlapMergeConfig(_Options):
    """How a split is noticed: a record whose messages are all unknown here comes from another part of the swarm."""

    initial_interval: Duration = 30.0
    """From joining to the first comparison."""
    base_interval: Duration = 60.0
    """The least time from one comparison to the next."""
    max_jitter: Duration = 120.0
    """A random time up to this is added when there is no publisher."""
    max_join_peers: int = 2
    """How many peers are joined at once."""


@dataclass(frozen=True)
class MergeConfig(_Options):
    """Both ways in which a split swarm finds itself again; None switches one off."""

    bubble_merge: BubbleMergeConfig | None = BubbleMergeConfig()
    """Looking for more neighbors when there are few."""
    message_overlap_merge: MessageOverlapMergeConfig | None = MessageOverlapMergeConfig()
    """Comparing messages with those that the records name."""

    def __post_init__(self) -> None:
        self._group("bubble_merge", BubbleMergeConfig, optional=True)
        self._group("message_overlap_merge", MessageOverlapMergeConfig, optional=True)


@dataclass(frozen=True)
class TimeoutConfig(_Options):
    """How long calls on a topic may take."""

    join_peer_timeout: Duration = 5.0
    """Handing peers to the gossip layer."""
    broadcast_timeout: Duration = 5.0
    """Handing a broadcast to the gossip layer."""
    broadcast_neighbors_timeout: Duration = 5.0
    """Handing a broadcast to neighbors to the gossip layer."""


@dataclass(frozen=True)
class TopicConfig(_Options):
    """All options of a topic. Making one checks every option against the engine's limits."""

    max_join_peer_count: int = 4
    """How many peers are dialed one after another before a pause for confirmation."""
    address_hints: AddressHints = "auto"
    """Which of its own addresses a node writes into its records: ``"auto"`` (the relay's if there is one, else the direct
    ones), ``"all"``, ``"relay_only"`` or ``"off"``. Only who holds the topic's secret can read them."""
    event_capacity: int = 1024
    """How many events wait for a subscriber at the most. When one more comes, the oldest goes and the subscriber is told
    by a :class:`Lagged` how many are missing. Up to 256 more wait on Python's side."""
    dht: DhtConfig = DhtConfig()
    """How the DHT is reached."""
    bootstrap: BootstrapConfig = BootstrapConfig()
    """How a newcomer reaches its first neighbor."""
    publisher: PublisherConfig | None = PublisherConfig()
    """How often a joined topic publishes its record; None for never: newcomers then depend on the records of others."""
    merge: MergeConfig = MergeConfig()
    """How a split swarm finds itself again."""
    timeouts: TimeoutConfig = TimeoutConfig()
    """How long calls may take."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._group("dht", DhtConfig)
        self._group("bootstrap", BootstrapConfig)
        self._group("publisher", PublisherConfig, optional=True)
        self._group("merge", MergeConfig)
        self._group("timeouts", TimeoutConfig)
        _dtt.show_topic_config(self)


@dataclass(frozen=True)
class NodeConfig(_Options):
    """How a node is built. Making one checks every option; its ``repr`` shows no secret."""

    secret_key: SecretKey | bytes | None = None
    """The node's secret key, which makes its id: a :class:`SecretKey` or its 32 bytes; None for a new one."""
    relays: Relays = "default"
    """Which relay servers are used where no direct path is found: ``"default"`` (iroh's public ones), ``"disabled"``, or
    a list of URLs."""
    address_lookups: AddressLookups = "default"
    """How addresses of peers are found beside those in the records: ``"default"`` (iroh's public services) or ``"none"``."""
    bind_addresses: Sequence[str] = ()
    """The UDP addresses to bind, as ``"192.0.2.1:0"``: at most one each of IPv4 and IPv6; none for all interfaces."""
    port_mapping: bool = True
    """Whether the router is asked for a port."""
    max_message_size: int = 4096
    """The size of a gossip message with its frame, in bytes: 512 to 1,048,576. All nodes of a topic need the same."""
    shutdown_timeout: Duration = 2.0
    """How long closing waits for peers to take notice."""
    topics: TopicConfig = field(default_factory=TopicConfig)
    """The options of topics that are joined without options of their own, the DHT's among them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        key = self.secret_key
        if key is not None and not isinstance(key, SecretKey):
            self._set("secret_key", SecretKey(key))
        if not isinstance(self.relays, str):
            self._set("relays", texts("relays", self.relays))
        self._set("bind_addresses", texts("bind_addresses", self.bind_addresses))
        self._group("topics", TopicConfig)
        _dtt.check_node_config(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from dtt import _pydantic

        return _pydantic.node_config(handler(source))


class NodeOptions(TypedDict, total=False):
    """The fields of :class:`NodeConfig`, as keyword arguments."""

    secret_key: SecretKey | bytes | None
    relays: Relays
    address_lookups: AddressLookups
    bind_addresses: Sequence[str]
    port_mapping: bool
    max_message_size: int
    shutdown_timeout: Duration
    topics: TopicConfig


def node_config(config: NodeConfig | None, options: Mapping[str, Any]) -> NodeConfig:
    """A node's options: those of ``config``, and the others instead."""
    if config is None:
        return NodeConfig(**options)
    if not isinstance(config, NodeConfig):
        raise TypeError(f"config: NodeConfig is needed, not {type(config).__name__}")
    return dataclasses.replace(config, **options)
