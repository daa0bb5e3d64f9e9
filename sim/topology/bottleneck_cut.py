"""The bottleneck cut: the two groups of sites with the least bandwidth from one to the other."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Topology


@dataclass(frozen=True)
class Cut:
    """Two groups of sites, and the capacity from the first to the second."""

    from_sites: tuple[str, ...]
    to_sites: tuple[str, ...]
    bandwidth_bits_per_s: float
    """Total capacity of the links across, in that direction [bit/s]."""
    links: tuple[tuple[str, str], ...]
    """The directed links across."""


def bottleneck_cut(topology: Topology) -> Cut | None:
    """The partition of all sites into two groups with the least capacity from one group to the other.

    Every partition separates the first site from some other one, in one direction or the other, so the smallest of the
    minimum cuts from it and to it is exact. Routers are on the side with the smaller cut.

    Returns:
      The cut (the first of equal ones); None for a single site.

    Limits: bandwidths as written, without schedules and outages; traffic may use every link.
    """
    import networkx
    from networkx.algorithms.flow import shortest_augmenting_path

    sites = [site.name for site in topology.datacenters]
    capacity = {hop: link.bandwidth_bits_per_s for hop, link in topology.wires.items()}
    symmetric = all(capacity.get((end, start)) == bits for (start, end), bits in capacity.items())
    best: tuple[float, frozenset[str]] | None = None
    for other in sites[1:]:
        for source, sink in ((sites[0], other), (other, sites[0]))[: 1 if symmetric else 2]:
            bits, (cut, _) = networkx.minimum_cut(
                topology.graph, source, sink, capacity="bandwidth_bits_per_s", flow_func=shortest_augmenting_path
            )
            if best is None or bits < best[0]:
                best = bits, frozenset(cut)
    if best is None:
        return None
    side = best[1]
    across = tuple((start, end) for start, end in capacity if start in side and end not in side)
    return Cut(
        tuple(site for site in sites if site in side),
        tuple(site for site in sites if site not in side),
        sum(capacity[hop] for hop in across),
        across,
    )
