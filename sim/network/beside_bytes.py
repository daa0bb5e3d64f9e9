"""What an exchange takes beside its bytes over links: opening connections, and work at its ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ..engine.ops import Collective
from ..topology.links import Transport
from ..topology.model import Topology
from .collectives import Phase


def opening_s(transport: Transport, collective: Collective) -> float:
    """How much longer an exchange among sites takes in the first round of a run, as it opens their connections [s].

    Gradients and outer steps have a first round each; of an exchange in parts the first part pays.

    Limits: exchanges of later rounds pay nothing, also among sites that meet only then; neither does what goes one way.
    """
    first = collective.index == 0 and collective.part == 0 and collective.source is None
    return transport.first_exchange_s if first and len(collective.members) > 1 else 0.0


def endpoints(topology: Topology) -> dict[str, float]:
    """The sites whose programs handle bytes at a bandwidth of their own, with that bandwidth [bit/s]."""
    return {site.name: site.endpoint_bits_per_s for site in topology.datacenters if site.endpoint_bits_per_s}


def handling_s(phase: Phase, site: Callable[[int], str], rates: Mapping[str, float]) -> float:
    """How long a phase takes longer because ends handle bytes, and each serves one peer after another [s].

    At every end that is max(sent, received) less the largest transfer, over its bandwidth: the largest one is handled
    while it is on its way, at that bandwidth at most, and the others in turn. The slowest end counts.

    Example: five sites at 1 Gbit/s that send 100 MB to each other: 3 x 100 MB at 1 Gbit/s = 2.4 s beside the transfers.

    Args:
      phase: its transfers, by worker.
      site: the name of each end of a transfer.
      rates: bandwidths of `endpoints`.

    Limits: nothing of the others is handled behind the largest one. A site alone with one peer adds nothing.
    """
    if not rates:
        return 0.0
    by_end: dict[tuple[str, int], list[float]] = {}
    for transfer in phase.transfers:
        for way, worker in (("out", transfer.source), ("in", transfer.target)):
            by_end.setdefault((way, worker), []).append(transfer.size_bytes)
    return max(
        (
            8 * (math.fsum(sizes) - max(sizes)) / rates.get(site(worker), math.inf)
            for (_, worker), sizes in by_end.items()
        ),
        default=0.0,
    )
