"""A chat: run it twice with the same topic and secret.

usage: chat.py TOPIC SECRET        (with DTT_BOOTSTRAP set, on a testnet; DTT_CONFIG sets options)
"""

from __future__ import annotations

import asyncio
import os
import sys

import dtt


def node_config() -> dtt.NodeConfig:
    """The public network, or the testnet that DTT_BOOTSTRAP names and nothing else, with the options in DTT_CONFIG."""
    bootstrap = os.environ.get("DTT_BOOTSTRAP")
    config = dtt.Testnet.node_config_for(bootstrap) if bootstrap else dtt.NodeConfig()
    return config.with_options(os.environ.get("DTT_CONFIG", ""))


async def listen(topic: dtt.Topic) -> None:
    async for event in topic:
        match event:
            case dtt.Received(content=content):
                print(content.decode(errors="replace"))
            case dtt.NeighborUp(peer=peer):
                print("* met", peer.short())
            case dtt.NeighborDown(peer=peer):
                print("* lost", peer.short())
            case dtt.Lagged(missed=missed):
                print("* too slow:", "some" if missed is None else missed, "events are missing")
            case dtt.KeyInUse():
                print("* another process uses this key")
            case dtt.StateChanged(state=state):
                print("*", state)


async def main(name: str, secret: str) -> None:
    async with dtt.Node(node_config()) as node, node.join(name, secret=secret) as topic:
        print("I am", node.id.short())
        listening = asyncio.create_task(listen(topic))
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                await topic.broadcast(f"{node.id.short()}: {line.strip()}".encode())
            except dtt.DttError as error:
                print("not sent:", error, file=sys.stderr)
        listening.cancel()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: chat.py TOPIC SECRET")
    asyncio.run(main(sys.argv[1], sys.argv[2]))
