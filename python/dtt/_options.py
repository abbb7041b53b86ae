"""The options: frozen dataclasses, checked when they are made. Made from the table of options by tools/options: do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from dtt._checks import Duration, NodeBase, Options, TopicBase
from dtt._dtt import SecretKey

#: Which relay servers are used: iroh's public ones, none, or a list of URLs.
Relays = Literal["default", "disabled"] | Sequence[str]

#: How addresses of peers are found beside those in the records: by iroh's public services (`default`), or not at
#: all (`none`). The public services also tell others this node's addresses.
AddressLookups = Literal["default", "none"]

#: The version of the protocol. All members of a topic must use the same one.
Protocol = Literal["v1", "v2"]

#: Which of its own addresses a node writes into its sealed records.
AddressHints = Literal["auto", "all", "relay_only", "off"]


@dataclass(frozen=True)
class DhtConfig(Options, prefix="dht."):
    """How the DHT is reached, and how patiently."""

    bootstrap: Sequence[str] | None = None
    """The nodes to enter the DHT by, each as ``host:port`` with a name or an IPv4 address. By default they are
    mainline's public nodes. An empty list (``none`` as text) is for the first node of a private DHT, and needs
    ``server_mode``. Start that node before the others: a node that came earlier may need 15 minutes to find it."""
    retries: int = 3
    """How often a failed store is tried again."""
    base_retry_interval: Duration = 5.0
    """The shortest pause before a store is tried again."""
    max_retry_jitter: Duration = 10.0
    """A random time up to this is added to the pause before a store is tried again."""
    put_timeout: Duration = 10.0
    """The longest time that a store may take. Limits: 1ms to 365d."""
    get_timeout: Duration = 10.0
    """The longest time that a lookup may take. Records that arrive until then are used. Limits: 1ms to 365d."""
    request_timeout: Duration = 1.0
    """How long one DHT node may take to answer. A query ends when its last silent node has timed out, so this
    decides how long a store takes on the real network, where some node is always silent. Limits: 1ms to 365d."""
    port: int | None = None
    """The UDP port of the DHT client; 0 takes any free port. By default it is 6881 if that port is free, and any
    other if not."""
    bind_address: str | None = None
    """The IPv4 address that the DHT client binds. By default it binds all interfaces."""
    server_mode: bool = False
    """Whether this process serves the DHT to others from the start. If not, it starts as a client, and serves once
    it has found that others can reach it."""


@dataclass(frozen=True)
class BootstrapConfig(Options, prefix="bootstrap."):
    """How a newcomer reaches its first neighbor."""

    max_bootstrap_records: int = 5
    """A node that joins publishes no record of its own in a slot that shows this many records of others, unless it
    dialed the nodes that those records name in vain."""
    no_peers_retry_interval: Duration = 1.5
    """Sets the pauses between lookups that find no record. The first pause is an eighth of this time, so that two
    nodes that start together meet soon. Each later pause is four times as long, up to ``max_retry_interval``.
    Limits: 1ms to 365d."""
    per_peer_join_settle_time: Duration = 0.1
    """How long a dialed peer has before the next peer is dialed too."""
    join_confirmation_wait_time: Duration = 0.5
    """How long the dials of one lookup have, after the last of them, to give a neighbor."""
    discovery_poll_interval: Duration = 2.0
    """The pause after a lookup that found records but no peer that answered. It doubles up to
    ``max_retry_interval``. Limits: 1ms to 365d."""
    max_retry_interval: Duration = 60.0
    """The longest pause between two lookups of a topic without neighbors. Newcomers can still find the topic by its
    record. Limits: 1ms to 365d."""
    address_wait: Duration = 1.0
    """How long the first record may wait for the node's first address, or for its relay. Most DHT nodes do not
    replace a record within its minute, so a record without an address lasts."""
    publish_record_on_startup: bool = True
    """Whether a node publishes a record as soon as it joins."""
    check_older_records_first_on_startup: bool = False
    """Whether the first lookup starts with the slots of one minute further back."""


@dataclass(frozen=True)
class PublisherConfig(Options, prefix="publisher."):
    """How often a joined topic publishes its record."""

    initial_delay: Duration = 10.0
    """The time from joining to the first turn. A record that newcomers need at once does not wait for it."""
    base_interval: Duration = 10.0
    """Up to 60 s there is one turn for each minute, and this node and its neighbors take turns. Above 60 s this node
    publishes that often, whatever others do. Limits: 1ms to 365d."""
    max_jitter: Duration = 50.0
    """A random time up to this is added to a ``base_interval`` above 60 s."""


@dataclass(frozen=True)
class BubbleMergeConfig(Options, prefix="bubble_merge."):
    """How a topic with few neighbors looks for more: a small group may be a part that split off."""

    initial_interval: Duration = 30.0
    """The time from joining to the first look."""
    base_interval: Duration = 60.0
    """The shortest time from one look to the next. Later looks use the slots that the publisher looks up. Limits:
    1ms to 365d."""
    max_jitter: Duration = 120.0
    """A random time up to this is added if the topic has no publisher, so that the nodes do not look all at once."""
    min_neighbors: int = 4
    """A topic with this many neighbors does not look for more."""
    max_join_peers: int = 2
    """How many peers are joined at once. Limits: 1 to 4294967295."""


@dataclass(frozen=True)
class MessageOverlapMergeConfig(Options, prefix="message_overlap_merge."):
    """How a split is noticed: a record whose messages are all unknown here comes from another part of the swarm."""

    initial_interval: Duration = 30.0
    """The time from joining to the first comparison."""
    base_interval: Duration = 60.0
    """The shortest time from one comparison to the next. Later ones use the slots that the publisher looks up.
    Limits: 1ms to 365d."""
    max_jitter: Duration = 120.0
    """A random time up to this is added if the topic has no publisher, so that the nodes do not look all at once."""
    max_join_peers: int = 2
    """How many peers are joined at once. Limits: 1 to 4294967295."""


@dataclass(frozen=True)
class TimeoutConfig(Options, prefix="timeouts."):
    """How long calls on a topic may take."""

    join_peer_timeout: Duration = 5.0
    """How long a call that adds peers may take. Limits: 1ms to 365d."""
    broadcast_timeout: Duration = 5.0
    """How long a broadcast to all may take. Limits: 1ms to 365d."""
    broadcast_neighbors_timeout: Duration = 5.0
    """How long a broadcast to the neighbors may take. Limits: 1ms to 365d."""


@dataclass(frozen=True)
class MergeConfig(Options):
    """Both ways in which a split swarm finds itself again; None switches one off."""

    bubble_merge: BubbleMergeConfig | None = BubbleMergeConfig()
    """How a topic with few neighbors looks for more: a small group may be a part that split off. None switches it
    off."""
    message_overlap_merge: MessageOverlapMergeConfig | None = MessageOverlapMergeConfig()
    """How a split is noticed: a record whose messages are all unknown here comes from another part of the swarm.
    None switches it off."""


@dataclass(frozen=True)
class TopicConfig(TopicBase):
    """All options of a topic."""

    protocol: Protocol = "v1"
    """The version of the protocol. All members of a topic must use the same one. Since 0.2.0."""
    unsigned_messages: bool = False
    """Whether messages go without signatures, and messages of others without signatures are accepted. This is for
    topics with very many messages and members who trust each other: any member can then speak in the name of any
    other. All members of the topic should use the same value. Version 1 has no signatures, and this changes
    nothing there. Since 0.2.0."""
    max_join_peer_count: int = 4
    """How many peers are dialed one after another, ``bootstrap.per_peer_join_settle_time`` apart, before a pause for
    confirmation. Limits: 1 to 4294967295."""
    address_hints: AddressHints = "auto"
    """Which of its own addresses a node writes into its sealed records."""
    event_capacity: int = 1024
    """How many events wait for a subscriber at most (up to about 4 KiB each with default messages). If one more
    comes, the oldest goes, and the subscriber is told how many it missed. Limits: 1 to 4294967295."""
    dht: DhtConfig = DhtConfig()
    """How the DHT is reached, and how patiently."""
    bootstrap: BootstrapConfig = BootstrapConfig()
    """How a newcomer reaches its first neighbor."""
    publisher: PublisherConfig | None = PublisherConfig()
    """How often a joined topic publishes its record. None switches it off."""
    timeouts: TimeoutConfig = TimeoutConfig()
    """How long calls on a topic may take."""
    merge: MergeConfig = MergeConfig()
    """How a split swarm finds itself again."""


@dataclass(frozen=True)
class NodeConfig(NodeBase):
    """How a node is built."""

    secret_key: SecretKey | bytes | None = None
    """The node's secret key, which makes its id: a :class:`SecretKey` or its 32 bytes; None for a new one."""
    relays: Relays = "default"
    """Which relay servers the node uses where it finds no direct path: iroh's public ones (``default``), none
    (``disabled``), or a list of URLs."""
    bind_addresses: Sequence[str] = ()
    """The UDP addresses that the node binds, as ``0.0.0.0:4433`` or ``[::]:0``: at most one of IPv4 and one of IPv6.
    Port 0 takes a free port. By default it binds all interfaces."""
    address_lookups: AddressLookups = "default"
    """How addresses of peers are found beside those in the records: by iroh's public services (``default``), or not
    at all (``none``). The public services also tell others this node's addresses."""
    port_mapping: bool = True
    """Whether the node asks the router for a port (UPnP, PCP, NAT-PMP), if the library was built with that."""
    max_message_size: int = 4096
    """The size of a gossip message with its frame, in bytes. All nodes of a topic need the same. Limits: 512 to
    1MiB."""
    close_timeout: Duration = 2.0
    """How long closing a node may take, for peers to take notice."""
    topics: TopicConfig = field(default_factory=TopicConfig)
    """The options of topics that are joined without options of their own, the DHT's among them."""


class NodeOptions(TypedDict, total=False):
    """The fields of :class:`NodeConfig`, as keyword arguments."""

    secret_key: SecretKey | bytes | None
    relays: Relays
    bind_addresses: Sequence[str]
    address_lookups: AddressLookups
    port_mapping: bool
    max_message_size: int
    close_timeout: Duration
    topics: TopicConfig
