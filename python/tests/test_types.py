"""The stub says what the native half is, and type checkers have nothing to say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).parents[1]


def _run(*command: str, cwd: Path = PYTHON) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_is_what_the_runtime_is(tmp_path: Path) -> None:
    allowed = str(PYTHON / "tests/stubtest-allowlist.txt")
    _run(
        "mypy.stubtest",
        "dtt",
        "--mypy-config-file",
        str(PYTHON / "pyproject.toml"),
        "--allowlist",
        allowed,
        cwd=tmp_path,
    )


@pytest.mark.parametrize("what", [["dtt"], ["../examples/python"], ["tests"]])
def test_mypy_strict(what: list[str]) -> None:
    _run("mypy", "--config-file", "pyproject.toml", "--cache-dir", os.devnull, *what)


@pytest.mark.parametrize("wrong", ["dtt.Nod()", "dtt.blocking.Nod()", "dtt.Node(event_capacity=3)"])
def test_a_wrong_name_is_found(tmp_path: Path, wrong: str) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(f"import dtt\n\ndtt.Node()\ndtt.blocking.Node()\n{wrong}\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, str(program)]
    done = subprocess.run(command, cwd=PYTHON, capture_output=True, text=True, check=False)
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, done.stdout
    assert errors[0].startswith(f"{program}:5:"), done.stdout


def test_pyright_strict() -> None:
    _run("pyright", "-p", ".", "--pythonpath", sys.executable)


def test_the_style_is_ruffs() -> None:
    where = (".", "../examples/python", "../docs/pictures", "../lab/bench/receive.py")
    _run("ruff", "check", "--no-cache", *where)
    _run("ruff", "format", "--no-cache", "--check", *where)
