"""Programs find each other and talk."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time

import pytest
from conftest import PATIENCE, pair, run_program

import dtt
from dtt import blocking

PEER = """
import asyncio, sys, dtt

async def main(mine, others, bootstrap):
    config = dtt.Testnet.node_config_for(bootstrap.split(","))
    async with dtt.Node(config) as node, node.join("interpreters", secret=b"shared") as topic:
        await topic.joined(120)
        async def say():
            n = 0
            while True:
                await topic.broadcast(f"{mine} {n}".encode())
                n += 1
                await asyncio.sleep(0.2)
        saying = asyncio.create_task(say())
        async for event in topic:
            match event:
                case dtt.Received(content=content) if content.startswith(others.encode()):
                    print("heard", others, flush=True)
                    break
        # The other one may not have heard us yet.
        await asyncio.to_thread(sys.stdin.read)
        saying.cancel()

asyncio.run(main(*sys.argv[1:]))
"""


def test_two_interpreters_meet_and_talk(testnet: dtt.Testnet) -> None:
    bootstrap = ",".join(testnet.bootstrap)
    peers = [
        subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", PEER, mine, others, bootstrap],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for mine, others in (("alice", "bob"), ("bob", "alice"))
    ]
    heard = [peer.stdout.readline() for peer in peers if peer.stdout]
    ends = [peer.communicate(timeout=PATIENCE) for peer in peers]
    assert heard == ["heard bob\n", "heard alice\n"], ends
    assert [(peer.returncode, errors) for peer, (_, errors) in zip(peers, ends, strict=True)] == [(0, ""), (0, "")]


def test_a_topic_iterates_what_came_since_it_was_joined(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        async with pair(testnet, "since joined") as (a, b):
            await a.broadcast(b"one")
            await a.broadcast(bytearray(b"two"))
            await a.broadcast_neighbors(memoryview(b"three"))
            events = []
            async for event in b:
                events.append(event)
                if sum(isinstance(event, dtt.Received) for event in events) == 3:
                    break
            assert events[0] == dtt.StateChanged("looking_up")
            assert dtt.NeighborUp(next(iter(b.neighbors))) in events
            messages = [event for event in events if isinstance(event, dtt.Received)]
            assert {message.content for message in messages} == {b"one", b"two", b"three"}
            assert all(message.direct for message in messages)
            assert {message.content: message.scope for message in messages}[b"three"] == "neighbors"
            assert a.state == "joined"
            assert a.is_joined
            assert not a.closed
            assert b.stats().received == 3
            assert b.stats().first_neighbor is not None
            assert a.id == dtt.TopicId("since joined") == b.id
            assert a.max_message_size == 4057
            assert (await a.dht_health()).routing_table > 0

    asyncio.run(main())


def test_two_nodes_with_one_key_are_both_told(testnet: dtt.Testnet) -> None:
    async def told(config: dtt.NodeConfig) -> None:
        async with dtt.Node(config) as node, node.join("one key", secret="s") as topic:
            async for event in topic:
                if event == dtt.KeyInUse():
                    return

    async def main() -> None:
        config = testnet.node_config(secret_key=dtt.SecretKey.generate())
        await asyncio.wait_for(asyncio.gather(told(config), told(config)), 60)

    asyncio.run(main())


def test_subscribers_are_independent_and_end_when_the_topic_closes(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        async with pair(testnet, "independent") as (a, b):
            one, two = b.events(), b.events()
            assert b.stats().subscribers == 2
            await a.broadcast(b"to both")
            for events in (one, two):
                async for event in events:
                    if isinstance(event, dtt.Received):
                        assert event.content == b"to both"
                        break
            one.close()
            assert [event async for event in one] == []
            await a.broadcast(b"last")
            while b.stats().received < 2:
                await asyncio.sleep(0.01)
            await b.close()
            assert [event.content async for event in two if isinstance(event, dtt.Received)] == [b"last"]
            assert b.closed
            with pytest.raises(dtt.ClosedError, match="the topic is closed"):
                await b.broadcast(b"too late")
            with pytest.raises(StopAsyncIteration):
                await anext(two)

    asyncio.run(main())


def test_a_reader_that_is_too_slow_is_told(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        config = dtt.TopicConfig(dht=testnet.node_config().topics.dht, event_capacity=4)
        async with pair(testnet, "slow", config) as (a, b):
            events = b.events()
            for n in range(50):
                await a.broadcast(b"%d" % n)
            while b.stats().lagged < 46:
                await asyncio.sleep(0.01)
            first = await anext(events)
            assert isinstance(first, dtt.Lagged)
            assert first.missed is not None
            assert first.missed >= 46
            # Up to three may have come after the others were counted, and pushed nothing out any more.
            rest: list[bytes] = []
            while b"49" not in rest:
                event = await anext(events)
                if isinstance(event, dtt.Received):
                    rest.append(event.content)
            assert len(rest) >= 4
            assert rest == [b"%d" % n for n in range(50 - len(rest), 50)]
            assert b.stats().lagged >= 46

    asyncio.run(main())


def test_threads_without_asyncio(testnet: dtt.Testnet) -> None:
    config = testnet.node_config()
    with blocking.Node(config) as one, blocking.Node(config) as two:
        with one.join("threads", secret="s") as a, two.join("threads", secret="s") as b:
            a.joined(PATIENCE)
            b.joined(PATIENCE)
            heard: list[bytes] = []

            def read() -> None:
                heard.extend(event.content for event in b if isinstance(event, dtt.Received))

            reader = threading.Thread(target=read)
            reader.start()
            a.broadcast(b"hello")
            for event in b.events(timeout=PATIENCE):
                if isinstance(event, dtt.NeighborUp):
                    assert event.peer == one.id
                    break
            while b.stats().received < 1:
                a.broadcast_neighbors(b"hello")
            assert two.stats().topics == 1
            assert two.address.id == two.id
            assert b.dht_health().lookups > 0
            two.network_changed()
            b.join_peers(one.address)
            b.close()
            reader.join(PATIENCE)
            assert b"hello" in heard


def test_waiting_for_one_event_can_be_limited(testnet: dtt.Testnet) -> None:
    with blocking.Node(testnet.node_config()) as node, node.join("quiet", secret="s") as topic:
        events = topic.events(timeout=0.05)
        assert next(events) == dtt.StateChanged("looking_up")
        with pytest.raises(dtt.TimeoutError, match="no event came within 50 ms"):
            next(events)
        with pytest.raises(TimeoutError):
            asyncio.run(anext(events))
        events.close()
        assert list(events) == []


def test_a_join_with_a_limit_gives_up(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as node:
            with pytest.raises(dtt.TimeoutError, match="join did not finish within 300 ms"):
                await node.join("nobody", secret=b"s", timeout=0.3)
            async with node.join("nobody", secret=b"s") as topic:
                with pytest.raises(TimeoutError):
                    await topic.joined(timeout=0.05)
                assert topic.state == "looking_up"
            assert (await node.stats()).topics == 0

    asyncio.run(main())


def test_peers_can_be_joined_by_address(testnet: dtt.Testnet) -> None:
    quiet = dtt.TopicConfig(
        dht=testnet.node_config().topics.dht,
        publisher=None,
        bootstrap=dtt.BootstrapConfig(
            publish_record_on_startup=False, no_peers_retry_interval=3600, max_retry_interval=3600
        ),
    )

    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as one, dtt.Node(testnet.node_config()) as two:
            a = await one.join("by address", secret=b"s", config=quiet)
            b = await two.join("by address", secret=b"s", config=quiet)
            await b.join_peers([one.address])
            await asyncio.gather(a.joined(PATIENCE), b.joined(PATIENCE))
            assert a.neighbors == {two.id}

    asyncio.run(main())


def test_peek_shows_the_records(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        dht = testnet.node_config().topics.dht
        async with dtt.Node(testnet.node_config()) as node, node.join("peeked", secret=b"s") as topic:
            while topic.stats().stores == 0:
                await asyncio.sleep(0.02)
            slots = await dtt.peek("peeked", secret=b"s", dht=dht)
            # In two slots, if a minute turned meanwhile, here or below.
            assert all(len(slot.values) <= 1 for slot in slots)
            values = [value for slot in slots for value in slot.values]
            records = [value.record for value in values if value.record is not None]
            assert values and len(records) == len(values)
            assert {record.publisher for record in records} == {node.id}
            assert {record.addresses for record in records} == {node.address.ip_addresses}
            wrong = [value for slot in await dtt.peek("peeked", secret=b"no", dht=dht) for value in slot.values]
            assert {(value.record, value.size) for value in wrong} == {(None, values[0].size)}
            foreign = [value for slot in await dtt.peek("peeked", dht=dht) for value in slot.values]
            assert {value.problem for value in foreign} == {"the secret was not given"}

    asyncio.run(main())


def test_the_quick_start_of_the_package_runs(testnet: dtt.Testnet) -> None:
    done = run_program(
        "import asyncio, dtt\n"
        "async def main():\n"
        "    async with dtt.Testnet() as net:\n"
        "        async with dtt.Node(net.node_config()) as node, node.join('my-topic', secret=b'...') as topic:\n"
        "            await topic.broadcast(b'hello')\n"
        "            async for event in topic:\n"
        "                print(event)\n"
        "                break\n"
        "asyncio.run(main())\n"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("StateChanged(state='looking_up')\n", "", 0)


def test_a_node_that_rests_looks_nothing_up_and_goes_on_afterwards(testnet: dtt.Testnet) -> None:
    with blocking.Node(testnet.node_config()) as node, blocking.Node(testnet.node_config()) as other:
        node.pause()
        assert node.paused
        with node.join("rest", secret=b"s") as topic, other.join("rest", secret=b"s"):
            time.sleep(1)
            assert topic.stats().lookups == 0
            node.resume()
            assert not node.paused
            topic.joined(PATIENCE)

    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as node:
            await node.pause()
            await node.pause()
            assert node.paused
            await node.resume()
            assert not node.paused

    asyncio.run(main())


def test_a_join_that_nobody_awaits_is_warned_of(testnet: dtt.Testnet) -> None:
    async def main() -> None:
        async with dtt.Node(testnet.node_config()) as node:
            with pytest.warns(RuntimeWarning, match="never awaited"):
                node.join("forgotten", secret=b"s")
                gc.collect()
            joining = node.join("awaited", secret=b"s")
            with pytest.raises(AttributeError, match=r"await node.join"):
                joining.broadcast(b"x")  # type: ignore[attr-defined]
            with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
                _ = joining.nothing  # type: ignore[attr-defined]
            await (await joining).close()

    asyncio.run(main())
