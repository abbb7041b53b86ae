"""The code in the documents runs, with someone at the other end who says what it waits for."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PATIENCE

import dtt
from dtt import blocking

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["docs/python.md", "README.md", "python/README.md"]
HEAD = "import dtt\nNODE = dtt.Testnet.node_config_for({!r})\n"


def blocks() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text()
        parts = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        assert parts, document
        found += [(f"{document} {number}", part) for number, part in enumerate(parts, 1)]
    return found


def partners(source: str) -> set[str]:
    """The names of the topics that a program joins."""
    return set(re.findall(r'(?:\.join\(|watch\(node, )"([^"]+)"', source))


@pytest.mark.parametrize(("name", "source"), blocks(), ids=[name for name, _ in blocks()])
def test_the_code_runs(testnet: dtt.Testnet, name: str, source: str) -> None:
    # What runs on the public network runs here on the testnet.
    assert "NODE" not in source, "a reader cannot run it"
    source = re.sub(r"\b(dtt|blocking)\.Node\(\)", r"\1.Node(NODE)", source).replace("…", "...")
    program = HEAD.format(testnet.bootstrap) + source
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with blocking.Node(testnet.node_config()) as node:
        # One secret only: topics of one name share their slots, and another secret's record hides what is waited for.
        secret = "our secret" if "our secret" in source else "..."
        topics = [node.join(topic, secret=secret) for topic in partners(source)]
        deadline, number, ended = time.monotonic() + 2 * PATIENCE, 0, False
        while process.poll() is None and time.monotonic() < deadline:
            for topic in topics:
                number += 1
                topic.broadcast(b"!echo %d" % number)
            if "SIGTERM" in source and not ended and any(topic.is_joined for topic in topics):
                # Once: at its end Python gives the signal its old meaning back.
                process.terminate()
                ended = True
            time.sleep(0.1)
    if process.poll() is None:
        process.kill()
    output, errors = process.communicate()
    assert (process.returncode, errors) == (0, ""), (output, errors)
