"""An embedded DHT on loopback."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from dtt import _dtt, _wait
from dtt._config import DhtConfig, NodeConfig, NodeOptions, TopicConfig, count, node_config, texts
from dtt._errors import ClosedError, InvalidArgumentError

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Testnet:
    """An embedded DHT on loopback: programs are tested, and demos run, without any network.

    Enter it with ``async with`` or ``with``; both take about a second. ``nodes``: 2 to 256; each takes a thread and a UDP
    port of 127.0.0.1. ``port``: the first node's, 1 to 65535, so that its address is known beforehand (entering raises
    BindError if it is taken); None for any.
    """

    #: Not a class of tests, whatever its name looks like to a test runner.
    __test__ = False

    def __init__(self, nodes: int = 16, *, port: int | None = None) -> None:
        if isinstance(nodes, bool) or not isinstance(nodes, int):
            raise TypeError(f"nodes: int is needed, not {type(nodes).__name__}")
        if not 2 <= nodes <= 256:
            raise InvalidArgumentError(f"nodes: {nodes} is given, 2 to 256 are possible")
        if port is not None and not 1 <= count("port", port) <= 65535:
            raise InvalidArgumentError(f"port: {port} is given, 1 to 65535 are possible")
        self._nodes = nodes
        self._port = port
        self._native: _dtt.Testnet | None = None

    @property
    def bootstrap(self) -> list[str]:
        """The nodes to enter it by, as ``127.0.0.1:port``."""
        if self._native is None:
            raise ClosedError("the testnet is closed, or has not been entered")
        return self._native.bootstrap()

    def node_config(self, **options: Unpack[NodeOptions]) -> NodeConfig:
        """The options of a node that uses it and never reaches beyond this machine, with others instead where given."""
        return self.node_config_for(self.bootstrap, **options)

    @staticmethod
    def dht_config_for(bootstrap: str | Sequence[str]) -> DhtConfig:
        """DHT options for a testnet that another process runs, by its bootstrap list (see :meth:`node_config_for`)."""
        if isinstance(bootstrap, str):
            bootstrap = [node.strip() for node in bootstrap.split(",")]
        patience = _dtt.testnet_request_timeout()
        return DhtConfig(bootstrap=texts("bootstrap", bootstrap), bind_address="127.0.0.1", request_timeout=patience)

    @staticmethod
    def node_config_for(bootstrap: str | Sequence[str], **options: Unpack[NodeOptions]) -> NodeConfig:
        """:meth:`node_config` for a testnet that another process runs, by its bootstrap list: a sequence of
        ``"host:port"``, or a str with commas between them, as ``dtt testnet`` and ``make testnet`` print it and
        ``$DTT_BOOTSTRAP`` has it."""
        config = NodeConfig(
            relays="disabled",
            address_lookups="none",
            port_mapping=False,
            bind_addresses=["127.0.0.1:0"],
            topics=TopicConfig(dht=Testnet.dht_config_for(bootstrap)),
        )
        return node_config(config, options)

    def close(self) -> None:
        """Ends its nodes. Closing twice is fine."""
        native, self._native = self._native, None
        if native is not None:
            native.close()

    def __enter__(self) -> Testnet:
        if self._native is None:
            self._native = _wait.block(_dtt.start_testnet(self._nodes, self._port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Testnet:
        _wait.loop()
        if self._native is None:
            self._native = await _wait.result(_dtt.start_testnet(self._nodes, self._port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<dtt.Testnet of {self._nodes} nodes, {'closed' if self._native is None else 'open'}>"
