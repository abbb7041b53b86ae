#!/usr/bin/env python3
"""Runs two of a chat program on a testnet: they must meet, talk both ways, survive what cannot be sent, end with their input.

usage: pair.py DTT_TESTNET PROGRAM
"""
import os
import queue
import subprocess
import sys
import threading
import time


class Program:
    def __init__(self, path, bootstrap):
        environment = dict(os.environ, DTT_BOOTSTRAP=bootstrap)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([path, "lounge", "secret"], env=environment, stdin=pipe, stdout=pipe,
                                        stderr=subprocess.STDOUT)
        self.lines, self.seen = queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace").rstrip("\n"))

    def say(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def hears(self, what, fits):
        deadline = time.monotonic() + 120
        while not any(map(fits, self.seen)):
            try:
                self.seen.append(self.lines.get(timeout=max(0, deadline - time.monotonic())))
            except queue.Empty:
                sys.exit(f"no {what!r} within 120 s, but {self.seen}")

    def ends(self):
        self.process.stdin.close()
        status = self.process.wait(timeout=20)
        if status != 0:
            sys.exit(f"it ended with {status}")


def main():
    testnet = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    bootstrap = testnet.stdout.readline().decode().strip()
    refused = subprocess.run([sys.argv[2]], stdin=subprocess.DEVNULL, capture_output=True)
    assert refused.returncode == 2 and b"usage: " in refused.stderr, refused
    wrong = dict(os.environ, DTT_BOOTSTRAP="router")
    refused = subprocess.run([sys.argv[2], "t", "s"], env=wrong, stdin=subprocess.DEVNULL, capture_output=True)
    assert refused.returncode == 2 and b"bootstrap" in refused.stderr, refused
    one, two = programs = [Program(sys.argv[2], bootstrap) for _ in range(2)]
    for program in programs:
        program.hears("* Joined", lambda line: line == "* Joined")
    for speaker, listener, text in [(one, two, "hello from one"), (two, one, "hello from two")]:
        speaker.say(text)
        listener.hears(text, lambda line: line.endswith(text))
    one.say("x" * 5000)
    one.hears("not sent", lambda line: line.startswith("not sent: message: 50") and "the limit is 4057" in line)
    one.say("still here")
    two.hears("still here", lambda line: line.endswith("still here"))
    for program in programs:
        program.ends()
    testnet.stdin.close()
    testnet.wait(timeout=20)


main()
