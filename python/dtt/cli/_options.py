"""Options that several commands have."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import dtt
from dtt._config import seconds

#: What the commands draw with, and do without.
EXTRA = "the package with the extra [cli], or rich and prompt_toolkit,"


def command(commands: Any, name: str, help: str, description: str, example: str) -> argparse.ArgumentParser:
    """A command, whose help has a description and an example."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # A shortened option would be guessed: --secret would be --secret-file, and the error would show the secret.
        allow_abbrev=False,
    )
    return made


def name(text: str) -> str:
    """A topic's name. The engine takes an empty one, as any bytes; on a command line it is a variable that was not set."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty, at least 1 character is needed")
    return text


def wait(text: str) -> float:
    """A time in seconds."""
    try:
        limit = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number of seconds is needed, not {text!r}") from None
    try:
        return seconds("the time", limit)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_network(parser: argparse.ArgumentParser, relay: bool) -> None:
    parser.add_argument(
        "--bootstrap",
        metavar="HOST:PORT,...",
        default=os.environ.get("DTT_BOOTSTRAP"),
        help="how to enter the DHT (default: $DTT_BOOTSTRAP, or the public one); on 127.0.0.1, nothing leaves this machine",
    )
    if relay:
        parser.add_argument(
            "--relay", metavar="URL", action="append", help='a relay server, or "none"; default: the public ones'
        )


class _NoSecret(argparse.Action):
    """Refuses a secret on the command line, and does not show it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.error(
            "--secret: there is no such option, since other users can read the command line; "
            "write the secret to a file and give its name with --secret-file"
        )


def add_secret(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--secret-file", metavar="FILE", help=f"holds {text}; one line feed at its end does not count")
    parser.add_argument("--secret", action=_NoSecret, nargs="?", help=argparse.SUPPRESS)


def add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key-file", metavar="FILE", help="the node's secret key, which is made if it is not there")


@contextlib.contextmanager
def _names(option: str, path: str) -> Generator[None, None, None]:
    """Errors of a file name it, and the option that it was given by."""
    try:
        yield
    except OSError as error:
        raise OSError(f"{option} {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise dtt.InvalidArgumentError(f"{option} {path}: {str(error).removeprefix('secret_key: ')}") from None


def secret(path: str | None) -> bytes | None:
    """The secret in a file. There is no option for the secret itself: others could read it in the list of processes."""
    if path is None:
        return None
    with _names("--secret-file", path):
        content = Path(path).read_bytes()
    return content.removesuffix(b"\n").removesuffix(b"\r")


def key(path: str | None) -> dtt.SecretKey:
    """The key in a file, which is made if it is not there, for its owner's eyes only."""
    if path is None:
        return dtt.SecretKey.generate()
    with _names("--key-file", path):
        with contextlib.suppress(FileNotFoundError):
            return dtt.SecretKey(Path(path).read_bytes())
        made = dtt.SecretKey.generate()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(made.to_bytes())
    return made


def _bootstrap(options: argparse.Namespace) -> list[str] | None:
    return [node.strip() for node in options.bootstrap.split(",")] if options.bootstrap else None


def _is_here(bootstrap: list[str]) -> bool:
    """Whether a list names this machine only: a testnet."""

    def here(node: str) -> bool:
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(node.rpartition(":")[0]).is_loopback
        return False

    return all(map(here, bootstrap))


def dht(options: argparse.Namespace) -> dtt.DhtConfig:
    """How the DHT is reached."""
    bootstrap = _bootstrap(options)
    if bootstrap and _is_here(bootstrap):
        return dtt.Testnet.dht_config_for(bootstrap)
    return dtt.DhtConfig(bootstrap=bootstrap)


def node(options: argparse.Namespace) -> dtt.NodeConfig:
    """A node's options."""
    bootstrap = _bootstrap(options)
    made: dtt.NodeOptions = {"secret_key": key(options.key_file)}
    if options.relay:
        made["relays"] = "disabled" if options.relay == ["none"] else options.relay
    if bootstrap and _is_here(bootstrap):
        return dtt.Testnet.node_config_for(bootstrap, **made)
    made["topics"] = dtt.TopicConfig(dht=dtt.DhtConfig(bootstrap=bootstrap))
    return dtt.NodeConfig(**made)
