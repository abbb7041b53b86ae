"""Programs find each other by a topic's name and a shared secret, and talk: no server, no address list.

    import asyncio, dtt

    async def main():
        async with dtt.Node() as node, node.join("my-topic", secret=b"...") as topic:
            await topic.joined()
            await topic.broadcast(b"hello")
            async for event in topic:
                match event:
                    case dtt.Received(content=content, delivered_from=peer): print(peer, content)
                    case dtt.NeighborUp(peer=peer): print("met", peer)
                    case dtt.Lagged(missed=n): print("too slow by", n)

    asyncio.run(main())

Programs without asyncio use :mod:`dtt.blocking`. :class:`Testnet` gives both a network on this machine.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtt import blocking as blocking
    from dtt._address import NodeAddr, Peer
    from dtt._config import (
        AddressHints,
        AddressLookups,
        BootstrapConfig,
        BubbleMergeConfig,
        DhtConfig,
        Duration,
        MergeConfig,
        MessageOverlapMergeConfig,
        NodeConfig,
        NodeOptions,
        Protocol,
        PublisherConfig,
        Relays,
        TimeoutConfig,
        TopicConfig,
    )
    from dtt._dtt import VERSION as __version__
    from dtt._dtt import (
        KeyInUse,
        Lagged,
        NeighborDown,
        NeighborUp,
        NodeId,
        Received,
        SecretKey,
        StateChanged,
        TopicId,
    )
    from dtt._errors import (
        BindError,
        ClosedError,
        DhtError,
        DttError,
        ForkedError,
        GossipError,
        InternalError,
        InvalidArgumentError,
        RecordError,
        TimeoutError,
        TooLargeError,
    )
    from dtt._events import Event, Events, Subscription
    from dtt._node import Node
    from dtt._peek import Slot, SlotRecord, SlotValue, peek
    from dtt._rotation import SecretRotation
    from dtt._stats import DhtHealth, NodeStats, RefusedRecords, TopicStats
    from dtt._testnet import Testnet
    from dtt._topic import Bytes, Joining, Topic, TopicState

__all__ = [
    "AddressHints",
    "AddressLookups",
    "BindError",
    "BootstrapConfig",
    "BubbleMergeConfig",
    "Bytes",
    "ClosedError",
    "DhtConfig",
    "DhtError",
    "DhtHealth",
    "DttError",
    "Duration",
    "Event",
    "Events",
    "ForkedError",
    "GossipError",
    "InternalError",
    "InvalidArgumentError",
    "Joining",
    "KeyInUse",
    "Lagged",
    "MergeConfig",
    "MessageOverlapMergeConfig",
    "NeighborDown",
    "NeighborUp",
    "Node",
    "NodeAddr",
    "NodeConfig",
    "NodeId",
    "NodeOptions",
    "NodeStats",
    "Peer",
    "Protocol",
    "PublisherConfig",
    "Received",
    "RecordError",
    "RefusedRecords",
    "Relays",
    "SecretKey",
    "SecretRotation",
    "Slot",
    "SlotRecord",
    "SlotValue",
    "StateChanged",
    "Subscription",
    "Testnet",
    "TimeoutConfig",
    "TimeoutError",
    "TooLargeError",
    "Topic",
    "TopicConfig",
    "TopicId",
    "TopicState",
    "TopicStats",
    "__version__",
    "peek",
]

#: Where the names stand. Each module is imported when it is needed first, so that importing dtt costs little.
_NAMES = {
    "dtt._address": "NodeAddr Peer",
    "dtt._config": "AddressHints AddressLookups BootstrapConfig BubbleMergeConfig DhtConfig Duration MergeConfig MessageOverlapMergeConfig NodeConfig NodeOptions Protocol PublisherConfig Relays TimeoutConfig TopicConfig",  # noqa: E501
    "dtt._dtt": "KeyInUse Lagged NeighborDown NeighborUp NodeId Received SecretKey StateChanged TopicId",
    "dtt._errors": "BindError ClosedError DhtError DttError ForkedError GossipError InternalError InvalidArgumentError RecordError TimeoutError TooLargeError",  # noqa: E501
    "dtt._events": "Event Events Subscription",
    "dtt._node": "Node",
    "dtt._peek": "Slot SlotRecord SlotValue peek",
    "dtt._rotation": "SecretRotation",
    "dtt._stats": "DhtHealth NodeStats RefusedRecords TopicStats",
    "dtt._testnet": "Testnet",
    "dtt._topic": "Bytes Joining Topic TopicState",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


if not TYPE_CHECKING:  # A type checker would take any name for a good one.

    def __getattr__(name: str) -> Any:
        import importlib

        if name == "__version__":
            value = importlib.import_module("dtt._dtt").VERSION
        elif name == "blocking":
            value = importlib.import_module("dtt.blocking")
        elif name in _MODULES:
            value = getattr(importlib.import_module(_MODULES[name]), name)
        else:
            raise AttributeError(f"module 'dtt' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
