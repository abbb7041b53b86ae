"""The receiver in Python: `dtt-lab-bench receive` does the same in Rust."""

import asyncio
import sys
import time

import dtt


async def main(bootstrap: str, messages: int, every: int, queue: int) -> None:
    config = dtt.Testnet.node_config_for(bootstrap.split(","))
    topics = dtt.TopicConfig(dht=config.topics.dht, event_capacity=queue)
    async with dtt.Node(config, topics=topics) as node, node.join("python", secret=b"secret") as topic:
        received, start = 0, 0.0
        async for event in topic:
            match event:
                case dtt.Received(content=content):
                    assert len(content) == 256, "a message of another size"
                    if not received:
                        start = time.perf_counter()
                    received += 1
                    if received % every == 0:
                        print(received, flush=True)
                    if received == messages:
                        break
                case dtt.Lagged(missed=missed):
                    sys.exit(f"{missed} are missing")
        print(f"{received}\ntook {time.perf_counter() - start}", flush=True)


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
