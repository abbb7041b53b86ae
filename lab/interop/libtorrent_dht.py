#!/usr/bin/env python3
"""A DHT of real libtorrent nodes, which are most of the public mainline DHT. They keep the first writer's value.

usage: libtorrent_dht.py NODES PREFIX [NUMBER ENTRY]     (needs the package libtorrent; 2.1.1 was used)

Node i listens on PREFIXi:6881, and the others enter by node 1. With NUMBER, this process is that node alone. It
enters by the node at the address ENTRY, or by none if ENTRY is "-".
It prints "ready" when every node here knows some others, and then runs until its input ends.
"""

import os
import sys
import time
import warnings
from collections.abc import Iterable

import libtorrent

# There is no newer call that tells at once how many nodes are known.
warnings.simplefilter("ignore", DeprecationWarning)

SETTINGS = {
    "enable_dht": True,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # All nodes live on one machine, so the limits that are meant for one address per node are lifted.
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_ignore_dark_internet": False,
    "dht_prefer_verified_node_ids": False,
    "dht_enforce_node_id": False,
    "dht_block_ratelimit": 100_000,
    "dht_upload_rate_limit": 10_000_000,
    "alert_mask": 0,
}


def main(nodes: int, prefix: str, numbers: Iterable[int], entry: str) -> None:
    sessions = []
    for number in numbers:
        enters = entry not in ("-", f"{prefix}{number}")
        own = {
            "listen_interfaces": f"{prefix}{number}:6881",
            "dht_bootstrap_nodes": f"{entry}:6881" if enters else "",
        }
        session = libtorrent.session(SETTINGS | own)
        if enters:
            session.add_dht_node((entry, 6881))
        sessions.append(session)
    deadline = time.monotonic() + 60
    while min(session.status().dht_nodes for session in sessions) < min(8, nodes - 1):
        if time.monotonic() > deadline:
            sys.exit("the routing tables do not fill")
        # Nodes that came early know few others. Every lookup makes more nodes known.
        for session in sessions:
            session.dht_get_peers(libtorrent.sha1_hash(os.urandom(20)))
        time.sleep(0.5)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    count, first = int(sys.argv[1]), sys.argv[2]
    if len(sys.argv) > 3:
        main(count, first, [int(sys.argv[3])], sys.argv[4])
    else:
        main(count, first, range(1, count + 1), f"{first}1")
