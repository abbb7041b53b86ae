"""``dtt chat``."""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import importlib.util
import json
import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any

import dtt
from dtt.cli import NOBODY, TERMINATED, _options
from dtt.cli._peek import printable


async def run(options: argparse.Namespace) -> int:
    """Talks until the input ends, or until Ctrl-C or SIGTERM."""
    task, is_terminated = asyncio.current_task(), False
    assert task is not None

    def terminate() -> None:
        nonlocal is_terminated
        is_terminated = True
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await _chat(options)
    except asyncio.CancelledError:
        # Ctrl-C cancels the task, too, and asyncio.run makes a KeyboardInterrupt of it.
        if not is_terminated:
            raise
        return TERMINATED


async def _chat(options: argparse.Namespace) -> int:
    config, secret = _options.node(options), _options.secret(options.secret_file)
    if not secret:
        print("dtt: no secret: whoever knows the topic's name finds you and can talk (--secret-file)", file=sys.stderr)
    async with dtt.Node(config) as node, node.join(options.name, secret=secret or b"") as topic:
        nick = options.nick or node.id.short()
        all_sent = True
        try:
            if options.json:
                all_sent = await _talk_lines(topic, nick, _Json(node, nick), options.wait)
            elif _can_draw():
                await _talk(node, topic, nick)
            else:
                # Who types sees whether somebody is there; a pipe would lose what it has.
                all_sent = await _talk_lines(
                    topic, nick, _Plain(node, nick), None if sys.stdin.isatty() else options.wait
                )
        except _Unheard as error:
            print(f"dtt: not sent, since nobody was there to hear it: {error}", file=sys.stderr)
            return NOBODY
    return 0 if all_sent else 1


class _Unheard(Exception):
    """Nobody came in time to hear a line."""


