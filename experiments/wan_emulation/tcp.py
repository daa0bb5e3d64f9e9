"""Plain TCP: what headers and the shaper leave of a link's rate, and what the relay adds to a round trip."""

from __future__ import annotations

import statistics
import subprocess
import sys

from sim.documents.validation import Frozen

from .namespaces import Distance, Sites

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
begin = min(moments[0][0] + 0.5, moments[len(moments) // 4][0])
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
_ANSWER = """
import socket, sys
listening = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
connection, _ = listening.accept()
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while data := connection.recv(1):
    connection.sendall(data)
"""
_ASK = """
import socket, statistics, sys, time
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
took = []
for _ in range(60):
    begin = time.perf_counter()
    connection.sendall(b"?")
    connection.recv(1)
    took.append(time.perf_counter() - begin)
print(statistics.median(took))
"""


class Relayed(Frozen):
    """What the relay itself adds, measured on an idle machine."""

    round_trip_s: float
    """Round trip of a byte without any latency [s]."""
    added_s: float
    """What a round trip takes longer than the latencies that are set, at 50 ms [s]."""
    bits_per_s: float
    """Payload of one transfer that nothing shapes [bit/s]."""


def relayed(burst_bytes: float) -> Relayed:
    """Measures the relay."""
    with Sites([None] * 2, burst_bytes=burst_bytes, distance=Distance([0.0] * 2)) as sites:
        round_trip_s, bits_per_s = _round_trip_s(sites), _bits_per_s(sites, int(4e8))
    with Sites([None] * 2, burst_bytes=burst_bytes, distance=Distance([0.0125] * 2)) as sites:
        added_s = _round_trip_s(sites) - 0.05
    return Relayed(round_trip_s=round_trip_s, added_s=added_s, bits_per_s=bits_per_s)


def goodput_share(burst_bytes: float, distance: Distance | None = None) -> float:
    """Payload over shaped rate, half a second into a transfer, when the shaper's bucket is empty [-]."""
    size = int(RATE_BITS_PER_S / 8 * SECONDS)
    with Sites([RATE_BITS_PER_S] * 2, burst_bytes=burst_bytes, distance=distance) as sites:
        return statistics.median(_bits_per_s(sites, size) / RATE_BITS_PER_S for _ in range(3))


def _round_trip_s(sites: Sites) -> float:
    where = [sites.address(0), str(_PORT)]
    answer = sites.command(0, [sys.executable, "-c", _ANSWER, *where])
    with subprocess.Popen(answer, stdout=subprocess.PIPE, text=True) as answering:
        assert answering.stdout is not None
        answering.stdout.readline()
        ask = sites.command(1, [sys.executable, "-c", _ASK, *where])
        return float(subprocess.run(ask, check=True, timeout=60, capture_output=True, text=True).stdout)


def _bits_per_s(sites: Sites, size: int) -> float:
    where = [sites.address(0), str(_PORT)]
    receive = sites.command(0, [sys.executable, "-c", _RECEIVE, *where])
    with subprocess.Popen(receive, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        receiver.stdout.readline()
        subprocess.run(sites.command(1, [sys.executable, "-c", _SEND, *where, str(size)]), check=True, timeout=60)
        return 8 * float(receiver.stdout.readline())
