"""The wheel in an empty environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

QUICK_START = """
import asyncio, dtt

async def main():
    async with dtt.Testnet() as testnet:
        one, two = dtt.Node(testnet.node_config()), dtt.Node(testnet.node_config())
        async with one, two, one.join("my-topic", secret=b"s") as a, two.join("my-topic", secret=b"s") as b:
            await asyncio.gather(a.joined(120), b.joined(120))
            await a.broadcast(b"hello")
            async for event in b:
                match event:
                    case dtt.Received(content=content):
                        print(content.decode())
                        break

asyncio.run(main())
"""


@pytest.mark.wheel
def test_the_wheel_runs_the_quick_start_in_an_empty_environment(tmp_path: Path) -> None:
    [wheel] = (ROOT / "target/python/wheels").glob("*.whl")
    assert re.fullmatch(r"dtt-[^-]+-cp310-abi3-manylinux_\d+_\d+_\w+\.whl", wheel.name)
    assert wheel.stat().st_size <= 8 * 2**20
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"dtt/py.typed", "dtt/_dtt.pyi", "dtt/cli/__init__.py"} <= names
    assert any(name.endswith("LICENSE-MIT") for name in names)

    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*command: str) -> str:
        done = subprocess.run(
            [str(python), *command], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel))
    assert run("-c", QUICK_START) == "hello\n"
    assert re.fullmatch(r"[0-9a-f]{64}\n", run("-m", "dtt", "id"))
    shown = run("-m", "pip", "show", "--verbose", "dtt")
    assert "Typing :: Typed" in shown
    assert "dtt=dtt.cli:main" in shown
    script = subprocess.run(
        [tmp_path / "venv/bin/dtt", "--version"], env=clean, capture_output=True, text=True, check=False
    )
    assert script.stdout.startswith("dtt "), script
    assert sys.version_info >= (3, 10)
