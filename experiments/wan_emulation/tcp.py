"""The goodput of one plain TCP transfer over a shaped link: what headers and the shaper leave of its rate."""

from __future__ import annotations

import statistics
import subprocess
import sys

from .namespaces import Sites

RATE_BITS_PER_S = 100e6
SECONDS = 4.0
_PORT = 9877
_RECEIVE = """
import socket, sys, time
listening = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
connection, _ = listening.accept()
moments = []
while data := connection.recv(1 << 16):
    moments.append((time.perf_counter(), len(data)))
begin = moments[0][0] + 0.5
late = [(moment, size) for moment, size in moments if moment >= begin]
print(sum(size for _, size in late[1:]) / (late[-1][0] - late[0][0]))
"""
_SEND = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
left = int(sys.argv[3])
while left > 0:
    left -= connection.send(bytes(min(left, 1 << 16)))
"""


def goodput_share(burst_bytes: float) -> float:
    """Payload over shaped rate, half a second into a transfer, when the shaper's bucket is empty [-]."""
    with Sites([RATE_BITS_PER_S] * 2, burst_bytes=burst_bytes) as sites:
        return statistics.median(_once(sites) for _ in range(3))


def _once(sites: Sites) -> float:
    where = [sites.address(0), str(_PORT)]
    receive = sites.command(0, [sys.executable, "-c", _RECEIVE, *where])
    with subprocess.Popen(receive, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        receiver.stdout.readline()
        size = str(int(RATE_BITS_PER_S / 8 * SECONDS))
        subprocess.run(sites.command(1, [sys.executable, "-c", _SEND, *where, size]), check=True, timeout=60)
        return 8 * float(receiver.stdout.readline()) / RATE_BITS_PER_S
