"""Sites on one machine: network namespaces joined by a bridge or a relay, the egress of each shaped by a token bucket.

Names and addresses are the emulation's own (`xhaul...`, 10.77.0.0/24, reachable from no other machine). Whatever it
made is taken away again, on an error and on Ctrl-C as well; what a killed run left behind goes before the next begins.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sim.errors import InputError

from .relay import NETWORK, address

PREFIX = "xhaul"
BRIDGE = f"{PREFIX}-br"
QUEUE = "100ms"
"""How long a packet may wait in the shaper before it is dropped."""
_AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


def missing() -> str | None:
    """Why namespaces cannot be made here; None if they can."""
    if platform.system() != "Linux":
        return f"network namespaces are Linux's, and this is {platform.system()}"
    absent = [tool for tool in ("ip", "tc") if shutil.which(tool) is None]
    if absent:
        return f"{' and '.join(absent)} is not installed; install iproute2"
    if os.geteuid():
        return "namespaces and tc need root; run it as root (sudo)"
    try:
        with Sites([1e6], burst_bytes=65536.0):
            return None
    except InputError as error:
        return str(error)


@dataclass(frozen=True)
class Distance:
    """What lies between sites that are joined by a relay and not by a bridge.

    Attributes:
      latencies_s: one-way latency of each site's access; a packet takes its sender's and its receiver's [s].
      loss: chance that a packet is lost on its way [-].
      seed: of the losses.
      keeps_window: whether TCP keeps its window while nothing is sent, and begins no slow start behind a silence.
    """

    latencies_s: Sequence[float]
    loss: float = 0.0
    seed: int = 0
    keeps_window: bool = True


class Sites:
    """Namespaces while the context is open.

    Args:
      rates_bits_per_s: egress of each site; None: not shaped [bit/s].
      burst_bytes: bucket of each shaper [byte].
      distance: joins the sites by a relay; None: by a bridge.
      congestion: congestion control of every connection, where the kernel has it; machines differ in their default.

    Raises:
      InputError: the machine does not allow it.
    """

    def __init__(
        self,
        rates_bits_per_s: Sequence[float | None],
        *,
        burst_bytes: float,
        distance: Distance | None = None,
        congestion: str = "cubic",
    ) -> None:
        self._rates, self._burst_bytes = list(rates_bits_per_s), burst_bytes
        self._distance, self._congestion = distance, congestion
        self._relay: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        # one emulation at a time: names and addresses are the same in each
        self._lock = (Path(tempfile.gettempdir()) / f"{PREFIX}.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        remove_all()
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        if self._relay is not None:
            self._relay.kill()
            self._relay.communicate()
        remove_all()
        self._lock.close()

    def address(self, site: int) -> str:
        """The address of a site."""
        return address(site)

    def relay_s(self) -> float:
        """Processor time that the relay has used so far; 0 without one [s]."""
        if self._relay is None:
            return 0.0
        ticks = Path(f"/proc/{self._relay.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def command(self, site: int, command: Sequence[str]) -> list[str]:
        """A command line that runs inside a site."""
        return ["ip", "netns", "exec", _name(site), *command]

    def shape(self, site: int, rate_bits_per_s: float, *, change: bool = False) -> None:
        """Shapes the egress of a site, or gives it another rate."""
        bucket = ("rate", f"{rate_bits_per_s:.0f}bit", "burst", f"{self._burst_bytes:.0f}", "latency", QUEUE)
        verb = "change" if change else "add"
        _run(*self.command(site, ["tc", "qdisc", verb, "dev", "eth0", "root", "tbf", *bucket]))

    def sent_bytes(self, site: int) -> int:
        """What the interface of a site has sent so far, headers included [byte]."""
        counter = "/sys/class/net/eth0/statistics/tx_bytes"
        return int(_run(*self.command(site, ["cat", counter])))

    def _make(self) -> None:
        names = [_name(site) for site in range(len(self._rates))]
        for name in names:
            _run("ip", "netns", "add", name)
        if self._distance is None:
            self._join_by_bridge(names)
        else:
            self._join_by_relay(names, self._distance)
        for site, (name, rate) in enumerate(zip(names, self._rates, strict=True)):
            _run("ip", "-n", name, "address", "add", f"{self.address(site)}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _run("ip", "-n", name, "link", "set", device, "up")
            if self._congestion in _AVAILABLE.read_text().split():
                route = (NETWORK, "dev", "eth0", "src", self.address(site), "congctl", self._congestion)
                _run("ip", "-n", name, "route", "replace", *route)
            # collectives connect to the address that the host's own name has
            folder = _folder(site)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "hosts").write_text(f"127.0.0.1 localhost\n{self.address(site)} {platform.node()}\n")
            if rate is not None:
                self.shape(site, rate)

    def _join_by_bridge(self, names: Sequence[str]) -> None:
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "link", "set", BRIDGE, "up")
        for site, name in enumerate(names):
            outside = f"{PREFIX}{site}"
            _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name)
            _run("ip", "link", "set", outside, "master", BRIDGE, "up")

    def _join_by_relay(self, names: Sequence[str], distance: Distance) -> None:
        command = [sys.executable, "-m", f"{__package__}.relay", *names, "--latencies"]
        command += [*(repr(latency_s) for latency_s in distance.latencies_s)]
        command += ["--loss", repr(distance.loss), "--seed", str(distance.seed)]
        root = Path(__file__).parents[2]
        pipe = subprocess.PIPE
        self._relay = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=root)
        assert self._relay.stdout is not None
        if not self._relay.stdout.readline():
            raise InputError(f"the relay did not start: {self._relay.communicate()[1].strip()}")
        if distance.keeps_window:
            for site in range(len(names)):
                setting = Path("/proc/sys/net/ipv4/tcp_slow_start_after_idle")
                _run(*self.command(site, ["sh", "-c", f"echo 0 > {setting}"]))


def remove_all() -> None:
    """Takes away every namespace, interface and file with the emulation's prefix."""
    # a namespace gives its interfaces back some time after its end, so they go first
    for line in _run("ip", "-o", "link").splitlines():
        interface = line.split(": ")[1].partition("@")[0]
        if interface.startswith(PREFIX):
            subprocess.run(["ip", "link", "del", interface], capture_output=True, check=False)
    for line in _run("ip", "netns", "list").splitlines():
        name = line.split()[0]
        if name.startswith(f"{PREFIX}-"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
            shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)


def _name(site: int) -> str:
    return f"{PREFIX}-{site}"


def _folder(site: int) -> Path:
    return Path("/etc/netns") / _name(site)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
