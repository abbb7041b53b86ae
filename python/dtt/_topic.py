"""Topics: what they have in common for asyncio and for threads, and the one for asyncio."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from dtt import _dtt, _stats, _wait
from dtt._address import Peer, for_engine
from dtt._config import Duration, TopicConfig, seconds
from dtt._dtt import NodeId, TopicId
from dtt._errors import ClosedError
from dtt._events import Event, Events, Subscription
from dtt._rotation import SecretRotation, handle
from dtt._stats import DhtHealth, TopicStats

#: Where a topic stands.
TopicState = Literal["looking_up", "joined", "alone"]
#: Bytes that can be sent: anything with a buffer.
Bytes = bytes | bytearray | memoryview


class BaseTopic:
    """What needs neither a loop nor waiting. See :class:`dtt.Topic` and :class:`dtt.blocking.Topic`."""

    __slots__ = ("__weakref__", "_id", "_limit", "_native", "_node", "_own", "_rotation")

    def __init__(self, native: _dtt.Topic, node: object, rotation: _dtt.Rotation | None) -> None:
        self._native = native
        self._id = native.id()
        self._limit = native.max_message_size()
        # The node stays open as long as its topics.
        self._node = node
        self._rotation = rotation
        self._own: Events | None = None

    @property
    def id(self) -> TopicId:
        """The topic's id."""
        return self._id

    @property
    def max_message_size(self) -> int:
        """The most bytes that one message carries (4,057 by default)."""
        return self._limit

    @property
    def neighbors(self) -> set[NodeId]:
        """The direct neighbors now."""
        return self._native.neighbors()

    @property
    def state(self) -> TopicState | None:
        """``"looking_up"``, ``"joined"`` or ``"alone"``; None when the topic is closed."""
        return self._native.state()

    @property
    def is_joined(self) -> bool:
        """Whether there is a neighbor now."""
        return self.state == "joined"

    @property
    def closed(self) -> bool:
        """Whether the topic is closed."""
        return self.state is None

    def stats(self) -> TopicStats:
        """What the topic has done so far."""
        return _stats.topic_stats(self._native.stats())

    def events(self, timeout: Duration | None = None) -> Events:
        """An independent subscriber: iterate it with ``for`` (which blocks this thread) or ``async for``.

        The first subscriber of a topic gets what came since it was joined; each further one begins with the present state
        and neighbors. ``timeout``: the longest to wait for one event, in seconds or as a timedelta, before
        :class:`TimeoutError` is raised; None waits for ever. Raises ClosedError if the topic is closed.
        """
        if timeout is not None:
            seconds("timeout", timeout)
        return Events(self._subscribed(), timeout, self._node)

    def subscribe(self, callback: Callable[[Event], object]) -> Subscription:
        """Calls ``callback(event)`` for every event, as an independent subscriber, until the subscription is closed.

        Where a loop runs, the calls are made in it, and what they raise goes to the loop's exception handler. Otherwise
        they are made in a daemon thread of their own, and what they raise goes to ``threading.excepthook``. Calls go on
        in either case, one after another; only SystemExit and KeyboardInterrupt close the subscription: they leave the
        loop, and of a thread they are logged. ``callback`` may call anything of dtt, closing included.
        """
        return Subscription(self._subscribed(), callback)

    def _of_own(self) -> Events:
        if self._own is None:
            # Also of a closed topic: what came before is read.
            self._own = Events(self._native.subscribe())
        return self._own

    def _subscribed(self) -> _dtt.Queue:
        if self.closed:
            raise ClosedError("the topic is closed")
        return self._native.subscribe()

    def __repr__(self) -> str:
        stands = "forked" if _wait.is_forked() else self.state or "closed"
        return f"<dtt.{type(self).__name__} {str(self._id)[:10]} {stands}>"


