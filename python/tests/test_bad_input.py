"""What programs get wrong, and what they are told. Nothing shows a secret."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import logging
import os
import pickle
import traceback
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

import dtt
from dtt import _checks, _dtt, blocking

#: The same in every process: tests that run side by side are named alike.
ID = dtt.SecretKey(bytes(range(32))).id


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({"secret_key": "text"}, TypeError, "secret_key: a bytes-like object is needed, not str"),
        ({"secret_key": b"short"}, ValueError, "secret_key: 5 bytes are given, 32 bytes are needed"),
        (
            {"relays": "some"},
            ValueError,
            'relays: "some" is given, "default", "disabled" or a list of URLs is possible',
        ),
        ({"relays": []}, ValueError, "at least 1 URL"),
        ({"relays": ["relay.example"]}, ValueError, "not an https or http URL"),
        ({"relays": 5}, TypeError, "relays: a list of str is needed, not int"),
        ({"address_lookups": "dns"}, ValueError, 'address_lookups: "dns" is given'),
        ({"bind_addresses": "127.0.0.1:0"}, TypeError, "a list of str is needed, not str"),
        ({"bind_addresses": ["127.0.0.1"]}, ValueError, "an IP address with a port is needed"),
        ({"port_mapping": 1}, TypeError, "port_mapping: bool is needed, not int"),
        ({"max_message_size": 100}, ValueError, "max_message_size: 100 is given, 512 to 1MiB are possible"),
        ({"max_message_size": -1}, ValueError, 'max_message_size: "-1" is given, a number of bytes'),
        ({"max_message_size": 2**70}, ValueError, "max_message_size"),
        ({"max_message_size": "4096"}, TypeError, "max_message_size: int is needed, not str"),
        ({"close_timeout": -1}, ValueError, "close_timeout: -1 s is given, 0s to 365d are possible"),
        ({"close_timeout": float("nan")}, ValueError, "close_timeout: NaN s is given"),
        ({"close_timeout": "2 s"}, TypeError, "seconds .float. or a timedelta is needed, not str"),
        ({"topics": {}}, TypeError, "topics: TopicConfig is needed, not dict"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
)
def test_a_nodes_options(options: dict[str, Any], kind: type[Exception], told: str) -> None:
    for make in (dtt.NodeConfig, dtt.Node, blocking.Node):
        with pytest.raises(kind, match=told) as raised:
            make(**options)
        if kind is ValueError:
            assert isinstance(raised.value, dtt.InvalidArgumentError)
            assert isinstance(raised.value, dtt.DttError)


@pytest.mark.parametrize(
    ("make", "kind", "told"),
    [
        (
            lambda: dtt.TopicConfig(event_capacity=0),
            ValueError,
            "event_capacity: 0 is given, 1 to 4294967295 are possible",
        ),
        (lambda: dtt.TopicConfig(address_hints="none"), ValueError, 'address_hints: "none" is given'),  # type: ignore[arg-type]
        (lambda: dtt.TopicConfig(dht=None), TypeError, "dht: DhtConfig is needed, not NoneType"),  # type: ignore[arg-type]
        (
            lambda: dtt.TopicConfig(publisher=dtt.PublisherConfig(base_interval=0)),
            ValueError,
            "publisher.base_interval: 0s is given, 1ms to 365d are possible",
        ),
        (lambda: dtt.TopicConfig(dht=dtt.DhtConfig(bootstrap=["router"])), ValueError, "it has no port"),
        (lambda: dtt.TopicConfig(dht=dtt.DhtConfig(bootstrap=[])), ValueError, "server mode"),
        (lambda: dtt.DhtConfig(bootstrap="a:1"), TypeError, "a list of str is needed, not str"),
        (lambda: dtt.DhtConfig(bootstrap=[1]), TypeError, "a list of str is needed, not of int"),  # type: ignore[list-item]
        (lambda: dtt.DhtConfig(port=70000), ValueError, "port: 70000 is given, 0 to 65535 are possible"),
        (
            lambda: dtt.TopicConfig(dht=dtt.DhtConfig(bind_address="::1")),
            ValueError,
            'bind_address: "::1" is given, an IPv4 address is needed',
        ),
        (lambda: dtt.DhtConfig(retries=1.5), TypeError, "retries: int is needed, not float"),  # type: ignore[arg-type]
        (lambda: dtt.DhtConfig(get_timeout=timedelta(days=400)), ValueError, "400d is given, 1ms to 365d are possible"),
        (lambda: dtt.Testnet(1), ValueError, "nodes: 1 is given, 2 to 256 are possible"),
        (lambda: dtt.Testnet("16"), TypeError, "nodes: int is needed, not str"),  # type: ignore[arg-type]
        (lambda: dtt.NodeId(b"short"), ValueError, "peer: 5 bytes are given, 32 bytes are needed"),
        (lambda: dtt.NodeId("xyz"), ValueError, "64 hexadecimal digits are needed"),
        (lambda: dtt.NodeId(5), TypeError, "needed, not int"),  # type: ignore[arg-type]
        (lambda: dtt.TopicId(None), TypeError, "needed, not NoneType"),  # type: ignore[arg-type]
        (lambda: dtt.TopicId.from_bytes(b"1"), ValueError, "1 bytes are given, 32 bytes are needed"),
        (lambda: dtt.SecretKey(b"\x07" * 31), ValueError, "31 bytes are given"),
        (lambda: dtt.Received("text", ID), TypeError, "content"),  # type: ignore[arg-type]
        (lambda: dtt.NodeAddr(ID, ip_addresses="127.0.0.1:1"), TypeError, "a list of str"),
    ],
)
def test_other_values(make: Any, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        make()


def test_calls_on_topics(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as node:
            for arguments, kind in (
                ({"name": 5, "secret": b""}, TypeError),
                ({"name": "x", "secret": None}, TypeError),
                ({"name": "x"}, TypeError),
                ({"name": "x", "secret": b"", "timeout": -1}, ValueError),
                ({"name": "x", "secret": b"", "timeout": "1"}, TypeError),
                ({"name": "x", "secret": b"", "config": {}}, TypeError),
                ({"name": "x", "secret": b"", "rotation": 5}, TypeError),
                ({"name": "x", "secret": b"", "rotation": lambda *_: b"short"}, ValueError),
                ({"name": "x", "secret": b"", "rotation": lambda *_: "text"}, TypeError),
            ):
                with pytest.raises(kind):
                    await node.join(**arguments)
            async with node.join("bad calls", secret="") as topic:
                with pytest.raises(dtt.TooLargeError, match="message: 4058 bytes, the limit is 4057 bytes"):
                    await topic.broadcast(bytes(4058))
                with pytest.raises(TypeError, match="content: a bytes-like object is needed, not str"):
                    await topic.broadcast("text")  # type: ignore[arg-type]
                with pytest.raises(TypeError, match="content: a bytes-like object is needed, not int"):
                    await topic.broadcast(5)  # type: ignore[arg-type]
                with pytest.raises(TypeError, match="NodeId or NodeAddr"):
                    await topic.join_peers(["text"])  # type: ignore[list-item]
                with pytest.raises(dtt.InvalidArgumentError, match="is not an IP address with a port"):
                    await topic.join_peers(dtt.NodeAddr(ID, ip_addresses=["nowhere"]))
                with pytest.raises(ValueError, match="timeout"):
                    topic.events(timeout=-1)
                await topic.broadcast(b"")
            with pytest.raises(dtt.ClosedError):
                topic.events()
        for closed in (node.stats, node.start, lambda: node.join("x", secret=b"")):
            with pytest.raises(dtt.ClosedError, match="the node is closed"):
                await closed()
        with pytest.raises(dtt.ClosedError, match="has not been started"):
            dtt.Node().address  # noqa: B018

    asyncio.run(main())


def test_every_kind_of_error_has_its_class() -> None:
    from dtt import _errors

    assert {kind: made.__name__ for kind, made in _errors.BY_KIND.items()} == {
        1: "InvalidArgumentError",
        2: "TooLargeError",
        3: "ClosedError",
        4: "TimeoutError",
        5: "BindError",
        6: "DhtError",
        7: "GossipError",
        8: "RecordError",
        9: "InternalError",
        1000: "ForkedError",
    }
    for made in _errors.BY_KIND.values():
        assert issubclass(made, dtt.DttError)
        assert getattr(dtt, made.__name__) is made
    assert issubclass(dtt.TimeoutError, TimeoutError)
    assert issubclass(dtt.InvalidArgumentError, ValueError)
    assert issubclass(dtt.BindError, OSError)


def test_an_address_in_use_is_a_bind_error(testnet: dtt.Testnet) -> None:
    with blocking.Node(testnet.node_config()) as node:
        [taken] = node.address.ip_addresses
        with pytest.raises(dtt.BindError, match="cannot bind"):
            blocking.Node(testnet.node_config(bind_addresses=[taken])).start()


def test_no_text_shows_a_secret(testnet: dtt.Testnet, caplog: pytest.LogCaptureFixture) -> None:
    raw = bytes(range(101, 133))
    shapes = [raw.hex(), repr(raw)[2:-1], str(list(raw))[1:-1], "the topic's secret"]
    texts: list[str] = []

    async def main() -> None:
        key = dtt.SecretKey(raw)
        config = testnet.node_config(secret_key=raw)
        async with dtt.Node(config) as node:
            joining = node.join("secret", secret="the topic's secret", rotation=lambda *_: raw)
            async with joining as topic:
                await topic.broadcast(b"x")
                texts.extend(
                    map(repr, (key, config, node, joining, topic, topic.events(), topic.stats(), await node.stats()))
                )
                texts.extend(map(str, (key, config, node, topic)))
                texts.extend(repr(vars(node.config)).splitlines())
                try:
                    await topic.joined(0.01)
                except dtt.TimeoutError as error:
                    texts.append(str(error))
        for wrong in (raw[:31], raw + b"!"):
            with pytest.raises(ValueError, match="32 bytes are needed") as raised:
                dtt.NodeConfig(secret_key=wrong)
            texts.append(str(raised.value))

    with caplog.at_level(logging.DEBUG, "dtt"):
        asyncio.run(main())
    texts.append(caplog.text)
    assert caplog.text
    for shape in shapes:
        assert not [text for text in texts if shape in text]
    with pytest.raises(TypeError):
        pickle.dumps(dtt.SecretKey(raw))


def test_ids_and_keys() -> None:
    key = dtt.SecretKey.generate()
    assert dtt.SecretKey(key.to_bytes()) == key
    assert hash(dtt.SecretKey(key.to_bytes())) == hash(key)
    assert dtt.Node(secret_key=key).id == dtt.Node(secret_key=key.to_bytes()).id == key.id
    one = key.id
    assert dtt.NodeId(bytes(one)) == one == dtt.NodeId(str(one)) == eval(repr(one), {"NodeId": dtt.NodeId})
    assert one.short() == str(one)[:10]
    topic = dtt.TopicId("name")
    assert topic == dtt.TopicId(b"name") == dtt.TopicId.from_bytes(bytes(topic)) == dtt.TopicId.from_bytes(str(topic))
    assert sorted([max(one, ID), min(one, ID)]) == sorted([one, ID])
    assert one != "text"
    assert len({one, dtt.NodeId(bytes(one)), topic}) == 2
    for value in (one, topic):
        assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(TypeError):
        assert one < 5  # type: ignore[operator]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            dtt.Received(b"\x00hi", ID, direct=False, scope="neighbors"),
            rf"Received(content=b'\x00hi', delivered_from={ID!r}, direct=False, scope='neighbors')",
        ),
        (dtt.NeighborUp(ID), f"NeighborUp(peer={ID!r})"),
        (dtt.NeighborDown(ID), f"NeighborDown(peer={ID!r})"),
        (dtt.Lagged(3), "Lagged(missed=3)"),
        (dtt.Lagged(None), "Lagged(missed=None)"),
        (dtt.StateChanged("joined"), "StateChanged(state='joined')"),
        (dtt.KeyInUse(), "KeyInUse()"),
    ],
)
def test_events_are_immutable_values(event: dtt.Event, text: str) -> None:
    assert repr(event) == text
    again = pickle.loads(pickle.dumps(event))
    assert again == event == copy.copy(event)
    assert hash(again) == hash(event)
    for other in (dtt.Lagged(4), dtt.NeighborUp(dtt.SecretKey.generate().id), None, "text"):
        assert event != other
    for name in (*type(event).__match_args__, "new"):
        with pytest.raises(AttributeError):
            setattr(event, name, 1)
    with pytest.raises(TypeError):
        type("Sub", (type(event),), {})


def test_events_match_by_position_and_by_name() -> None:
    seen: list[object] = []
    events: list[dtt.Event] = [
        dtt.Received(b"hi", ID),
        dtt.NeighborUp(ID),
        dtt.NeighborDown(ID),
        dtt.Lagged(2),
        dtt.StateChanged("alone"),
        dtt.KeyInUse(),
    ]
    for event in events:
        match event:
            case dtt.Received(content, delivered_from=peer):
                seen.append((content, peer))
            case dtt.NeighborUp(peer) | dtt.NeighborDown(peer):
                seen.append(peer)
            case dtt.Lagged(missed=missed):
                seen.append(missed)
            case dtt.StateChanged("alone"):
                seen.append("alone")
            case dtt.KeyInUse():
                seen.append("key")
    assert seen == [(b"hi", ID), ID, ID, 2, "alone", "key"]


def test_the_defaults_are_the_engines() -> None:
    assert _dtt.show_topic_config(dtt.TopicConfig()) == _dtt.default_topic_config()
    assert dtt.TopicConfig() == dtt.TopicConfig(dht=dtt.DhtConfig(get_timeout=timedelta(seconds=10)))
    different = dtt.TopicConfig(
        max_join_peer_count=7,
        address_hints="relay_only",
        event_capacity=8,
        dht=dtt.DhtConfig(bootstrap=["a:1"], retries=9, port=10, bind_address="127.0.0.1", server_mode=True),
        bootstrap=dtt.BootstrapConfig(max_bootstrap_records=11, check_older_records_first_on_startup=True),
        publisher=None,
        merge=dtt.MergeConfig(bubble_merge=None, message_overlap_merge=None),
        timeouts=dtt.TimeoutConfig(broadcast_timeout=timedelta(milliseconds=12)),
    )
    shown = _dtt.show_topic_config(different)
    for part in ("7", "RelayOnly", "8", '"a:1"', "9", "Some(10)", "127.0.0.1", "11", "Disabled", "12ms"):
        assert part in shown, part


#: Another value than the default for the Python type of each option, as the engine writes it.
OTHERS: dict[str, tuple[Any, str]] = {
    "int": (777, "777"),
    "int | None": (77, "77"),
    "Duration": (7.777, "7777ms"),
    "str | None": ("192.0.2.1", "192.0.2.1"),
    "Sequence[str] | None": (["192.0.2.1:1", "router.example:2"], "192.0.2.1:1,router.example:2"),
    "Sequence[str]": (["127.0.0.1:7", "[::1]:8"], "127.0.0.1:7,[::1]:8"),
    "AddressHints": ("off", "off"),
    "AddressLookups": ("none", "none"),
    "Protocol": ("v2", "v2"),
    "Relays": (["https://relay.example"], "https://relay.example"),
}
#: A value of none of these types.
WRONG = object()


def _options() -> Iterator[tuple[str, Any, str]]:
    """Every option of the engine's table: its key, a dataclass field's value, and the value as the engine writes it."""
    for key in _dtt.option_keys():
        path = _checks._path(key)
        group: Any = dtt.NodeConfig()
        for name in path[:-1]:
            group = getattr(group, name)
        if path[-1] == "enabled":
            yield key, False, "false"
            continue
        field = next(field for field in dataclasses.fields(group) if field.name == path[-1])
        value, text = OTHERS.get(str(field.type), (None, ""))
        if str(field.type) == "bool":
            value, text = (not field.default, str(not field.default).lower())
        assert value is not None, (key, field.type)
        yield key, value, text


def _with(path: list[str], value: object) -> dtt.NodeConfig:
    changes: dict[str, Any] = {}
    _checks._add(changes, path, value)
    return cast("dtt.NodeConfig", _checks._replaced(dtt.NodeConfig(), changes))


@pytest.mark.parametrize(("key", "value", "text"), list(_options()))
def test_every_option_of_the_table_arrives(key: str, value: Any, text: str) -> None:
    path = _checks._path(key)
    config = _with(path, value)
    assert _dtt.show_node_options(config) == {key: text}
    assert dtt.NodeConfig().with_options(f"{key}={text}") == config
    assert dtt.NodeConfig().with_options(f"{key}=default") == dtt.NodeConfig()
    with pytest.raises(dtt.InvalidArgumentError, match=f"^{key}: "):
        dtt.NodeConfig().with_options(f"{key}=what nobody means")
    if path[-1] != "enabled":
        with pytest.raises(TypeError, match=f"^{key}: .* is needed, not object"):
            _with(path, WRONG)


def test_options_as_text_go_over_others() -> None:
    assert _dtt.show_node_options(dtt.NodeConfig()) == {}
    base = dtt.NodeConfig(port_mapping=False, topics=dtt.TopicConfig(event_capacity=5))
    text = "dht.bootstrap=a:1,b:2,publisher.enabled=false,publisher.max_jitter=1s,event_capacity=6"
    config = base.with_options(text)
    assert (config.port_mapping, config.topics.event_capacity) == (False, 6)
    assert config.topics.dht.bootstrap == ("a:1", "b:2")
    assert config.topics.publisher is None
    publisher = config.with_options("publisher.enabled=true,publisher.max_jitter=1s").topics.publisher
    assert publisher == dtt.PublisherConfig(max_jitter=1)
    assert base.with_options("") == base
    with pytest.raises(ValueError, match=r"did you mean dht\.retries"):
        base.with_options("dht.retry=1")
    with pytest.raises(ValueError, match="server mode"):
        base.with_options("dht.bootstrap=none")
    first = base.with_options("dht.bootstrap=none,dht.server_mode=true")
    assert (first.topics.dht.bootstrap, first.topics.dht.server_mode) == ((), True)


@pytest.mark.parametrize("kind", ["NodeConfig", "TopicConfig", "DhtConfig", "BootstrapConfig", "MergeConfig"])
def test_an_option_that_does_not_exist_is_refused(kind: str) -> None:
    with pytest.raises(TypeError, match="retriez"):
        getattr(dtt, kind)(retriez=1)


def test_options_as_keywords_are_those_of_the_dataclass() -> None:
    assert {field.name for field in dataclasses.fields(dtt.NodeConfig)} == set(dtt.NodeOptions.__annotations__)


def test_a_text_without_a_form_in_utf_8_is_refused_and_not_shown(testnet: dtt.Testnet) -> None:
    broken = os.fsdecode(b"hunter2 \xff")

    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as node:
            with pytest.raises(dtt.InvalidArgumentError, match="secret: the text has a lone surrogate") as raised:
                await node.join("x", secret=broken)
            told = "".join(traceback.format_exception(raised.value))
            assert "hunter2" not in told
            assert raised.value.__cause__ is None
            with pytest.raises(dtt.InvalidArgumentError, match="name: the text has a lone surrogate"):
                await node.join(broken, secret=b"")

    asyncio.run(main())


def test_peek_and_join_peers_name_a_bad_argument(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="dht: a DhtConfig is needed, not str"):
            await dtt.peek("x", dht="here")  # type: ignore[arg-type]
        for minute in (-1, 2**64):
            with pytest.raises(ValueError, match="minutes: "):
                await dtt.peek("x", minutes=[minute])
        async with dtt.Node(testnet.node_config()) as node, node.join("x", secret=b"") as topic:
            with pytest.raises(TypeError, match=r"peers: .*not NoneType"):
                await topic.join_peers(None)  # type: ignore[arg-type]

    asyncio.run(main())


def test_a_configuration_can_be_copied_and_a_key_cannot_be_pickled() -> None:
    config = dtt.NodeConfig(secret_key=bytes(32))
    assert copy.deepcopy(config) == config
    assert dataclasses.asdict(config)["secret_key"] == dtt.SecretKey(bytes(32))
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(config)
