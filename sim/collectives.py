"""What an all-reduce is: its ideal cost, and how it is made of flows between sites.

| symbol | meaning | unit |
|---|---|---|
| S | payload that every peer contributes (parameters times bits, as bytes) | byte |
| R | chips that take part | - |
| M | sites that take part | - |
| W | bandwidth | bit/s |
| e | latency | s |
| o | overhead of an exchange, before its first byte | s |
| n, Wn | chips of a node, and the bandwidth of the network inside it | -, bit/s |

An exchange between sites is: inside, across, inside. The chips of each site first reduce-scatter among themselves,
the sites then exchange one copy of the payload, and the chips of each site gather the sum. The part across is a list
of phases, one after the other: in a phase all its transfers run at once, and it ends when the last of them has
arrived. What happens inside is the same for every algorithm, so `hierarchical` is another name of `ring`. Beside each
algorithm stands its closed form on an uncontended homogeneous mesh (a link of W and e of its own from every site to
every other); the tests hold one against the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes from one site to another, by their position among the members of the collective."""

    source: int
    target: int
    size_bytes: float


@dataclass(frozen=True, slots=True)
class Phase:
    """Transfers that run at once.

    Attributes:
      transfers: between sites.
      rounds: how many dependent messages each transfer is made of; each pays the latency of its route.
    """

    transfers: tuple[Transfer, ...] = ()
    rounds: int = 1


def ideal_all_reduce_s(
    payload_bytes: float,
    peers: float,
    bandwidth_bits_per_s: float,
    latency_s: float,
    overhead_s: float = 0.0,
    node_chips: int = 1,
    node_bandwidth_bits_per_s: float = math.inf,
) -> float:
    """Time of a bandwidth-optimal all-reduce: (2 S / W) (1 - 1/R) + e + o.

    Where chips stand in nodes it goes node by node: (2 S / Wn) (1 - 1/n) + (2 S / n W) (1 - n/R) + e + o.

    Example: 20 GB among 8 chips at 100 Gbit/s with 1 ms: 2 * 1.6e11 / 1e11 * 7/8 + 0.001 = 2.801 s.

    Args:
      payload_bytes: S, what every chip contributes [byte].
      peers: R, chips that take part.
      bandwidth_bits_per_s: W of the narrowest way between them [bit/s].
      latency_s: e, counted once for the whole operation [s].
      overhead_s: o, what it costs before the first byte, likewise [s].
      node_chips: n, chips of a node; 1: there are no nodes.
      node_bandwidth_bits_per_s: Wn, what a chip has to the others of its node [bit/s].

    Returns:
      Seconds until every chip has the sum; 0 for a lone chip, which has nothing to exchange [s].

    Source: arXiv 2503.09799, appendix A; the bound: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    Limits: no contention; a real ring pays the latency 2 (R - 1) times.
    """
    if peers <= 1:
        return 0.0
    half_s = ideal_scatter_s(
        payload_bytes, peers, bandwidth_bits_per_s, 0.0, 0.0, node_chips, node_bandwidth_bits_per_s
    )
    return 2 * half_s + latency_s + overhead_s


def ideal_crossing_bytes(payload_bytes: float, peers: float, datacenters: int) -> float:
    """Bytes that an ideal all-reduce sends across datacenter boundaries, all sites together: P 2 S (1 - 1/R).

    The chips form one ring that enters and leaves each of the P datacenters once; every hop carries 2 S (1 - 1/R).

    Args:
      payload_bytes: S [byte].
      peers: R, chips that take part.
      datacenters: P, sites that they stand in.

    Returns:
      Bytes out of all sites (as many come in); 0 within one site [byte].
    """
    return datacenters * 2 * payload_bytes * (1 - 1 / peers) if datacenters > 1 else 0.0


def ideal_scatter_s(
    payload_bytes: float,
    peers: float,
    bandwidth_bits_per_s: float,
    latency_s: float,
    overhead_s: float = 0.0,
    node_chips: int = 1,
    node_bandwidth_bits_per_s: float = math.inf,
) -> float:
    """Half an all-reduce (a reduce-scatter, or an all-gather): (S / W) (1 - 1/R) + e + o [s].

    Node by node: (S / Wn) (1 - 1/n) + (S / n W) (1 - n/R) + e + o.
    """
    if peers <= 1:
        return 0.0
    of_node = min(node_chips, peers)
    between_s = 8 * payload_bytes / of_node / bandwidth_bits_per_s * (1 - of_node / peers)
    return between_s + 8 * payload_bytes / node_bandwidth_bits_per_s * (1 - 1 / of_node) + latency_s + overhead_s


