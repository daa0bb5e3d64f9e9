"""Where the workers of a run stand, which ways join them, and in which order their exchanges take turns."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from ..engine.ops import Collective
from ..topology.model import Route, Topology
from .closed_forms import ideal_scatter_s


@dataclass(frozen=True)
class Placement:
    """Where the workers are.

    Attributes:
      topology: the sites and links.
      sites: the datacenter of each worker.
      chips: how many chips each worker has there.
      jobs: which of several jobs that run together each worker belongs to; empty: there is one.
    """

    topology: Topology
    sites: tuple[str, ...]
    chips: tuple[float, ...]
    jobs: tuple[int, ...] = ()

    def names(self, members: Sequence[int]) -> tuple[str, ...]:
        """The datacenters of some workers."""
        return tuple(self.sites[member] for member in members)

    def peers(self, members: Sequence[int]) -> float:
        """The chips of some workers together."""
        return sum(self.chips[member] for member in members)

    def job(self, worker: int) -> int:
        """The job that a worker belongs to; those of different jobs do not take turns."""
        return self.jobs[worker] if self.jobs else 0

    def scatter_s(self, worker: int, payload_bytes: float) -> float:
        """A reduce-scatter, or an all-gather, among the chips of a worker [s]."""
        return ideal_scatter_s(payload_bytes, self.chips[worker], *self.topology.narrowest((self.sites[worker],)))


def published_route(topology: Topology, sites: Sequence[str], chips: Sequence[float]) -> Route:
    """What the published formula counts on: the narrowest way between the sites, or inside one where that is narrower.

    Its ring goes through every chip, so a site of several chips passes on no more than they do among themselves.

    Args:
      topology: the sites and links.
      sites: who takes part; a single one exchanges inside itself.
      chips: how many each of them has.
    """
    route = topology.narrowest(tuple(sites))
    if len(sites) == 1:
        return route
    inside = [
        topology.narrowest((site,)).bandwidth_bits_per_s for site, count in zip(sites, chips, strict=True) if count > 1
    ]
    return route._replace(bandwidth_bits_per_s=min([route.bandwidth_bits_per_s, *inside]))


def turns(
    collective: Collective, hops: Sequence[Hashable] = (), members: Sequence[int] | None = None
) -> tuple[list[Hashable], list[Hashable]]:
    """What a collective waits for, and what it then takes from those who come later.

    Exchanges inside a site go one after the other, and so do its exchanges with other sites. What goes one way waits
    for what shares a link with it, and for the exchanges of both its ends, as these wait for it.

    Args:
      collective: what begins.
      hops: the links that it crosses, where it goes one way.
      members: those of its members who begin now, unless all do.
    """
    touches = members or collective.touches
    if len(collective.touches) == 1:
        inside: list[Hashable] = [("inside", touches[0])]
        return inside, inside
    among_all: list[Hashable] = [("among all", w) for w in touches]
    one_way: list[Hashable] = [("one way", w) for w in touches]
    if collective.source is None:
        return among_all + one_way, among_all
    return [*hops, *among_all], [*hops, *one_way]