def _can_draw() -> bool:
    """Whether there is a terminal, and what draws in it. There are plain lines otherwise."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    if importlib.util.find_spec("prompt_toolkit") is None:
        print(f"dtt: plain lines only; {_options.EXTRA} has a status line", file=sys.stderr)
        return False
    return True


def message(nick: str, text: str) -> bytes:
    """A line of the chat. Its number keeps a line that is said twice from being dropped as a duplicate."""
    return json.dumps({"nick": nick, "text": text, "id": uuid.uuid4().hex}, ensure_ascii=False).encode()


def read(content: bytes) -> tuple[str, str]:
    """Who says what, of any bytes at all."""
    with contextlib.suppress(ValueError):
        found: Any = json.loads(content)
        if isinstance(found, dict) and isinstance(found.get("text"), str):  # pyright: ignore[reportUnknownMemberType]
            return printable(str(found.get("nick", "?"))), printable(str(found["text"]))  # pyright: ignore
    return "?", printable(content.decode("utf-8", "replace"))


def status(topic: dtt.Topic) -> str:
    """How far joining has come, in a line."""
    stats, state = topic.stats(), topic.state
    if state == "alone":
        return f"alone: the last neighbor left, looking for others ({stats.lookups} lookups)"
    if state == "joined":
        count = len(topic.neighbors)
        return f"joined: {count} neighbor{'' if count == 1 else 's'}, {stats.received} received, {stats.sent} sent"
    if stats.lookups_unanswered == stats.lookups and stats.lookups > 1:
        return f"looking up: no DHT node answers ({stats.lookups} lookups)"
    if stats.dials_bootstrap:
        return f"dialing: {stats.dials_bootstrap} dials, {stats.records_accepted} records found"
    if stats.records_accepted:
        return f"records found: {stats.records_accepted}"
    if stats.records_refused.sealed:
        return f"looking up: {stats.records_refused.sealed} records do not open with this secret"
    published = ", own record published" if stats.stores else ""
    return f"looking up: {stats.lookups} lookups, nobody yet{published}"


async def _talk(node: dtt.Node, topic: dtt.Topic, nick: str) -> None:
    from prompt_toolkit import PromptSession, print_formatted_text
    from prompt_toolkit.formatted_text import FormattedText
    from prompt_toolkit.input import create_input
    from prompt_toolkit.patch_stdout import patch_stdout

    def show(*parts: tuple[str, str]) -> None:
        print_formatted_text(FormattedText(parts))

    def bar() -> FormattedText:
        return FormattedText([("", f" {node.id.short()}  "), ("bold", status(topic))])

    keys = create_input()
    # While a line is printed above the prompt, the terminal would go back to its own line editing: it would take a Ctrl-D for
    # itself, and hold other keys back. Printing does not need that.
    keys.cooked_mode = contextlib.nullcontext  # type: ignore[method-assign]
    session: PromptSession[str] = PromptSession(
        f"{nick}> ", bottom_toolbar=bar, refresh_interval=0.5, erase_when_done=True, input=keys
    )
    with patch_stdout():
        listening = asyncio.create_task(_listen(topic, lambda event: _show(event, show)))
        try:
            while True:
                line = (await session.prompt_async()).strip()
                if not line:
                    continue
                is_sent = await _say(topic, nick, line, lambda problem: show(("ansired", f"not sent: {problem}")))
                show(("ansicyan", f"{nick}: "), ("", line))
                if is_sent and not topic.is_joined:
                    show(("ansiyellow", NOBODY_HEARS))
        except (EOFError, KeyboardInterrupt):
            return
        finally:
            listening.cancel()


def _show(event: dtt.Event, show: Callable[..., None]) -> None:
    match event:
        case dtt.Received(content=content):
            nick, text = read(content)
            show(("ansigreen", f"{nick}: "), ("", text))
        case dtt.NeighborUp(peer=peer):
            show(("ansibrightblack", f"* met {peer.short()}"))
        case dtt.NeighborDown(peer=peer):
            show(("ansibrightblack", f"* lost {peer.short()}"))
        case dtt.Lagged(missed=missed):
            number = "" if missed is None else f"{missed} "
            show(("ansiyellow", f"* {number}events are missing"))
        case dtt.KeyInUse():
            show(("ansiyellow", "* another process uses this key: both miss messages"))
        case dtt.StateChanged():
            pass


async def _listen(topic: dtt.Topic, show: Callable[[dtt.Event], None]) -> None:
    async for event in topic:
        show(event)


#: What is said without a neighbor goes nowhere, and is not said again when one comes.
NOBODY_HEARS = "* nobody hears you: nobody else is there"


async def _say(topic: dtt.Topic, nick: str, line: str, fail: Callable[[dtt.DttError], None]) -> bool:
    """Sends a line; whether that was possible."""
    try:
        await topic.broadcast(message(nick, line))
    except dtt.DttError as error:
        fail(error)
        return False
    return True


def as_json(event: dtt.Event) -> dict[str, object]:
    """An event as ``--json`` shows it."""
    match event:
        case dtt.Received(content=content, delivered_from=peer):
            nick, text = read(content)
            return {
                "event": "received",
                "nick": nick,
                "text": text,
                "delivered_from": str(peer),
                "direct": event.direct,
            }
        case dtt.NeighborUp(peer=peer):
            return {"event": "neighbor_up", "peer": str(peer)}
        case dtt.NeighborDown(peer=peer):
            return {"event": "neighbor_down", "peer": str(peer)}
        case dtt.Lagged(missed=missed):
            return {"event": "lagged", "missed": missed}
        case dtt.KeyInUse():
            return {"event": "key_in_use"}
        case dtt.StateChanged(state=state):
            return {"event": "state_changed", "state": state}


class _Json:
    """Events as lines of JSON."""

    def __init__(self, node: dtt.Node, nick: str) -> None:
        self._say({"event": "start", "id": str(node.id), "nick": nick})

    def event(self, event: dtt.Event) -> None:
        self._say(as_json(event))

    def problem(self, problem: dtt.DttError) -> None:
        self._say({"event": "error", "message": str(problem)})

    @staticmethod
    def _say(what: dict[str, object]) -> None:
        print(json.dumps(what), flush=True)


class _Plain:
    """Events as lines for people."""

    def __init__(self, node: dtt.Node, nick: str) -> None:
        print(f"* you are {nick}, {node.id}", flush=True)

    def event(self, event: dtt.Event) -> None:
        _show(event, lambda *parts: print("".join(text for _, text in parts), flush=True))

    def problem(self, problem: dtt.DttError) -> None:
        print(f"* not sent: {problem}", flush=True)


async def _talk_lines(topic: dtt.Topic, nick: str, shown: _Json | _Plain, wait: float | None) -> bool:
    """Sends the lines of the input, until it ends or nothing can be shown any more. Each waits for so many seconds until someone
    is there; with none, nothing waits. Returns whether every line was sent."""
    listening = asyncio.create_task(_listen(topic, shown.event))
    sending = asyncio.create_task(_send_lines(topic, nick, shown.problem, wait))
    try:
        done, _ = await asyncio.wait((listening, sending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        sending.cancel()
        await asyncio.gather(listening, sending, return_exceptions=True)
    if listening in done:
        listening.result()
    return sending not in done or sending.result()


async def _someone_is_there(topic: dtt.Topic, limit: float) -> None:
    """Waits until there is a neighbor, and says so if that takes long enough to wonder."""
    waiting = asyncio.create_task(topic.joined(limit))
    done, _ = await asyncio.wait((waiting,), timeout=1.0)
    if not done:
        print(f"dtt: nobody is there yet to hear it; waiting for up to {limit:g} s", file=sys.stderr, flush=True)
    try:
        await waiting
    except dtt.TimeoutError as error:
        raise _Unheard(str(error)) from None
    finally:
        waiting.cancel()


async def _send_lines(topic: dtt.Topic, nick: str, fail: Callable[[dtt.DttError], None], wait: float | None) -> bool:
    """Whether every line was sent."""
    # Any input will do, a file and /dev/null too, which no event loop can wait for. A read cannot be ended, so the thread is
    # one that the end of the process does not wait for.
    lines: asyncio.Queue[bytes] = asyncio.Queue(16)
    loop = asyncio.get_running_loop()

    def put(line: bytes) -> None:
        putting = lines.put(line)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        finally:
            # The loop may have closed: then nobody else takes it.
            putting.close()

    def read_lines() -> None:
        # Not through sys.stdin: its lock would be held when the interpreter ends, which is a fatal error.
        rest, file = b"", sys.stdin.fileno()
        with contextlib.suppress(RuntimeError, OSError, concurrent.futures.CancelledError):
            while data := os.read(file, 1 << 16):
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    put(line + b"\n")
            for line in (rest, b""):
                put(line)

    threading.Thread(target=read_lines, name="dtt-input", daemon=True).start()
    all_sent = True
    while line := await lines.get():
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            continue
        # What is too long is refused at once.
        if wait is not None and len(message(nick, text)) <= topic.max_message_size:
            await _someone_is_there(topic, wait)
        is_sent = await _say(topic, nick, text, fail)
        all_sent = all_sent and is_sent
        if is_sent and wait is None and not topic.is_joined:
            print(NOBODY_HEARS, flush=True)
    return all_sent
