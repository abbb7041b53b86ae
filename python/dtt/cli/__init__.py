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

#: Ended by SIGTERM, as shells count it.
TERMINATED = 143

#: Nobody was there to hear a line of the input in time.
NOBODY = 3


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser(prog="dtt", description="Programs find each other by a name and a secret, and talk.")
    main.add_argument("--version", action="version", version=f"dtt {dtt.__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    chat = _options.command(commands, "chat", "a terminal chat with everyone on a topic", CHAT, CHAT_EXAMPLE)
    chat.add_argument("name", metavar="NAME", type=_options.name, help="the topic's name")
    chat.add_argument("--nick", help="how others see you (default: the beginning of your id)")
    _options.add_network(chat, relay=True)
    _options.add_secret(chat, "the topic's secret (default: empty)")
    _options.add_key(chat)
    chat.add_argument("--json", action="store_true", help="events as lines of JSON; lines of the input are sent")
    chat.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_options.wait,
        default=60.0,
        help="how long a line of the input waits until someone is there to hear it (default: 60)",
    )
    chat.set_defaults(run=run_chat)

    testnet = _options.command(
        commands, "testnet", "a DHT on this machine, for trying things, until Ctrl-C", TESTNET, TESTNET_EXAMPLE
    )
    testnet.add_argument("nodes", metavar="NODES", type=int, nargs="?", default=16, help="2 to 256 (default: 16)")
    testnet.add_argument(
        "--port",
        metavar="PORT",
        type=int,
        help="the UDP port of the first node, 1 to 65535 (default: any that is free)",
    )
    testnet.add_argument("--json", action="store_true", help="the bootstrap list as JSON")
    testnet.set_defaults(run=run_testnet)

    peek = _options.command(commands, "peek", "what the slots of a topic hold right now", PEEK, PEEK_EXAMPLE)
    peek.add_argument("name", metavar="NAME", type=_options.name, help="the topic's name")
    _options.add_network(peek, relay=False)
    _options.add_secret(peek, "the topic's secret, to open the records (default: they are only counted)")
    peek.add_argument("--json", action="store_true", help="as JSON")
    peek.set_defaults(run=run_peek)

    ids = _options.command(commands, "id", "a node's id, and the key file that it is made of", ID, ID_EXAMPLE)
    _options.add_key(ids)
    ids.add_argument("--topic", metavar="NAME", type=_options.name, help="show the id of this topic instead")
    ids.add_argument("--json", action="store_true", help="as JSON")
    ids.set_defaults(run=run_id)
    return main


CHAT = """\
Talks with everyone who joins a topic of the same name with the same secret. It sends what you type. Ctrl-D, Ctrl-C or SIGTERM
ends it, and it tells its neighbors.

If the input is a file or a pipe, or with --json, each line waits until someone is there to hear it. If nobody comes within
--wait, the command does not send the line and ends with code 3. At a terminal no line waits, and the chat tells you that
nobody hears you."""
CHAT_EXAMPLE = """\
  dtt chat my-topic --secret-file secret
  echo "the build is done" | dtt chat my-topic --secret-file secret --wait 30"""
TESTNET = """\
Runs a DHT on 127.0.0.1 until Ctrl-C or SIGTERM. The first line of the output is its bootstrap list, for --bootstrap and
$DTT_BOOTSTRAP. With --port the first node's address is known beforehand, and is enough as a list."""
TESTNET_EXAMPLE = """\
  dtt testnet --port 7000
  DTT_BOOTSTRAP=127.0.0.1:7000 dtt chat my-topic        # in two other terminals"""
PEEK = """\
Reads what the DHT holds for a topic in the next, the present and the last minute, without joining it. Without the secret the
records are only counted."""
PEEK_EXAMPLE = """\
  dtt peek my-topic --secret-file secret"""
ID = """\
Shows the id that a node has with a key file, which is made if it is not there. Without a file the id is of a new key that is
kept nowhere. With --topic it is the id of a topic."""
ID_EXAMPLE = """\
  dtt id --key-file node.key
  dtt id --topic my-topic"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0, 1 for an error, 2 for wrong use, 3 if nobody was there in time to hear a
    line of the input, 130 for Ctrl-C and 143 for SIGTERM where that is not the usual end."""
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