class Topic(BaseTopic):
    """A topic that has been joined. Made by :meth:`Node.join`; an async iterator over its events.

    ``async for event in topic`` reads one queue that belongs to this handle, however often it is begun; :meth:`events`
    gives further independent ones. Leaving an ``async with`` block closes the topic.
    """

    __slots__ = ()

    async def broadcast(self, content: Bytes) -> None:
        """Sends a message to the whole swarm: up to :attr:`max_message_size` bytes.

        Gossip promises no delivery: without neighbors a message goes nowhere, and an identical payload within about 90 s
        is dropped. Raises TooLargeError, ClosedError, or TimeoutError if the gossip layer does not take it.
        """
        await _wait.result(self._native.broadcast(content))

    async def broadcast_neighbors(self, content: Bytes) -> None:
        """Sends a message to the direct neighbors only; otherwise like :meth:`broadcast`."""
        await _wait.result(self._native.broadcast_neighbors(content))

    async def join_peers(self, peers: Iterable[Peer] | Peer) -> None:
        """Joins peers that the program knows, by id or by address. Do not repeat it in a loop: each join may make the
        peer drop another neighbor."""
        await _wait.result(self._native.join_peers(for_engine(peers)))

    async def joined(self, timeout: Duration | None = None) -> None:
        """Waits until there is a neighbor, for ``timeout`` (seconds or a timedelta) at the most.

        Raises TimeoutError, which says what was found and tried (the topic goes on looking), or ClosedError.
        """
        await _wait.result(self._native.joined(None if timeout is None else seconds("timeout", timeout)))

    async def dht_health(self) -> DhtHealth:
        """The state of the DHT client that the topic uses."""
        return DhtHealth(**await _wait.result(self._native.dht_health()))

    async def close(self) -> None:
        """Closes the topic: neighbors are told, iterations end after what has been queued, and every handle of the topic
        is closed with it. It takes 2 s at most. Closing twice is fine."""
        await _wait.result(self._native.close())

    def __aiter__(self) -> Topic:
        return self

    async def __anext__(self) -> Event:
        """The next event of the topic's own queue; ends when the topic is closed and everything has been read."""
        return await self._of_own().__anext__()

    async def __aenter__(self) -> Topic:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Joining:
    """A topic that is being joined: ``await`` it, or enter it with ``async with``, which closes the topic at the end."""

    __slots__ = ("_join", "_topic", "_used")

    def __init__(self, join: Callable[[], Any]) -> None:
        self._join = join
        self._topic: Topic | None = None
        self._used = False

    def __del__(self) -> None:
        if not self._used:
            warnings.warn("Node.join() was never awaited", RuntimeWarning, source=self, stacklevel=2)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            hint = "; the topic is what `await node.join(...)` gives" if hasattr(Topic, name) else ""
            raise AttributeError(f"'Joining' object has no attribute {name!r}{hint}", name=name, obj=self)

    def __await__(self) -> Generator[Any, None, Topic]:
        self._used = True
        return self._join().__await__()  # type: ignore[no-any-return]

    async def __aenter__(self) -> Topic:
        self._topic = topic = await self
        return topic

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._topic is not None:
            await self._topic.close()


class Request:
    """The arguments of a join, checked. Shows no secret."""

    __slots__ = ("_arguments", "rotation")

    def __init__(
        self,
        name: str | Bytes | TopicId,
        secret: str | Bytes,
        timeout: Duration | None,
        config: TopicConfig | None,
        rotation: SecretRotation | None,
    ) -> None:
        if not isinstance(name, (str, bytes, bytearray, memoryview, TopicId)):
            raise TypeError(f"name: str, bytes or a TopicId is needed, not {type(name).__name__}")
        if not isinstance(secret, (str, bytes, bytearray, memoryview)):
            raise TypeError(f"secret: str or bytes is needed, not {type(secret).__name__}")
        if not isinstance(config, (TopicConfig, type(None))):
            raise TypeError(f"config: TopicConfig is needed, not {type(config).__name__}")
        self.rotation = None if rotation is None else handle(rotation)
        limit = None if timeout is None else seconds("timeout", timeout)
        self._arguments = (name, secret, limit, config, self.rotation)

    def begin(self, node: _dtt.Node) -> _dtt.Call[_dtt.Topic]:
        return node.join(*self._arguments)
