"""What the engine logs reaches `logging`, and only what is wanted."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest
from conftest import eventually, pair, run_program

import dtt
import dtt.blocking


def test_the_engine_logs_to_logging(testnet: dtt.Testnet, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with pair(testnet, "logged"):
            pass

    with caplog.at_level(logging.DEBUG, "dtt"):
        asyncio.run(main())
        eventually(
            lambda: "state=joined" in caplog.text, "the topic's log arrives, and spells a state as topic.state does"
        )
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


def test_what_a_filter_raises_is_reported_and_logging_goes_on(
    testnet: dtt.Testnet, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    class Fails(logging.Filter):
        failed = False

        def filter(self, _: logging.LogRecord) -> bool:
            if not self.failed:
                self.failed = True
                raise RuntimeError("a defect of the filter's")
            return True

    fails = Fails()
    loggers = [logging.getLogger(f"dtt.{part}") for part in ("node", "topic", "dht")]
    for logger in loggers:
        logger.addFilter(fails)
    try:
        with caplog.at_level(logging.DEBUG, "dtt"):
            with dtt.blocking.Node(testnet.node_config()) as node:
                eventually(lambda: fails.failed, "the filter is asked")
                caplog.clear()
                with node.join("filtered", secret="s"):
                    eventually(lambda: bool(caplog.records), "logging goes on")
    finally:
        for logger in loggers:
            logger.removeFilter(fails)
    assert "a defect of the filter's" in capsys.readouterr().err


def test_any_level_may_be_disabled(testnet: dtt.Testnet) -> None:
    try:
        for level in (sys.maxsize, -5):
            logging.disable(level)
            with dtt.blocking.Node(testnet.node_config()) as node:
                assert not node.closed
    finally:
        logging.disable(logging.NOTSET)
