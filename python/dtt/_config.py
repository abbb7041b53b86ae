"""The options of nodes and topics, and what is done with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dtt._checks import Duration, count, seconds, texts
from dtt._options import (
    AddressHints,
    AddressLookups,
    BootstrapConfig,
    BubbleMergeConfig,
    DhtConfig,
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

__all__ = [
    "AddressHints",
    "AddressLookups",
    "BootstrapConfig",
    "BubbleMergeConfig",
    "DhtConfig",
    "Duration",
    "MergeConfig",
    "MessageOverlapMergeConfig",
    "NodeConfig",
    "NodeOptions",
    "Protocol",
    "PublisherConfig",
    "Relays",
    "TimeoutConfig",
    "TopicConfig",
    "count",
    "node_config",
    "seconds",
    "texts",
]


def node_config(config: NodeConfig | None, options: Mapping[str, Any]) -> NodeConfig:
    """A node's options: those of ``config``, and the others instead."""
    if config is None:
        return NodeConfig(**options)
    if not isinstance(config, NodeConfig):
        raise TypeError(f"config: NodeConfig is needed, not {type(config).__name__}")
    return dataclasses.replace(config, **options)
