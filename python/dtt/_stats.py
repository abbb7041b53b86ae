"""What nodes and topics have done, in numbers: frozen snapshots. Times are in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RefusedRecords:
    """Values found in a topic's slots that were refused, by reason."""

    malformed: int = 0
    """Too short, too long, or lengths that do not match."""
    sealed: int = 0
    """They do not open: another secret or rotation, or noise."""
    topic: int = 0
    """Signed for another topic."""
    minute: int = 0
    """Signed for another minute."""
    signature: int = 0
    """A bad key or signature."""

    @property
    def total(self) -> int:
        """All refused values."""
        return self.malformed + self.sealed + self.topic + self.minute + self.signature


@dataclass(frozen=True)
class TopicStats:
    """A snapshot of what a topic has done since it was joined.

    When a topic finds nobody, the first of these that holds tells why: ``lookups_unanswered`` keeps up with ``lookups``
    (no DHT node is reached); ``stores`` stays 0 while ``stores_failed`` grows (others cannot find this node);
    ``records_accepted`` is 0 and ``records_refused.sealed`` grows (another secret or rotation, or noise); both are 0
    (nobody is there, or the clocks are minutes apart); records are accepted, peers dialed, and ``joined`` is 0 (the
    nodes that the records name cannot be reached).
    """

    lookups: int = 0
    """Slot lookups begun."""
    lookups_unanswered: int = 0
    """Slot lookups that no DHT node answered."""
    records_accepted: int = 0
    """Records of others that were opened and verified."""
    records_refused: RefusedRecords = RefusedRecords()
    """Values that were no valid record, by reason."""
    hints_malformed: int = 0
    """Address extensions that were malformed."""
    stores: int = 0
    """Records that DHT nodes stored."""
    stores_failed: int = 0
    """Attempts to store that failed."""
    dials_bootstrap: int = 0
    """Peers dialed because there was no neighbor."""
    dials_bubble: int = 0
    """Peers dialed because there were few neighbors."""
    dials_overlap: int = 0
    """Peers dialed because the swarm looked split."""
    joined: int = 0
    """Times that a first or only neighbor came."""
    alone: int = 0
    """Times that the last neighbor went."""
    received: int = 0
    """Messages received."""
    sent: int = 0
    """Messages handed to the gossip layer."""
    neighbors: int = 0
    """Current neighbors."""
    subscribers: int = 0
    """Current event queues."""
    queue_depth: int = 0
    """Events that wait in the fullest queue."""
    lagged: int = 0
    """Events that slow subscribers have missed. What the gossip layer lost is not in it."""
    gossip_lagged: int = 0
    """Times that the gossip layer lost events, for every subscriber: how many, it does not say."""
    first_store: float | None = None
    """From joining to the first record that the DHT stored."""
    first_record: float | None = None
    """From joining to the first record of another node."""
    first_dial: float | None = None
    """From joining to the first dial."""
    first_neighbor: float | None = None
    """From joining to the first neighbor."""


@dataclass(frozen=True)
class DhtHealth:
    """The state of the DHT client that a node or topic uses."""

    routing_table: int = 0
    """Nodes in the routing table."""
    lookups: int = 0
    """Lookups begun, of all topics."""
    lookups_answered: int = 0
    """Lookups that at least one node answered."""
    stores: int = 0
    """Stores tried, of all topics."""
    stores_acknowledged: int = 0
    """Stores that at least one node acknowledged."""
    last_success: float | None = None
    """How long ago the last lookup was answered or store acknowledged; None if never."""


@dataclass(frozen=True)
class NodeStats:
    """A snapshot of a node."""

    topics: int = 0
    """Topics that are joined now."""
    known_addresses: int = 0
    """Nodes whose addresses are remembered from records."""
    dht: DhtHealth = DhtHealth()
    """The DHT client."""


def topic_stats(found: Mapping[str, Any]) -> TopicStats:
    refused = RefusedRecords(**found["records_refused"])
    return TopicStats(
        **{name: value for name, value in found.items() if name != "records_refused"}, records_refused=refused
    )


def node_stats(found: Mapping[str, Any]) -> NodeStats:
    return NodeStats(**{name: value for name, value in found.items() if name != "dht"}, dht=DhtHealth(**found["dht"]))
