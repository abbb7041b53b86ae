"""Where a node can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dtt._config import texts
from dtt._dtt import NodeId


@dataclass(frozen=True)
class NodeAddr:
    """A node's id with the addresses at which it may be reached."""

    id: NodeId
    """The node's id."""
    relay_urls: Sequence[str] = ()
    """URLs of the relay servers that it is connected to."""
    ip_addresses: Sequence[str] = ()
    """UDP socket addresses, as ``"192.0.2.1:4433"``."""

    def __post_init__(self) -> None:
        if not isinstance(self.id, NodeId):
            object.__setattr__(self, "id", NodeId(self.id))
        for name in ("relay_urls", "ip_addresses"):
            object.__setattr__(self, name, texts(name, getattr(self, name)))


#: A peer to join: by id, or by id and addresses.
Peer = NodeId | NodeAddr


def for_engine(peers: Iterable[Peer] | Peer) -> list[tuple[NodeId, list[str], list[str]]]:
    """Peers as the engine takes them."""
    if isinstance(peers, (NodeId, NodeAddr)):
        peers = [peers]
    if not isinstance(peers, Iterable):
        raise TypeError(f"peers: NodeId, NodeAddr or an iterable of them is needed, not {type(peers).__name__}")
    found: list[tuple[NodeId, list[str], list[str]]] = []
    for peer in peers:
        if isinstance(peer, NodeAddr):
            found.append((peer.id, list(peer.relay_urls), list(peer.ip_addresses)))
        elif isinstance(peer, NodeId):
            found.append((peer, [], []))
        else:
            raise TypeError(f"peers: NodeId or NodeAddr is needed, not {type(peer).__name__}")
    return found
