"""Algorithms of an all-reduce between sites: the transfers of each, and its closed form.

| symbol | meaning | unit |
|---|---|---|
| S | payload that every peer contributes (parameters times bits, as bytes) | byte |
| R | chips that take part | - |
| M | sites that take part | - |
| W | bandwidth | bit/s |
| e | latency | s |
| o | overhead of an exchange, before its first byte | s |
| n, Wn | chips of a node, and the bandwidth of the network inside it | -, bit/s |

An exchange between sites has three parts: inside, across, inside. First the chips of each site do a reduce-scatter
among themselves, then the sites exchange one copy of the payload, and last the chips of each site do an all-gather of
the sum. The part across is a list of phases, one after the other. All transfers of a phase run at once, and the phase
ends when the last of them has arrived. The parts inside are the same for every algorithm, so `hierarchical` is another
name of `ring`. The closed form of each algorithm holds on an idle homogeneous full mesh (a separate link with W and e
from every site to every other); tests compare the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..engine.ops import STORE


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
      rounds: number of dependent messages in each transfer; each message pays the latency of its route.
    """

    transfers: tuple[Transfer, ...] = ()
    rounds: int = 1


def ring(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """A ring: each site sends M - 1 chunks of S/M to the next one to reduce them, and as many to spread the sum.

    The chunks follow each other without a gap, so each hop is one transfer of 2 S (M - 1)/M bytes. A chunk cannot leave
    before the chunk before it has arrived, so the latency is paid 2 (M - 1) times.

    Args:
      payload_bytes: S [byte].
      order: the members in the order of the ring.

    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    Limits: a fast hop is not slowed down to the pace of the slowest one meanwhile; the end of the exchange is the same.
    """
    sites = len(order)
    size = 2 * payload_bytes * (sites - 1) / sites
    hops = [(order[i], order[(i + 1) % sites]) for i in range(sites)]
    return [Phase(tuple(Transfer(a, b, size) for a, b in hops), rounds=2 * (sites - 1))]


def ring_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """2 (M - 1)/M S/W + 2 (M - 1) e [s]."""
    return 2 * (sites - 1) * (8 * payload_bytes / sites / bandwidth_bits_per_s + latency_s)


def halving_doubling(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """Halving-doubling: partners at distance M/2, M/4, ..., 1 exchange S/2, S/4, ... to reduce, and back to spread.

    Sites beyond the largest power of two first send their whole payload to a partner, and get the sum from it last.

    Args:
      payload_bytes: S [byte].
      order: the members; the partners of a member follow from its position.

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
    """Direct: every site sends S/M to each other site, which reduces it, and then its reduced share to all others."""
    pairs = [(a, b) for a in order for b in order if a != b]
    phase = Phase(tuple(Transfer(a, b, payload_bytes / len(order)) for a, b in pairs))
    return [phase, phase]


def direct_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """2 (S/(M W) + e), a link for each pair [s]."""
    return 2 * (8 * payload_bytes / sites / bandwidth_bits_per_s + latency_s)


def star(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """Star: all sites send their payload to a server site, the first of the order, which sends the sum back to all."""
    server, others = order[0], order[1:]
    return [
        Phase(tuple(Transfer(site, server, payload_bytes) for site in others)),
        Phase(tuple(Transfer(server, site, payload_bytes) for site in others)),
    ]


def star_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """2 (S/W + e), a link for each pair [s]."""
    return 2 * (8 * payload_bytes / bandwidth_bits_per_s + latency_s) if sites > 1 else 0.0


def ring_gather(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """All-gather on a ring: each site passes M - 1 payloads on to the next one, without a gap between them."""
    sites = len(order)
    hops = [(order[i], order[(i + 1) % sites]) for i in range(sites)]
    return [Phase(tuple(Transfer(a, b, (sites - 1) * payload_bytes) for a, b in hops), rounds=sites - 1)]


def ring_gather_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """(M - 1) (S/W + e) [s]."""
    return (sites - 1) * (8 * payload_bytes / bandwidth_bits_per_s + latency_s)


def direct_gather(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """All-gather at once: every site sends its payload to each other site."""
    return [Phase(tuple(Transfer(a, b, payload_bytes) for a in order for b in order if a != b))]


def direct_gather_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """S/W + e, a link for each pair [s]."""
    return 8 * payload_bytes / bandwidth_bits_per_s + latency_s if sites > 1 else 0.0


def star_gather(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """All-gather by a server site, the first of the order, which sends each other site the payloads of all the rest."""
    server, others = order[0], order[1:]
    return [
        Phase(tuple(Transfer(site, server, payload_bytes) for site in others)),
        Phase(tuple(Transfer(server, site, len(others) * payload_bytes) for site in others)),
    ]


def star_gather_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """M S/W + 2 e, a link for each pair [s]."""
    return sites * 8 * payload_bytes / bandwidth_bits_per_s + 2 * latency_s if sites > 1 else 0.0


def via_store(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """Through a store: every site puts its payload in once, and then reads those of all others.

    It is an all-gather, and the site sums what it has read where an all-reduce is wanted: there is nobody on the way
    who could.
    """
    return [
        Phase(tuple(Transfer(site, STORE, payload_bytes) for site in order)),
        Phase(tuple(Transfer(STORE, site, (len(order) - 1) * payload_bytes) for site in order)),
    ]


def via_store_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """S/W + e up, and (M - 1) S/W + e down, each site with links of its own to the store [s]."""
    return sites * 8 * payload_bytes / bandwidth_bits_per_s + 2 * latency_s


Algorithm = Callable[[float, Sequence[int]], list[Phase]]

ALGORITHMS: dict[str, Algorithm] = {
    "ring": ring,
    "chunked-ring": ring,
    "halving-doubling": halving_doubling,
    "direct": direct,
    "star": star,
    "hierarchical": ring,
    "store": via_store,
}
GATHERS: dict[str, Algorithm] = {
    "ring": ring_gather,
    "chunked-ring": ring_gather,
    "halving-doubling": direct_gather,
    "direct": direct_gather,
    "star": star_gather,
    "hierarchical": ring_gather,
    "store": via_store,
}
"""How each algorithm gathers; halving-doubling has nothing to halve, and sends directly."""
GATHER_FORMS: dict[str, Callable[[float, int, float, float], float]] = {
    "ring": ring_gather_s,
    "chunked-ring": ring_gather_s,
    "halving-doubling": direct_gather_s,
    "direct": direct_gather_s,
    "star": star_gather_s,
}
CLOSED_FORMS: dict[str, Callable[[float, int, float, float], float]] = {
    "ring": ring_s,
    "chunked-ring": ring_s,
    "halving-doubling": halving_doubling_s,
    "direct": direct_s,
    "star": star_s,
}
