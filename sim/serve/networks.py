"""What the page must know of a topology that ships before it asks anything about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ..topology.model import load_topology, read_topology, topology_path


@dataclass(frozen=True)
class Network:
    """A topology that ships, in a few numbers.

    Attributes:
      sites: how many datacenters.
      bandwidths, latencies: of its links, in their order [bit/s, s].
      generated: whether its file has one bandwidth and one latency for all links, under `generate`.
      chips: of all sites together; None where it says none.
    """

    sites: int
    bandwidths: tuple[float, ...]
    latencies: tuple[float, ...]
    generated: bool
    chips: int | None

    def values(self, field: str) -> tuple[float, ...]:
        """The `bandwidth` or the `latency` of every link."""
        return self.bandwidths if field == "bandwidth" else self.latencies

    def common(self, field: str) -> float | None:
        """What all links have alike; None where they differ, or there are none."""
        values = set(self.values(field))
        return values.pop() if len(values) == 1 else None


@lru_cache(maxsize=256)
def network(name: str) -> Network:
    """The topology of that name; the file is read once, as it never changes while the program runs."""
    topology = load_topology(name)
    document, _ = read_topology(topology_path(name))
    chips = [site.chips for site in topology.datacenters]
    return Network(
        sites=len(topology.datacenters),
        bandwidths=tuple(link.bandwidth_bits_per_s for link in topology.links),
        latencies=tuple(link.latency_s for link in topology.links),
        generated="generate" in document,
        chips=sum(each or 0 for each in chips) if all(chips) else None,
    )
