"""What a benchmark of collectives says of the network inside a datacenter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...trace.imports.log import Collective


def inside_of(collectives: Sequence[Collective]) -> Mapping[str, str]:
    """The keys of `inside` of a topology, from the last all-reduce; empty without one.

    A rank's bandwidth is the bus bandwidth at the largest message, which counts the 2 (n - 1) / n of an all-reduce
    among n ranks as the model does; the latency is the time of the smallest message.
    """
    fitting = [each for each in collectives if each.kind == "all_reduce"]
    if not fitting:
        return {}
    last = fitting[-1]
    return {
        "bandwidth": f"{last.bandwidth_bits_per_s / 1e9:.4g} Gbit/s",
        "latency": f"{last.latency_s * 1e6:.4g} us",
    }
