"""Closed forms of exchanges: the published cost of an all-reduce, its bytes between sites, and a one-way transfer."""

from __future__ import annotations

import math


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

    With chips in nodes it is hierarchical: (2 S / Wn) (1 - 1/n) + (2 S / n W) (1 - n/R) + e + o.

    Example: 20 GB among 8 chips at 100 Gbit/s with 1 ms: 2 * 1.6e11 / 1e11 * 7/8 + 0.001 = 2.801 s.

    Args:
      payload_bytes: S, the contribution of every chip [byte].
      peers: R, chips that take part.
      bandwidth_bits_per_s: W of the narrowest route between them [bit/s].
      latency_s: e, counted once for the whole operation [s].
      overhead_s: o, time before the first byte, counted once, too [s].
      node_chips: n, chips of a node; 1: no nodes.
      node_bandwidth_bits_per_s: Wn, bandwidth of a chip to the others of its node [bit/s].

    Returns:
      Time until every chip has the sum; 0 for a single chip [s].

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
      datacenters: P, their sites.

    Returns:
      Bytes sent by all sites together; 0 for a single site [byte].
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

    With chips in nodes: (S / Wn) (1 - 1/n) + (S / n W) (1 - n/R) + e + o.
    """
    if peers <= 1:
        return 0.0
    of_node = min(node_chips, peers)
    between_s = 8 * payload_bytes / of_node / bandwidth_bits_per_s * (1 - of_node / peers)
    return between_s + 8 * payload_bytes / node_bandwidth_bits_per_s * (1 - 1 / of_node) + latency_s + overhead_s


def ideal_gather_s(
    payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float, overhead_s: float = 0.0
) -> float:
    """Time of an all-gather between sites, each of which gets the payloads of all others: (M - 1) S/W + e + o [s].

    Args:
      payload_bytes: S, the contribution of each site [byte].
      sites: M.
      bandwidth_bits_per_s: W of the narrowest route between them [bit/s].
      latency_s: e, counted once, as in an all-reduce [s].
      overhead_s: o, time before the first byte [s].
    """
    if sites <= 1:
        return 0.0
    return (sites - 1) * 8 * payload_bytes / bandwidth_bits_per_s + latency_s + overhead_s


def one_way_s(payload_bytes: float, bandwidth_bits_per_s: float, latency_s: float, overhead_s: float = 0.0) -> float:
    """Time of a transfer from one site to another: S/W + e + o [s]."""
    return 8 * payload_bytes / bandwidth_bits_per_s + latency_s + overhead_s
