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
    """A topic that has been joined. Made by :meth:`Node.join`; an iterator over its events.

    ``for event in topic`` reads one queue that belongs to this handle, however often it is begun, and ends when the topic is
    closed; :meth:`events` gives further independent ones. Leaving a ``with`` block closes the topic.
    """

    __slots__ = ()

    def broadcast(self, content: Bytes) -> None:
        """Sends a message to the whole swarm: up to :attr:`max_message_size` bytes.

        Gossip promises no delivery: without neighbors a message goes nowhere, and an identical payload within about 90 s
        is dropped. Raises TooLargeError, ClosedError, or TimeoutError if the gossip layer does not take it.
        """
        _wait.block(self._native.broadcast(content))

    def broadcast_neighbors(self, content: Bytes) -> None:
        """Sends a message to the direct neighbors only: up to :attr:`max_message_size` bytes. Raises TooLargeError,
        ClosedError, or TimeoutError if the gossip layer does not take it."""
        _wait.block(self._native.broadcast_neighbors(content))

    def join_peers(self, peers: Iterable[Peer] | Peer) -> None:
        """Joins peers that the program knows, by id or by address. Do not repeat it in a loop: each join may make the
        peer drop another neighbor."""
        _wait.block(self._native.join_peers(for_engine(peers)))

    def joined(self, timeout: Duration | None = None) -> None:
        """Waits until there is a neighbor, for ``timeout`` (seconds or a timedelta) at the most.

        Raises TimeoutError, which says what was found and tried (the topic goes on looking), or ClosedError.
        """
        _wait.block(self._native.joined(None if timeout is None else seconds("timeout", timeout)))

    def dht_health(self) -> DhtHealth:
        """The state of the DHT client that the topic uses."""
        return DhtHealth(**_wait.block(self._native.dht_health()))

    def close(self) -> None:
        """Closes the topic: neighbors are told, iterations end after what has been queued, and every handle of the topic
        is closed with it. It takes 2 s at most. Closing twice is fine."""
        _wait.block(self._native.close())

    def __iter__(self) -> Topic:
        return self

    def __next__(self) -> Event:
        """The next event of the topic's own queue; ends when the topic is closed and everything has been read."""
        return next(self._of_own())

    def __enter__(self) -> Topic:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Node(BaseNode):
    """Everything that topics run on: an endpoint, the gossip layer on it, and the DHT.

    ``with blocking.Node(...) as node`` starts it and closes it in the end; :meth:`start` and :meth:`close` do it by hand.
    Options are those of :class:`dtt.NodeConfig`, as one object, as keyword arguments, or both (the keywords win). A node can be
    shared by any number of topics and threads. It closes by itself, with a ResourceWarning, when nothing holds it any more:
    neither the program, nor a topic or an iterator over events that was made of it.

    Raises InvalidArgumentError (a ValueError) or TypeError for bad options.
    """

    __slots__ = ()

    def start(self) -> Node:
        """Binds the sockets and starts the node; the DHT client opens in the background. Starting twice is fine.

        Raises BindError, or ClosedError if it has been closed.
        """
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
        """Joins a topic, which ``with node.join(...) as topic`` also closes. Starts the node if it does not run.

        ``name`` and ``secret`` are any bytes, or texts; all members use the same. Without ``timeout`` it returns at once
        and goes on looking in the background (see :meth:`Topic.joined`). With one (seconds or a timedelta) it waits for a
        first neighbor, and gives the topic up with :class:`dtt.TimeoutError` if none comes in time, which is what the first
        member of a topic always gets. ``config``: options of this topic instead of the node's. ``rotation``: a callable
        ``(topic_id, unix_minute, secret_hash) -> seed`` that all members must share; it is called in a thread of its own.

        Joining again with the same secret and rotation gives another handle of the same topic; closing one closes them all.
        """
        request = Request(name, secret, timeout, config, rotation)
        self.start()
        _logging.refresh()
        return Topic(_wait.block(request.begin(self._running())), self, request.rotation)

    def stats(self) -> NodeStats:
        """What the node knows and has done."""
        return _stats.node_stats(_wait.block(self._running().stats()))

    def network_changed(self) -> None:
        """Tells the node that the network may have changed. Most systems notice by themselves."""
        _wait.block(self._running().network_changed())

    def pause(self) -> None:
        """Rests: no topic of the node looks anything up, publishes, or dials of its own accord until :meth:`resume`. For a
        program that goes to the background. Neighbors stay, and what the program asks for is done; newcomers do not find a
        node that rests for minutes. Pausing twice is fine."""
        _wait.block(self._running().pause())

    def resume(self) -> None:
        """Ends the rest: topics without neighbors look for one at once, and records are published anew."""
        _wait.block(self._running().resume())

    def close(self) -> None:
        """Closes all topics, tells the peers and closes all connections, within ``close_timeout``. Every handle is
        closed with it. Closing twice is fine, and so is Ctrl-C: it goes on in the background."""
        if (call := self._end()) is not None:
            _wait.block_done(call)
            self._ended(call)
        if self._native is not None:
            _wait.block(self._native.close())

    def __enter__(self) -> Node:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
