"""What an exchange costs when nothing else is on the wire.

| symbol | meaning | unit |
|---|---|---|
| S | payload that every chip contributes (parameters times bits, as bytes) | byte |
| R | chips that take part | - |
| W | bandwidth | bit/s |
| e | latency | s |
"""

from __future__ import annotations


def ideal_all_reduce_s(payload_bytes: float, peers: float, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """Time of a bandwidth-optimal all-reduce: (2 S / W) (1 - 1/R) + e.

    Example: 20 GB among 8 chips at 100 Gbit/s with 1 ms: 2 * 1.6e11 / 1e11 * 7/8 + 0.001 = 2.801 s.

    Args:
      payload_bytes: S, what every chip contributes [byte].
      peers: R, chips that take part.
      bandwidth_bits_per_s: W of the narrowest way between them [bit/s].
      latency_s: e, counted once for the whole operation [s].

    Returns:
      Seconds until every chip has the sum; 0 for a lone chip, which has nothing to exchange [s].
    Source: arXiv 2503.09799, appendix A; the bound: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    Limits: no contention; a real ring pays the latency 2 (R - 1) times.
    """
    if peers <= 1:
        return 0.0
    return 2 * 8 * payload_bytes / bandwidth_bits_per_s * (1 - 1 / peers) + latency_s


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
