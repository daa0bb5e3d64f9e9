"""The few measured numbers that are inputs of other runs, each from a run that is judged nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .runs import Row, rows

MATCHMAKING_S = 5.0
"""hivemind looks for a group at least so long: its own default (`min_matchmaking_time`) [s]."""
HOSTS = {"T4": ("nlp-A-2", "nlp-A-4"), "A10": ("nlp-A10-2", "nlp-A10-4")}
"""Runs of hivemind in one zone with two and with four peers, that say what a host of a kind needs for an exchange."""
LIKE = {"RTX8000": "A10", "V100": "A10"}
"""Hosts of which no run in one zone is known, and the others that they are taken to be like: many processors, too."""
FIRSTS = {"diloco": "cu_grid-diloco-30m-h8-bw1g-r0", "localsgd": "cu_grid-localsgd-30m-h8-bw1g-r0"}
"""Runs of diloco-measured that say how much longer the first exchange takes, by algorithm."""
DROPS = "cu_grid-diloco-30m-h1-bw200m-r0"
"""The run of diloco-measured that says what a shaper costs whose queue is too short for what is under way."""
UNSHAPED = "m1-h50-s1337"
"""The run of ft-diloco without a shaper that says what an exchange takes in the host."""
RUNS = {*(name for pair in HOSTS.values() for name in pair), *FIRSTS.values(), DROPS, UNSHAPED}


@dataclass(frozen=True)
class Host:
    """What a peer of hivemind needs for an exchange.

    Attributes:
      bits_per_s: bandwidth at which its program handles bytes, one peer after another [bit/s].
      step_s_per_byte: the optimizer's step and copies, by the bytes of the parameters [s/byte].
    """

    bits_per_s: float
    step_s_per_byte: float

    def overhead_s(self, payload_bytes: float) -> float:
        """What an exchange takes beside its bytes: matchmaking, and the optimizer [s]."""
        return MATCHMAKING_S + self.step_s_per_byte * payload_bytes


@cache
def host(accelerator: str) -> Host:
    """The host of a peer, from two exchanges of n peers in one zone: overhead + 2 (n - 1)/n S over its bandwidth."""
    two, four = (_row("hivemind", name) for name in HOSTS[LIKE.get(accelerator, accelerator)])
    payload_bytes = float(two["params"]) * float(two["payload_bits"]) / 8
    two_s, four_s = (float(row["measured_exchange_s"]) for row in (two, four))
    bits_per_s = (3 / 2 - 1) * 8 * payload_bytes / (four_s - two_s)
    rest_s = two_s - 8 * payload_bytes / bits_per_s - MATCHMAKING_S
    return Host(bits_per_s, rest_s / payload_bytes)


@cache
def first_s(algorithm: str) -> float:
    """How much longer the first exchange of a run takes [s]."""
    row = _row("diloco_measured", FIRSTS[algorithm])
    return float(row["measured_first_sync_s"]) - float(row["measured_sync_median_s"])


@cache
def drops_share() -> float:
    """What is left of iperf3's goodput behind such a shaper, for an exchange on a ring [-]."""
    row = _row("diloco_measured", DROPS)
    nodes = int(row["nodes"])
    sent_bits = 2 * (nodes - 1) / nodes * 32 * float(row["params"])
    return sent_bits / float(row["goodput_bits_per_s"]) / float(row["measured_sync_s"])


@cache
def unshaped_s() -> float:
    """An exchange of ft-diloco without a shaper [s]."""
    return float(_row("ft_diloco", UNSHAPED)["measured_exchange_s"])


def _row(table: str, name: str) -> Row:
    return next(row for row in rows(table) if row["run"] == name)
