"""``dtt peek``."""

from __future__ import annotations

import argparse
import datetime
import json
import sys

import dtt
from dtt.cli import _options


async def run(options: argparse.Namespace) -> int:
    """Shows the slots, newest first."""
    secret = _options.secret(options.secret_file)
    slots = await dtt.peek(options.name, secret=secret, dht=_options.dht(options))
    if options.json:
        print(json.dumps([_as_json(slot) for slot in slots]))
    else:
        _draw(options.name, slots, secret is not None)
    return 0


def _as_json(slot: dtt.Slot) -> dict[str, object]:
    def value(found: dtt.SlotValue) -> dict[str, object]:
        if found.record is None:
            return {"size": found.size, "problem": found.problem}
        record = found.record
        return {
            "size": found.size,
            "publisher": str(record.publisher),
            "addresses": list(record.addresses),
            "neighbors": [str(peer) for peer in record.neighbors],
            "message_hashes": [known.hex() for known in record.message_hashes],
        }

    return {"minute": slot.minute, "values": [value(found) for found in slot.values]}


def _time(minute: int) -> str:
    return datetime.datetime.fromtimestamp(60 * minute).strftime("%H:%M")


COLUMNS = ("minute", "publisher", "addresses", "neighbors", "messages", "bytes")
ABOUT = (
    "Minutes of the local time. A record tells what its publisher knew when it was written, and stands for its minute."
)


def _rows(slots: list[dtt.Slot], is_member: bool) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for slot in slots:
        if not slot.values:
            rows.append((_time(slot.minute), "(empty)"))
        for found in slot.values:
            record = found.record
            if record is None:
                told = (found.problem or "").removeprefix("record: ") if is_member else "sealed"
                rows.append((_time(slot.minute), f"({printable(told)})", "", "", "", str(found.size)))
                continue
            counts = (str(len(record.neighbors)), str(len(record.message_hashes)), str(found.size))
            addresses = " ".join(map(printable, record.addresses))
            rows.append((_time(slot.minute), record.publisher.short(), addresses, *counts))
    return rows


def _draw(name: str, slots: list[dtt.Slot], is_member: bool) -> None:
    rows = _rows(slots, is_member)
    about = ABOUT if is_member else f"{ABOUT} --secret-file opens what is sealed."
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        for row in (COLUMNS, *rows):
            print("\t".join(row))
        print(about)
        return
    table = Table(title=Text(f"The slots of {name!r}"), title_justify="left", caption=about, caption_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in ("neighbors", "messages", "bytes") else "left")
    for row in rows:
        # What others wrote is text, never markup.
        table.add_row(*(Text(part, style="dim" if part.startswith("(") else "") for part in row))
    Console(file=sys.stdout).print(table)


def printable(text: str) -> str:
    """A text of others without what would steer the terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
