"""``dtt testnet``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

import dtt


def run(options: argparse.Namespace) -> int:
    """Runs a DHT until Ctrl-C or SIGTERM. Its bootstrap list is the first line of the output."""
    ended = threading.Event()

    def end(_number: int, _frame: object) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with dtt.Testnet(options.nodes, port=options.port) as testnet:
        print(json.dumps({"bootstrap": testnet.bootstrap}) if options.json else ",".join(testnet.bootstrap), flush=True)
        if sys.stdout.isatty() and not options.json:
            print("\nIn other terminals:  DTT_BOOTSTRAP=... dtt chat NAME     Ctrl-C ends it.", file=sys.stderr)
        ended.wait()
    return 0
