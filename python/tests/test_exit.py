"""The interpreter ends: with code 0, no word on standard error, in time, whatever is open."""

from __future__ import annotations

import time

import pytest
from conftest import run_program

import dtt
import dtt.blocking

#: Seconds from the end of the program's own code to the end of the process.
LIMIT = 3.0

HEAD = """
import asyncio, logging, sys, threading, time, dtt
from dtt import blocking

config = dtt.Testnet.node_config_for(sys.argv[1].split(","))

def ends_here():
    print(time.time(), flush=True)

async def joined(name):
    node, other = await dtt.Node(config).start(), await dtt.Node(config).start()
    topic, far = await node.join(name, secret=b"s"), await other.join(name, secret=b"s")
    await asyncio.gather(topic.joined(120), far.joined(120))
    return topic, far
"""

PROGRAMS = {
    "with nodes open": """
topics = asyncio.run(joined("open"))
ends_here()
""",
    "with nodes and topics open in blocking code": """
node = blocking.Node(config).start()
topic = node.join("open", secret=b"s")
events = topic.events()
ends_here()
""",
    "with a pending async for": """
async def main():
    topic, _ = await joined("pending")
    async def read():
        async for event in topic:
            pass
    task = asyncio.create_task(read())
    await asyncio.sleep(0.2)
    global keep
    keep = topic, task
    ends_here()
asyncio.run(main())
""",
    "with an async for pending in a loop that is left alone": """
loop = asyncio.new_event_loop()
async def read():
    async for event in topic:
        pass
topic, far = loop.run_until_complete(joined("left"))
task = loop.create_task(read())
loop.run_until_complete(asyncio.sleep(0.2))
task._log_destroy_pending = False
ends_here()
""",
    "with a loop that runs in a daemon thread": """
def run():
    async def main():
        topic, far = await joined("daemon")
        started.set()
        async def flood():
            n = 0
            while True:
                await far.broadcast(b"%d" % n)
                n += 1
        asyncio.create_task(flood())
        async for event in topic:
            pass
    asyncio.run(main())
started = threading.Event()
threading.Thread(target=run, daemon=True).start()
started.wait(60)
time.sleep(0.3)
ends_here()
""",
    "with blocking iteration in a daemon thread": """
node = blocking.Node(config).start()
topic = node.join("open", secret=b"s")
threading.Thread(target=list, args=(topic.events(),), daemon=True).start()
time.sleep(0.2)
ends_here()
""",
    "with daemon threads that broadcast": """
one, two = blocking.Node(config).start(), blocking.Node(config).start()
topic, far = one.join("flood", secret=b"s"), two.join("flood", secret=b"s")
topic.joined(120)
far.joined(120)
subscription = far.subscribe(str)
def flood(of):
    n = 0
    while True:
        topic.broadcast(b"%d %d" % (of, n))
        n += 1
for of in range(2):
    threading.Thread(target=flood, args=(of,), daemon=True).start()
time.sleep(0.3)
ends_here()
""",
    "with a callback that runs": """
topics = asyncio.run(joined("callback"))
running = threading.Event()
def callback(event):
    running.set()
    time.sleep(60)
subscription = topics[0].subscribe(callback)
assert running.wait(10)
ends_here()
""",
    "with a callback that is busy": """
topics = asyncio.run(joined("callback"))
running = threading.Event()
def callback(event):
    running.set()
    while True:
        sum(range(1000))
subscription = topics[0].subscribe(callback)
assert running.wait(10)
ends_here()
""",
    "with calls in flight, logging and a rotation": """
logging.basicConfig(level=logging.DEBUG, filename="/dev/null")
def rotation(topic, minute, secret):
    return secret
async def main():
    node = await dtt.Node(config).start()
    topic = await node.join("rotated", secret=b"s", rotation=rotation)
    asyncio.create_task(topic.joined())
    await asyncio.sleep(0.3)
    global keep
    keep = node, topic
    ends_here()
asyncio.run(main())
""",
    "with sys.exit in the middle": """
async def main():
    global keep
    keep = await joined("exit")
    ends_here()
    sys.exit(0)
asyncio.run(main())
""",
    "with a testnet that is open": """
testnet = dtt.Testnet(4).__enter__()
ends_here()
""",
    "with nothing but the import": """
ends_here()
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_interpreter_ends(testnet: dtt.Testnet, name: str) -> None:
    done = run_program(HEAD + PROGRAMS[name], ",".join(testnet.bootstrap))
    took = time.time() - float(done.stdout or "0")
    assert (done.returncode, done.stderr) == (0, "")
    print(f"{name}: ended after {took:.2f} s")
    assert took < LIMIT


@pytest.mark.parametrize("name", ["with a loop that runs in a daemon thread", "with daemon threads that broadcast"])
def test_it_ends_well_time_after_time(testnet: dtt.Testnet, name: str) -> None:
    """The end races with what the engine has to tell."""
    program = HEAD + PROGRAMS[name]
    for _ in range(5):
        done = run_program(program, ",".join(testnet.bootstrap))
        assert (done.returncode, done.stderr) == (0, "")


def test_peers_are_told_at_the_end(testnet: dtt.Testnet) -> None:
    """The end of the process closes the nodes in it: their peers need not wait for a time-out."""
    far = dtt.blocking.Node(testnet.node_config())
    with far, far.join("told", secret=b"s") as topic:
        program = HEAD + (
            "node = blocking.Node(config).start()\n"
            "topic = node.join('told', secret=b's')\n"
            "topic.joined(120)\n"
            "time.sleep(0.5)\n"
            "ends_here()\n"
        )
        done = run_program(program, ",".join(testnet.bootstrap))
        ended = time.monotonic()
        assert (done.returncode, done.stderr) == (0, "")
        for event in topic.events(timeout=30):
            if isinstance(event, dtt.NeighborDown):
                break
        print(f"told {time.monotonic() - ended:.2f} s after the end")
        assert time.monotonic() - ended < 10
