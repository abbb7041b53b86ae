"""What the engine logs reaches `logging`, and only what is wanted."""

from __future__ import annotations

import asyncio
import logging

import pytest
from conftest import eventually, pair, run_program

import dtt


def test_the_engine_logs_to_logging(testnet: dtt.Testnet, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with pair(testnet, "logged"):
            pass

    with caplog.at_level(logging.DEBUG, "dtt"):
        asyncio.run(main())
        eventually(lambda: "dtt.topic" in {record.name for record in caplog.records}, "the topic's log arrives")
    names = {record.name for record in caplog.records}
    assert names <= {"dtt.node", "dtt.topic", "dtt.dht"}
    assert any("node started id=" in record.getMessage() for record in caplog.records)
    caplog.clear()

    with caplog.at_level(logging.WARNING, "dtt"):
        asyncio.run(main())
    assert [record for record in caplog.records if record.levelno < logging.WARNING] == []


def test_without_logging_nothing_is_written(testnet: dtt.Testnet) -> None:
    done = run_program(
        "import sys, dtt\n"
        "from dtt import blocking\n"
        "with blocking.Node(dtt.Testnet.node_config_for(sys.argv[1].split(','))) as node:\n"
        "    with node.join('quiet', secret=b's') as topic:\n"
        "        topic.broadcast(b'x')\n",
        ",".join(testnet.bootstrap),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
