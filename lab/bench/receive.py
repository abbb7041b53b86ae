"""The receiver in Python: it writes a byte for every 64 messages of 256 bytes, like those in the other languages."""

import asyncio
import os
import sys

import dtt

STEP = 64


async def main(bootstrap: list[str]) -> None:
    config = dtt.Testnet.node_config_for(bootstrap)
    async with dtt.Node(config) as node, node.join("bindings", secret=b"secret") as topic:
        received = 0
        async for event in topic:
            match event:
                case dtt.Received(content=content):
                    assert len(content) == 256, "a message of another size"
                    received += 1
                    if received % STEP == 0:
                        os.write(1, b".")


asyncio.run(main(sys.argv[1].split(",")))
