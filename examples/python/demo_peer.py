"""The Python peer of `make demo`: it knows a topic's name, a secret, and a bootstrap list, and nothing of the other peers.

usage: demo_peer.py NAME TOPIC BOOTSTRAP     (the secret is the environment variable DTT_DEMO_SECRET)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

import dtt


def say(what: str) -> None:
    print(what, flush=True)


async def greet(topic: dtt.Topic, name: str, now: asyncio.Event) -> None:
    """Greets twice a second, and at once when somebody came who has heard nothing yet."""
    number = 0
    while True:
        await topic.broadcast(f"{name} {number}".encode())
        number += 1
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(now.wait(), 0.5)
            now.clear()


async def tell_news(topic: dtt.Topic) -> None:
    """Tells once of each thing that the counters show for the first time."""
    told: set[str] = set()
    while True:
        stats = topic.stats()
        firsts = {"published": stats.first_store, "found": stats.first_record, "dialed": stats.first_dial}
        for what, when in firsts.items():
            if when is not None and what not in told:
                told.add(what)
                say(what)
        await asyncio.sleep(0.01)


async def listen(topic: dtt.Topic, greet_now: asyncio.Event) -> None:
    heard: set[str] = set()
    async for event in topic:
        match event:
            case dtt.StateChanged(state="joined"):
                say("joined")
                greet_now.set()
            case dtt.Received(content=content):
                author = content.decode().split(" ")[0]
                if author not in heard:
                    heard.add(author)
                    say(f"heard {author}")
            case _:
                pass


async def main(name: str, topic_name: str, bootstrap: str, secret: str) -> None:
    config = dtt.Testnet.node_config_for(bootstrap.split(","))
    async with dtt.Node(config) as node, node.join(topic_name, secret=secret) as topic:
        now = asyncio.Event()
        tasks = [asyncio.create_task(work) for work in (listen(topic, now), greet(topic, name, now), tell_news(topic))]
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    if len(sys.argv) != 4 or "DTT_DEMO_SECRET" not in os.environ:
        sys.exit("usage: DTT_DEMO_SECRET=... demo_peer.py NAME TOPIC BOOTSTRAP")
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], os.environ["DTT_DEMO_SECRET"]))
