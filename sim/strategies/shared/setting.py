"""The setting of a strategy: the load of its workers, and the network between them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property

from ...engine.ops import Collective, group
from ...network.closed_forms import ideal_all_reduce_s, ideal_scatter_s
from ...topology.hosts import Place
from ...topology.model import Route
from ...workload.load import Load


@dataclass(frozen=True)
class Setting:
    """The setting of a strategy.

    Attributes:
      load: the workload, divided among the workers.
      inside: the network inside the datacenter of each worker, W0 and e0.
      across: the narrowest route between the datacenters, W1 and e1; for a single datacenter its own network.
      places: the host of each worker that others can slow down, None for the others; empty: no shared hosts.
      behind_backward: for each worker, whether its exchange of gradients inside its datacenter runs behind its backward
        pass; empty: none does.
      parts_inside: whether an exchange between sites has parts inside them (the published formula has none).
      way: the route between two workers, if it differs from `across`.
      hops: the links from one worker to another, each with its bandwidth [bit/s]; None: no two ways share a link.
      sites: the names of the workers' datacenters; empty: nobody asks by name.
    """

    load: Load
    inside: tuple[Route, ...]
    across: Route
    places: tuple[Place | None, ...] = ()
    behind_backward: tuple[bool, ...] = ()
    parts_inside: bool = False
    way: Callable[[int, int], Route] | None = None
    hops: Callable[[int, int], dict[Hashable, float]] | None = None
    sites: tuple[str, ...] = ()

    @property
    def shares_compute(self) -> bool:
        """Whether any worker can be slowed down by others on its host."""
        return any(self.places)

    @property
    def workers(self) -> int:
        """Number of workers; each is in its own datacenter."""
        return len(self.inside)

    @cached_property
    def everyone(self) -> tuple[int, ...]:
        """All workers, as members of a collective."""
        return group(range(self.workers))

    def across_s(self, payload_bytes: float) -> float:
        """Ideal exchange of a payload among all R chips, with its overhead: (2S/W1)(1 - 1/R) + e1 + o1 [s]."""
        return ideal_all_reduce_s(payload_bytes, self.load.chips, *self.across)

    def sending_s(self, payload_bytes: float) -> float:
        """The time for which such an exchange occupies the route between the datacenters, without latency [s].

        0 for a single datacenter if the measured times contain its exchanges.
        """
        if self.workers == 1 and self.load.inside_included:
            return 0.0
        return ideal_all_reduce_s(payload_bytes, self.load.chips, *self.across._replace(latency_s=0.0, overhead_s=0.0))

    def route(self, start: int, end: int) -> Route:
        """The route from one worker to another."""
        return self.across if self.way is None else self.way(start, end)

    def inside_s(self, worker: int) -> float:
        """Ideal exchange of gradients inside the datacenter of a worker: (2Nb/W0)(1 - M/R) + e0 [s].

        0 if the time of a step contains it already.
        """
        return 0.0 if self.load.inside_included else self._all_reduce_s(worker, self.load.gradient_bytes)

    def scatter_s(self, worker: int, payload_bytes: float) -> float:
        """Half such an exchange of a payload: a reduce-scatter, or an all-gather, among the worker's chips [s]."""
        return ideal_scatter_s(payload_bytes, self.load.deal.worker_chips[worker], *self.inside[worker])

    def inside_exposed_s(self, worker: int) -> float:
        """Exposed time of the exchange inside in a mean step: all of it, or what the backward pass does not hide [s].

        Gradients get ready evenly over the backward pass. The latency is always exposed: e0 + max(0, bytes - backward).
        """
        return self._exposed_s(worker, self.inside_s(worker), self.inside[worker].latency_s)

    @cached_property
    def inside_behind_s(self) -> tuple[float, ...]:
        """What the backward pass of each worker hides of such an exchange in a mean step [s]."""
        return tuple(self.inside_s(worker) - self.inside_exposed_s(worker) for worker in self.everyone)

    def gradients_behind_s(
        self,
        payload_bytes: float,
        members: tuple[int, ...] | None = None,
        backward_s: tuple[float, ...] | None = None,
    ) -> float:
        """The hidden time of the parts inside of an exchange of gradients among some workers [s].

        For a single worker the part inside is its whole exchange; else the reduce-scatter and the all-gather of the
        slowest worker.

        Args:
          payload_bytes: of the exchange [byte].
          members: the workers; None: all.
          backward_s: the backward pass behind which each of them exchanges; None: that of a mean step [s].
        """
        members = self.everyone if members is None else members
        if self.load.inside_included or not (self.parts_inside or len(members) == 1):
            return 0.0
        key = payload_bytes, members, backward_s
        if key not in self._behind_s:  # a cache, as every worker asks for it
            halves = 1 if len(members) == 1 else 2
            exchange_s = self._all_reduce_s if len(members) == 1 else self.scatter_s
            whole = [halves * exchange_s(worker, payload_bytes) for worker in members]
            behind = backward_s or (None,) * len(members)
            shown = [
                self._exposed_s(worker, each, halves * self.inside[worker].latency_s, own_s)
                for worker, each, own_s in zip(members, whole, behind, strict=True)
            ]
            self._behind_s[key] = max(whole) - max(shown)
        return self._behind_s[key]

    @cached_property
    def _behind_s(self) -> dict[Hashable, float]:
        return {}

    def spanning_exposed_s(self, payload_bytes: float) -> float:
        """Exposed time of an exchange of gradients among all workers by the published formula [s].

        For a single worker the exchange is inside its datacenter: the backward pass may hide it, or the measured times
        may contain it.
        """
        if self.workers == 1 and self.load.inside_included:
            return 0.0
        behind_s = self.gradients_behind_s(payload_bytes) if self.workers == 1 else 0.0
        return self.across_s(payload_bytes) - behind_s

    def _all_reduce_s(self, worker: int, payload_bytes: float) -> float:
        return ideal_all_reduce_s(payload_bytes, self.load.deal.worker_chips[worker], *self.inside[worker])

    def _exposed_s(self, worker: int, whole_s: float, latency_s: float, backward_s: float | None = None) -> float:
        if not self.behind_backward or not self.behind_backward[worker] or not whole_s:
            return whole_s
        if backward_s is None:
            backward_s = (1 - self.load.forward_share) * self.load.mean_step_s[worker]
        return latency_s + max(0.0, whole_s - latency_s - backward_s)

    def gradients_inside(self, worker: int, count: int, behind_s: float) -> Collective | None:
        """So many exchanges of all gradients inside the datacenter of a worker; None if there are none to make.

        There are none for a single chip, or if the times of the steps contain them already.

        Args:
          worker: the worker.
          count: how many, in a row.
          behind_s: the part of each that runs behind compute [s].
        """
        if self.load.deal.worker_chips[worker] <= 1 or self.load.inside_included:
            return None
        key = worker, count, behind_s
        if key not in self._inside:  # a cache, as every step asks for it
            self._inside[key] = Collective(
                "gradients", 0, (worker,), self.load.gradient_bytes, count, behind_s=behind_s
            )
        return self._inside[key]

    @cached_property
    def _inside(self) -> dict[tuple[int, int, float], Collective]:
        return {}

    def gradients(self, payload_bytes: float) -> Callable[[int], Collective]:
        """A function from the number of a step to the exchange of all gradients among all workers after it."""
        everyone, behind_s, unpaid = (
            self.everyone,
            self.gradients_behind_s(payload_bytes),
            not self.load.inside_included,
        )

        def of(step: int) -> Collective:
            return Collective("gradients", step, everyone, payload_bytes, behind_s=behind_s, parts_inside=unpaid)

        return of
