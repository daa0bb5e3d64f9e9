"""Distance between sites: a relay in user space that holds each packet back and drops some, for kernels without netem.

Each site's only interface is a TUN device whose other end this process holds. What a site sends (its egress is shaped
by `tc tbf` before) is read here, waits for the latency of its way, and is written to the device of the site that
it is for. Packets of a way keep their order. With segmentation offload, up to 64 KiB of a connection are one packet
here, so that the relay costs little; with loss there is no offload, and each packet on the wire is lost by itself.

Run: python -m experiments.wan_emulation.relay NAMESPACE [...] (namespaces.py does); prints `ready` when all devices
are there.
"""

from __future__ import annotations

import argparse
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

NETWORK = "10.77.0.0/24"
_TUNSETIFF, _TUNSETOFFLOAD, _TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_F_CSUM, _F_TSO4 = 0x01, 0x02
_VNET_BYTES = 10
"""What stands before each packet: how the kernel is to cut it and to complete its checksum."""
_LARGEST = 1 << 17
_AT_ONCE = 16
"""Packets that are read from one device before the others are looked at."""


def address(site: int) -> str:
    """The address of a site."""
    return f"10.77.0.{site + 1}"


class Lines:
    """Packets under way between sites: when each arrives, and which are lost.

    Args:
      latencies_s: of the access of each site; a packet takes that of its sender and that of its receiver [s].
      loss: chance that a packet is lost, each by itself [-].
      seed: of the losses.
    """

    def __init__(self, latencies_s: Sequence[float], *, loss: float = 0.0, seed: int = 0) -> None:
        self._latencies_s, self._loss = list(latencies_s), loss
        self._draw = random.Random(seed).random
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self.lost = 0
        """Packets that were dropped so far."""

    def send(self, now_s: float, sender: int, receiver: int, packet: bytes) -> None:
        """A packet begins its way, or is lost."""
        if self._loss and self._draw() < self._loss:
            self.lost += 1
            return
        self._count += 1
        arrives_s = now_s + self._latencies_s[sender] + self._latencies_s[receiver]
        heapq.heappush(self._under_way, (arrives_s, self._count, receiver, packet))

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until the next packet arrives; None if none is under way [s]."""
        return max(0.0, self._under_way[0][0] - now_s) if self._under_way else None

    def arrived(self, now_s: float) -> list[tuple[int, bytes]]:
        """The packets whose time has come, in order: to which site, and what."""
        come = []
        while self._under_way and self._under_way[0][0] <= now_s:
            _, _, receiver, packet = heapq.heappop(self._under_way)
            come.append((receiver, packet))
        return come


def relay(devices: Sequence[int], lines: Lines) -> None:
    """Passes packets on until it is stopped.

    Args:
      devices: file of each site's TUN device, not blocking.
      lines: what happens to a packet on its way.
    """
    site_of = {device: site for site, device in enumerate(devices)}
    clock = time.monotonic
    while True:
        readable, _, _ = select.select(devices, [], [], lines.wait_s(clock()))
        for device in readable:
            for _ in range(_AT_ONCE):
                try:
                    packet = os.read(device, _LARGEST)
                except BlockingIOError:
                    break
                receiver = receiver_of(packet)
                if receiver is not None and receiver < len(devices):
                    lines.send(clock(), site_of[device], receiver, packet)
        for receiver, packet in lines.arrived(clock()):
            with suppress(OSError):  # an interface that is down takes nothing
                os.write(devices[receiver], packet)


def receiver_of(packet: bytes) -> int | None:
    """The site that a packet is for; None if it is for none."""
    header = packet[_VNET_BYTES : _VNET_BYTES + 20]
    if len(header) < 20 or header[0] >> 4 != 4 or header[16:19] != bytes((10, 77, 0)):
        return None
    return header[19] - 1 if header[19] else None


def device_in(namespace: str, name: str, site: int, *, whole: bool) -> int:
    """Makes the TUN device of a site, and puts it into its namespace; the relay's end of it."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    fcntl.ioctl(device, _TUNSETVNETHDRSZ, struct.pack("i", _VNET_BYTES))
    fcntl.ioctl(device, _TUNSETOFFLOAD, _F_CSUM | (_F_TSO4 if whole else 0))
    subprocess.run(["ip", "link", "set", name, "netns", namespace, "name", "eth0"], check=True)
    return device


def main() -> None:
    """Makes the devices, says that they are there, and relays."""
    parser = argparse.ArgumentParser()
    parser.add_argument("namespaces", nargs="+")
    parser.add_argument("--latencies", nargs="+", type=float, required=True, help="one-way, of each site's access [s]")
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    devices = [
        device_in(namespace, f"{namespace}-tun"[:15], site, whole=not given.loss)
        for site, namespace in enumerate(given.namespaces)
    ]
    # sites compute all the time, and a packet whose time has come must not wait for them
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print("ready", flush=True)
    relay(devices, Lines(given.latencies, loss=given.loss, seed=given.seed))


if __name__ == "__main__":
    main()
