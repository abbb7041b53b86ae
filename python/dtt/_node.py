"""Nodes: what they have in common for asyncio and for threads, and the one for asyncio."""

from __future__ import annotations

import contextlib
import threading
import warnings
from types import TracebackType
from typing import TYPE_CHECKING

from dtt import _dtt, _logging, _stats, _wait
from dtt._address import NodeAddr
from dtt._config import Duration, NodeConfig, NodeOptions, TopicConfig, node_config
from dtt._dtt import NodeId, SecretKey, TopicId
from dtt._errors import ClosedError, DttError
from dtt._rotation import SecretRotation
from dtt._stats import NodeStats
from dtt._topic import Bytes, Joining, Request, Topic

if TYPE_CHECKING:
    from typing_extensions import Unpack


class BaseNode:
    """What needs neither a loop nor waiting. See :class:`dtt.Node` and :class:`dtt.blocking.Node`."""

    __slots__ = ("__weakref__", "_call", "_config", "_ending", "_key", "_lock", "_native", "_was_closed")

    def __init__(self, config: NodeConfig | None = None, /, **options: Unpack[NodeOptions]) -> None:
        self._native: _dtt.Node | None = None
        self._was_closed = False
        self._lock = threading.Lock()
        self._call: _dtt.Call[_dtt.Node] | None = None
        #: Kept because a call that nobody holds is given up.
        self._ending: _dtt.Call[None] | None = None
        config = node_config(config, options)
        key = config.secret_key
        self._key = key if isinstance(key, SecretKey) else SecretKey.generate()
        self._config = node_config(config, {"secret_key": self._key})

    @property
    def id(self) -> NodeId:
        """The node's id: its public key."""
        return self._key.id

    @property
    def config(self) -> NodeConfig:
        """The options that the node was made with."""
        return self._config

    @property
    def closed(self) -> bool:
        """Whether the node has been closed."""
        return self._was_closed or (self._native is not None and self._native.is_closed())

    @property
    def paused(self) -> bool:
        """Whether the node rests (see :meth:`dtt.Node.pause`)."""
        return self._native is not None and self._native.is_paused()

    @property
    def address(self) -> NodeAddr:
        """The node's id with the addresses at which it can be reached, as far as it knows them."""
        relays, addresses = self._running().address()
        return NodeAddr(self.id, tuple(relays), tuple(addresses))

    def _begin(self) -> _dtt.Call[_dtt.Node] | None:
        """The start that has to be waited for; none when the node runs. Whoever starts it, it is started once."""
        with self._lock:
            if self._was_closed:
                raise ClosedError("the node is closed")
            if self._native is None and self._call is None:
                _logging.refresh()
                self._call = _dtt.start_node(self._config)
            return self._call

    def _began(self, call: _dtt.Call[_dtt.Node]) -> None:
        """Takes the node that a start gave, or raises what it failed with. If the program has closed the
        node meanwhile, the native node closes too."""
        with self._lock:
            if self._call is call:
                self._call = None
                self._native = call.result()
                if self._was_closed:
                    self._ending = self._native.close()

    def _end(self) -> _dtt.Call[_dtt.Node] | None:
        """Marks the node as closed; gives the start that has not been waited for, if there is one. When that is done
        the node closes, whether somebody waits for it or not."""
        with self._lock:
            self._was_closed = True
            call = self._call
        if call is not None:
            number = _wait.add(None, lambda: self._ended(call))
            if call.arm(number):
                _wait.forget(number)
                self._ended(call)
        return call

    def _ended(self, call: _dtt.Call[_dtt.Node]) -> None:
        """:meth:`_began` of a node that has been closed: nobody has use for what it failed with."""
        with contextlib.suppress(DttError):
            self._began(call)

    def _running(self) -> _dtt.Node:
        if self._was_closed:
            raise ClosedError("the node is closed")
        if self._native is None:
            raise ClosedError("the node has not been started: enter it with `with`, or call start()")
        return self._native

    def __repr__(self) -> str:
        if _wait.is_forked():
            stands = "forked"
        else:
            stands = "closed" if self.closed else "new" if self._native is None else "open"
        return f"<dtt.{type(self).__name__} {self.id.short()} {stands}>"

    def __del__(self) -> None:
        native = getattr(self, "_native", None)
        if native is None or self._was_closed or _wait.is_forked():
            return
        # A callback may hold one of its topics, which would hold the node for good. First, since a warning may raise.
        with contextlib.suppress(DttError):
            native.abandon()
        warnings.warn(
            f"unclosed node {self._key.id.short()}: it is closed now, since nothing holds it any more; use `with`, or close()",
            ResourceWarning,
            source=self,
            stacklevel=2,
        )