def one_way_s(payload_bytes: float, bandwidth_bits_per_s: float, latency_s: float, overhead_s: float = 0.0) -> float:
    """From one site to another: S/W + e + o [s]."""
    return 8 * payload_bytes / bandwidth_bits_per_s + latency_s + overhead_s


def ring(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """Each site sends M - 1 pieces of S/M on to the next one to reduce, and as many to spread the sum.

    The pieces follow each other without a gap, so each hop is one transfer of 2 S (M - 1)/M bytes; the first bit
    of a piece cannot leave before the piece before it has come, so the latency is paid 2 (M - 1) times.

    Args:
      payload_bytes: S [byte].
      order: the members in the order of the ring.

    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    Limits: hops of different speed are not held to the pace of the slowest while it is at work; the end is the same.
    """
    sites = len(order)
    size = 2 * payload_bytes * (sites - 1) / sites
    hops = [(order[i], order[(i + 1) % sites]) for i in range(sites)]
    return [Phase(tuple(Transfer(a, b, size) for a, b in hops), rounds=2 * (sites - 1))]


def ring_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """2 (M - 1)/M S/W + 2 (M - 1) e [s]."""
    return 2 * (sites - 1) * (8 * payload_bytes / sites / bandwidth_bits_per_s + latency_s)


def halving_doubling(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """Partners at distance M/2, M/4, ... 1 exchange halves, quarters, ... to reduce, and back again to spread.

    Sites beyond the largest power of two first hand all they have to a partner, and get the sum from it in the end.

    Args:
      payload_bytes: S [byte].
      order: the members; a member's partners follow from its place.

    Source: Thakur, Rabenseifner and Gropp, Int. J. High Perf. Comput. Appl. 19 (2005), section 4.4.
    """
    core = 1 << (len(order).bit_length() - 1)
    extra = range(len(order) - core)
    fold = [Phase(tuple(Transfer(order[core + i], order[i], payload_bytes) for i in extra))] if extra else []
    unfold = [Phase(tuple(Transfer(order[i], order[core + i], payload_bytes) for i in extra))] if extra else []
    halving, distance, size = [], core // 2, payload_bytes / 2
    while distance:
        halving.append(Phase(tuple(Transfer(order[i], order[i ^ distance], size) for i in range(core))))
        distance, size = distance // 2, size / 2
    return [*fold, *halving, *halving[::-1], *unfold]


def halving_doubling_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """2 S/W (1 - 1/m) + 2 log2(m) e with m the largest power of two up to M; 2 (S/W + e) more where m < M [s]."""
    core = 1 << (sites.bit_length() - 1)
    whole_s = 8 * payload_bytes / bandwidth_bits_per_s
    fold_s = 2 * (whole_s + latency_s) if core < sites else 0.0
    return 2 * whole_s * (1 - 1 / core) + 2 * math.log2(core) * latency_s + fold_s


def direct(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """Every site sends each other one its share S/M to reduce, all at once, and the reduced share back to all."""
    pairs = [(a, b) for a in order for b in order if a != b]
    phase = Phase(tuple(Transfer(a, b, payload_bytes / len(order)) for a, b in pairs))
    return [phase, phase]


def direct_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """2 (S/(M W) + e), a link for each pair [s]."""
    return 2 * (8 * payload_bytes / sites / bandwidth_bits_per_s + latency_s)


def star(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """All send everything to a server site, the first of the order, which sends the sum back to all."""
    server, others = order[0], order[1:]
    return [
        Phase(tuple(Transfer(site, server, payload_bytes) for site in others)),
        Phase(tuple(Transfer(server, site, payload_bytes) for site in others)),
    ]


def star_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """2 (S/W + e), a link for each pair [s]."""
    return 2 * (8 * payload_bytes / bandwidth_bits_per_s + latency_s) if sites > 1 else 0.0


Algorithm = Callable[[float, Sequence[int]], list[Phase]]

ALGORITHMS: dict[str, Algorithm] = {
    "ring": ring,
    "chunked-ring": ring,
    "halving-doubling": halving_doubling,
    "direct": direct,
    "star": star,
    "hierarchical": ring,
}
CLOSED_FORMS: dict[str, Callable[[float, int, float, float], float]] = {
    "ring": ring_s,
    "chunked-ring": ring_s,
    "halving-doubling": halving_doubling_s,
    "direct": direct_s,
    "star": star_s,
}
