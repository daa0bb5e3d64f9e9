"""The sites of the workers of a run, the routes between them, and the order of their exchanges."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..engine.ops import STORE, Collective
from ..topology.model import Route, Topology
from .closed_forms import ideal_scatter_s
from .collectives import Phase


@dataclass(frozen=True)
class Placement:
    """The sites of the workers.

    Attributes:
      topology: the sites and links.
      sites: the datacenter of each worker.
      chips: number of chips of each worker.
      jobs: the job of each worker, if several jobs run together; empty for a single job.
    """

    topology: Topology
    sites: tuple[str, ...]
    chips: tuple[float, ...]
    jobs: tuple[int, ...] = ()

    def names(self, members: Sequence[int]) -> tuple[str, ...]:
        """The datacenters of some workers."""
        return tuple(self.site(member) for member in members)

    def site(self, end: int) -> str:
        """Where one end of a transfer is: the datacenter of a worker, or the router of the store."""
        if end != STORE:
            return self.sites[end]
        assert self.topology.store is not None, "a scenario is checked for the store that it needs"
        return self.topology.store.at

    def asked_s(self, phase: Phase) -> float:
        """What the transfers of a phase wait for before their first byte, if they ask a store [s]."""
        store = self.topology.store
        if store is None or not any(STORE in (each.source, each.target) for each in phase.transfers):
            return 0.0
        return store.request_s

    def peers(self, members: Sequence[int]) -> float:
        """The chips of some workers together."""
        return sum(self.chips[member] for member in members)

    def job(self, worker: int) -> int:
        """The job of a worker; exchanges of different jobs do not wait for each other."""
        return self.jobs[worker] if self.jobs else 0

    def parts_inside_s(self, collective: Collective, members: Sequence[int]) -> tuple[float, float]:
        """The times of the parts of an exchange inside the sites, at its beginning and at its end [s].

        Args:
          collective: the exchange.
          members: its members that begin and end together; the slowest of them decides.
        """
        touches = collective.touches
        if len(touches) == 1 or not collective.parts_inside or collective.shape == "all-gather":
            return 0.0, 0.0
        each_s = max(self.scatter_s(worker, collective.payload_bytes) for worker in members)
        if collective.source is not None:  # the sender does a reduce-scatter at first, the receiver an all-gather last
            return (each_s, 0.0) if collective.source in members else (0.0, each_s)
        hidden_s = min(collective.behind_s, each_s)
        return each_s - hidden_s, each_s - min(collective.behind_s - hidden_s, each_s)

    def scatter_s(self, worker: int, payload_bytes: float) -> float:
        """A reduce-scatter, or an all-gather, among the chips of a worker [s]."""
        key = worker, payload_bytes
        if key not in self._scatters:  # a cache, as every exchange asks for it
            route = self.topology.narrowest((self.sites[worker],))
            self._scatters[key] = ideal_scatter_s(payload_bytes, self.chips[worker], *route)
        return self._scatters[key]

    @cached_property
    def _scatters(self) -> dict[tuple[int, float], float]:
        return {}


def published_route(topology: Topology, sites: Sequence[str], chips: Sequence[float]) -> Route:
    """The route of the published formula: the narrowest between the sites, or inside one if that is narrower.

    Its ring goes through every chip, so the network inside a site of several chips is part of the ring.

    Args:
      topology: the sites and links.
      sites: the members; a single site exchanges inside itself.
      chips: number of chips of each.
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
    """The resources for which a collective waits, and those that it occupies for later ones.

    The exchanges inside a site run one after the other, and so do its exchanges with other sites. A one-way transfer
    waits for one-way transfers that share a link with it, and for the exchanges of both its ends; these wait for it.

    Args:
      collective: the exchange that begins.
      hops: the links of a one-way transfer.
      members: the members that begin now; None: all.
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