class Node(BaseNode):
    """Everything that topics run on: an endpoint, the gossip layer on it, and the DHT.

    ``async with dtt.Node(...) as node`` starts it and closes it in the end; :meth:`start` and :meth:`close` do it by
    hand. Options are those of :class:`NodeConfig`, as one object, as keyword arguments, or both (the keywords win).
    A node can be shared by any number of topics, tasks, loops and threads. It closes by itself, with a ResourceWarning, when
    nothing holds it any more: neither the program, nor a topic or an iterator over events that was made of it.

    Raises InvalidArgumentError (a ValueError) or TypeError for bad options.
    """

    __slots__ = ()

    async def start(self) -> Node:
        """Binds the sockets and starts the node; the DHT client opens in the background. Starting twice is fine.

        Raises BindError, or ClosedError if it has been closed.
        """
        _wait.loop()
        while (call := self._begin()) is not None:
            await _wait.done(call)
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
    ) -> Joining:
        """Joins a topic: ``await node.join(...)`` gives it, ``async with node.join(...) as topic`` also closes it.

        ``name`` and ``secret`` are any bytes, or texts; all members use the same. Without ``timeout`` it returns at once
        and goes on looking in the background (see :meth:`Topic.joined`). With one (seconds or a timedelta) it waits for a
        first neighbor, and gives the topic up with :class:`TimeoutError` if none comes in time, which is what the first
        member of a topic always gets. ``config``: options of this topic instead of the node's. ``rotation``: a callable
        ``(topic_id, unix_minute, secret_hash) -> seed`` that all members must share; it is called in a thread of its own.

        Joining again with the same secret and rotation gives another handle of the same topic; closing one closes them all.
        """
        request = Request(name, secret, timeout, config, rotation)

        async def join() -> Topic:
            await self.start()
            _logging.refresh()
            return Topic(await _wait.result(request.begin(self._running())), self, request.rotation)

        return Joining(join)

    async def stats(self) -> NodeStats:
        """What the node knows and has done."""
        return _stats.node_stats(await _wait.result(self._running().stats()))

    async def network_changed(self) -> None:
        """Tells the node that the network may have changed. Most systems notice by themselves."""
        await _wait.result(self._running().network_changed())

    async def pause(self) -> None:
        """Rests: no topic of the node looks anything up, publishes, or dials of its own accord until :meth:`resume`. For a
        program that goes to the background. Neighbors stay, and what the program asks for is done; newcomers do not find a
        node that rests for minutes. Pausing twice is fine."""
        await _wait.result(self._running().pause())

    async def resume(self) -> None:
        """Ends the rest: topics without neighbors look for one at once, and records are published anew."""
        await _wait.result(self._running().resume())

    async def close(self) -> None:
        """Closes all topics, tells the peers and closes all connections, within ``close_timeout``. Every handle is
        closed with it. Closing twice is fine, and so is giving up waiting: it goes on in the background."""
        if (call := self._end()) is not None:
            await _wait.done(call)
            self._ended(call)
        if self._native is not None:
            await _wait.result(self._native.close())

    async def __aenter__(self) -> Node:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
