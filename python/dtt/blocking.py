"""The same for programs without asyncio: calls wait in the thread that makes them, with the interpreter's lock released.

    from dtt import blocking

    with blocking.Node() as node, node.join("my-topic", secret=b"...") as topic:
        topic.joined()
        topic.broadcast(b"hello")
        for event in topic:
            print(event)

Ctrl-C ends a wait. Nodes and topics may be used from several threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from dtt import _logging, _stats, _wait
from dtt._address import Peer, for_engine
from dtt._config import Duration, TopicConfig, seconds
from dtt._dtt import TopicId
from dtt._events import Event
from dtt._node import BaseNode
from dtt._rotation import SecretRotation
from dtt._stats import DhtHealth, NodeStats
from dtt._topic import BaseTopic, Bytes, Request

__all__ = ["Node", "Topic"]


class Topic(BaseTopic):
    """A topic that has been joined, for threads. The methods are those of :class:`dtt.Topic`, and wait."""

    __slots__ = ()

    def broadcast(self, content: Bytes) -> None:
        """Sends a message to the whole swarm. See :meth:`dtt.Topic.broadcast`."""
        _wait.block(self._native.broadcast(content))

    def broadcast_neighbors(self, content: Bytes) -> None:
        """Sends a message to the direct neighbors only."""
        _wait.block(self._native.broadcast_neighbors(content))

    def join_peers(self, peers: Iterable[Peer] | Peer) -> None:
        """Joins peers that the program knows. See :meth:`dtt.Topic.join_peers`."""
        _wait.block(self._native.join_peers(for_engine(peers)))

    def joined(self, timeout: Duration | None = None) -> None:
        """Waits until there is a neighbor. See :meth:`dtt.Topic.joined`."""
        _wait.block(self._native.joined(None if timeout is None else seconds("timeout", timeout)))

    def dht_health(self) -> DhtHealth:
        """The state of the DHT client that the topic uses."""
        return DhtHealth(**_wait.block(self._native.dht_health()))

    def close(self) -> None:
        """Leaves the topic. See :meth:`dtt.Topic.close`."""
        _wait.block(self._native.leave())

    def __iter__(self) -> Topic:
        return self

    def __next__(self) -> Event:
        """The next event of the topic's own queue."""
        return next(self._of_own())

    def __enter__(self) -> Topic:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Node(BaseNode):
    """Everything that topics run on, for threads. The methods are those of :class:`dtt.Node`, and wait."""

    __slots__ = ()

    def start(self) -> Node:
        """Binds the sockets and starts the node. Starting twice is fine."""
        while (call := self._begin()) is not None:
            _wait.block_done(call)
            self._began(call)
        return self

    def join(
        self,
        name: str | Bytes | TopicId,
        *,
        secret: str | Bytes,
        timeout: Duration | None = None,
        config: TopicConfig | None = None,
        rotation: SecretRotation | None = None,
    ) -> Topic:
        """Joins a topic. See :meth:`dtt.Node.join`."""
        request = Request(name, secret, timeout, config, rotation)
        self.start()
        _logging.refresh()
        return Topic(_wait.block(request.begin(self._running())), self, request.rotation)

    def stats(self) -> NodeStats:
        """What the node knows and has done."""
        return _stats.node_stats(_wait.block(self._running().stats()))

    def network_changed(self) -> None:
        """Tells the node that the network may have changed."""
        _wait.block(self._running().network_changed())

    def pause(self) -> None:
        """Rests until :meth:`resume`. See :meth:`dtt.Node.pause`."""
        _wait.block(self._running().pause())

    def resume(self) -> None:
        """Ends the rest."""
        _wait.block(self._running().resume())

    def close(self) -> None:
        """Closes the node. See :meth:`dtt.Node.close`."""
        if (call := self._end()) is not None:
            _wait.block_done(call)
            self._ended(call)
        if self._native is not None:
            _wait.block(self._native.shutdown())

    def __enter__(self) -> Node:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
