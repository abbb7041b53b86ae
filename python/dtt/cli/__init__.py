"""The command ``dtt``: chat, testnet, peek, id."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import dtt
from dtt.cli import _options

#: Ended by Ctrl-C, as shells count it.
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser(prog="dtt", description="Programs find each other by a name and a secret, and talk.")
    main.add_argument("--version", action="version", version=f"dtt {dtt.__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    chat = commands.add_parser("chat", help="a terminal chat with everyone on a topic")
    chat.add_argument("name", metavar="NAME", help="the topic's name")
    chat.add_argument("--nick", help="how others see you (default: the beginning of your id)")
    _options.add_network(chat, relay=True)
    _options.add_secret(chat, "the topic's secret (default: empty)")
    chat.add_argument("--key-file", metavar="FILE", help="the node's secret key, which is made if it is not there")
    chat.add_argument("--json", action="store_true", help="events as lines of JSON; lines of the input are sent")
    chat.set_defaults(run=run_chat)

    testnet = commands.add_parser("testnet", help="a DHT on this machine, for trying things, until Ctrl-C")
    testnet.add_argument("nodes", metavar="NODES", type=int, nargs="?", default=16, help="2 to 256 (default: 16)")
    testnet.add_argument("--json", action="store_true", help="the bootstrap list as JSON")
    testnet.set_defaults(run=run_testnet)

    peek = commands.add_parser("peek", help="what the slots of a topic hold right now")
    peek.add_argument("name", metavar="NAME", help="the topic's name")
    _options.add_network(peek, relay=False)
    _options.add_secret(peek, "the topic's secret, to open the records (default: they are only counted)")
    peek.add_argument("--json", action="store_true", help="as JSON")
    peek.set_defaults(run=run_peek)

    ids = commands.add_parser("id", help="a node's id, and the key file that it is made of")
    ids.add_argument("--key-file", metavar="FILE", help="the node's secret key, which is made if it is not there")
    ids.add_argument("--topic", metavar="NAME", help="show the id of this topic instead")
    ids.add_argument("--json", action="store_true", help="as JSON")
    ids.set_defaults(run=run_id)
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit code: 0, 1 for an error, 2 for a wrong use, 130 for Ctrl-C where that is no usual end."""
    options = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], Any] = options.run
    try:
        return int(run(options) or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who reads our output has gone, as `head` does. Python would complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (dtt.DttError, OSError) as error:
        print(f"dtt: {error}", file=sys.stderr)
        return 2 if isinstance(error, dtt.InvalidArgumentError) else 1


def run_chat(options: argparse.Namespace) -> int:
    from dtt.cli import _chat

    return asyncio.run(_chat.run(options))


def run_peek(options: argparse.Namespace) -> int:
    from dtt.cli import _peek

    return asyncio.run(_peek.run(options))


def run_testnet(options: argparse.Namespace) -> int:
    from dtt.cli import _testnet

    return _testnet.run(options)


def run_id(options: argparse.Namespace) -> int:
    import json

    if options.topic is not None:
        what, value = "topic", str(dtt.TopicId(options.topic))
    else:
        what, value = "id", str(_options.key(options.key_file).id)
    print(json.dumps({what: value}) if options.json else value)
    return 0
