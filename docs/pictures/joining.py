#!/usr/bin/env python3
"""Draws how joining works: writes joining.svg beside this file.

usage: joining.py [--check]        --check only compares, and fails if the picture is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 840, 430
BOB, DHT, ALICE = 120, 420, 720
INK, FAINT, PAPER = "#1f2430", "#6b7280", "#ffffff"
COLORS = {BOB: "#1d6fb8", DHT: "#5b5f6b", ALICE: "#2f8a57"}
HEAD, FOOT = 62, 380


def text(
    x: int, y: int, words: str, *, size: int = 14, color: str = INK, anchor: str = "middle", bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
    )


def lane(x: int, name: str, about: str) -> list[str]:
    """A participant: a box with its name, and the line that its arrows begin and end at."""
    return [
        f'<line x1="{x}" y1="{HEAD}" x2="{x}" y2="{FOOT}" stroke="{COLORS[x]}" stroke-width="2"',
        '      stroke-dasharray="5 4"/>',
        f'<rect x="{x - 100}" y="14" width="200" height="{HEAD - 14}" rx="8" fill="{COLORS[x]}"/>',
        text(x, 35, name, size=15, color=PAPER, bold=True),
        text(x, 53, about, size=12, color=PAPER),
    ]


def arrow(y: int, start: int, end: int, words: str, detail: str = "", *, both: bool = False) -> list[str]:
    """A message from one participant to another, with its label above the line and a detail below."""
    color = COLORS[start]
    step = 1 if end > start else -1
    tip, tail = end - 4 * step, start + 4 * step
    begin = tail + 8 * step if both else tail
    parts = [f'<line x1="{begin}" y1="{y}" x2="{tip - 8 * step}" y2="{y}" stroke="{color}" stroke-width="2"/>']
    for at, way in [(tip, step)] + ([(tail, -step)] if both else []):
        parts.append(f'<path d="M {at} {y} l {-11 * way} -5 v 10 z" fill="{color}"/>')
    middle = (start + end) // 2
    # An arrow that crosses the DHT's line does not lose its words in it.
    for line, at, size, ink in [(words, y - 8, 14, INK), (detail, y + 16, 12, FAINT)]:
        if line and abs(end - start) > DHT - BOB:
            half = round(len(line) * size * 0.29)
            parts.append(
                f'<rect x="{middle - half}" y="{at - size}" width="{2 * half}" height="{size + 5}" fill="{PAPER}"/>'
            )
        if line:
            parts.append(text(middle, at, line, size=size, color=ink))
    return parts


def picture() -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"',
        '     font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif" role="img"',
        '     aria-label="How joining works: a member stores a sealed record in the DHT. A newcomer reads it, opens it',
        '     and dials the member. From then on both exchange messages directly.">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="{PAPER}"/>',
        *lane(BOB, "bob", "joins the topic now"),
        *lane(DHT, "BitTorrent DHT", "nodes of strangers"),
        *lane(ALICE, "alice", "is a member already"),
        *arrow(104, ALICE, DHT, "1. stores a sealed record", "her id, addresses and neighbors"),
        *arrow(164, BOB, DHT, "2. looks in the same place", "topic name + minute say where"),
        *arrow(222, DHT, BOB, "3. gets the record", "opens it with the shared secret"),
        *arrow(282, BOB, ALICE, "4. connects to an address in the record", "QUIC, directly or through a relay"),
        *arrow(
            340,
            BOB,
            ALICE,
            "5. they are neighbors: messages go between them",
            "the DHT never sees a message",
            both=True,
        ),
        text(
            WIDTH // 2,
            410,
            "The members take turns to store a record for each minute, so the next newcomer finds the swarm.",
            size=13,
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    path, drawn = Path(__file__).with_suffix(".svg"), picture()
    if sys.argv[1:] == ["--check"]:
        if path.read_text() != drawn:
            print(f"{path.name} is out of date: run {Path(__file__).name}", file=sys.stderr)
            return 1
        return 0
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    path.write_text(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
