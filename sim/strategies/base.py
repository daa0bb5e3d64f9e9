"""What every strategy is: parameters, a program of ops for each worker, and its closed form or bound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import Field

from ..collectives import ideal_all_reduce_s, ideal_scatter_s
from ..document import Frozen
from ..hosts import Place
from ..load import Load
from ..ops import Collective, Compute, Op, Start, Wait
from ..topology import Route
from ..units import Bits, Latency


@dataclass(frozen=True)
class Setting:
    """What a strategy runs in.

    Attributes:
      load: the workload, spread over the workers.
      inside: the network inside the datacenter of each worker, W0 and e0.
      across: the narrowest way between the datacenters, W1 and e1; their own network where there is one datacenter.
      places: of each worker that can be slowed down by others there, None elsewhere; empty: nobody shares a host.
      behind_backward: whether the gradients of each worker are exchanged behind its backward pass inside its
        datacenter; empty: nobody's are.
      parts_inside: whether an exchange between sites has parts inside them (the published formula has none).
      way: what the route between two of the workers offers, where it differs from `across`.
    """

    load: Load
    inside: tuple[Route, ...]
    across: Route
    places: tuple[Place | None, ...] = ()
    behind_backward: tuple[bool, ...] = ()
    parts_inside: bool = False
    way: Callable[[int, int], Route] | None = None

    @property
    def shares_compute(self) -> bool:
        """Whether any of the workers can be slowed down by others that compute on its host."""
        return any(self.places)

    @property
    def workers(self) -> int:
        """Datacenters that take part."""
        return len(self.inside)

    @property
    def everyone(self) -> tuple[int, ...]:
        """All workers, as members of a collective."""
        return tuple(range(self.workers))

    def across_s(self, payload_bytes: float) -> float:
        """Ideal exchange of a payload among all R chips: (2S/W1)(1 - 1/R) + e1, and what it costs to start [s]."""
        return ideal_all_reduce_s(payload_bytes, self.load.chips, *self.across)

    def sending_s(self, payload_bytes: float) -> float:
        """The same for its bytes alone: how long the way between the datacenters is busy with them [s]."""
        return ideal_all_reduce_s(payload_bytes, self.load.chips, *self.across._replace(latency_s=0.0, overhead_s=0.0))

    def route(self, start: int, end: int) -> Route:
        """What the route from one worker to another offers."""
        return self.across if self.way is None else self.way(start, end)

    def inside_s(self, worker: int) -> float:
        """Ideal exchange of gradients inside the datacenter of a worker: (2Nb/W0)(1 - M/R) + e0 [s].

        0 where the seconds of a step hold it already.
        """
        return 0.0 if self.load.inside_included else self._all_reduce_s(worker, self.load.gradient_bytes)

    def scatter_s(self, worker: int, payload_bytes: float) -> float:
        """Half such an exchange of a payload: a reduce-scatter, or an all-gather, among the worker's chips [s]."""
        return ideal_scatter_s(payload_bytes, self.load.deal.worker_chips[worker], *self.inside[worker])

    def inside_exposed_s(self, worker: int) -> float:
        """What the exchange inside adds to a mean step: all of it, or what the backward pass does not hide [s].

        Gradients are ready evenly over the backward pass; the latency shows in any case: e0 + max(0, bytes - backward).
        """
        return self._exposed_s(worker, self.inside_s(worker), self.inside[worker].latency_s)

    def gradients_behind_s(self, payload_bytes: float) -> float:
        """Of an exchange of gradients among all workers, how much of its parts inside is behind the backward pass [s].

        With a single worker that is its exchange inside; else the reduce-scatter and the all-gather of the slowest.
        """
        if self.load.inside_included or not (self.parts_inside or self.workers == 1):
            return 0.0
        if self.workers == 1:
            whole_s = self._all_reduce_s(0, payload_bytes)
            return whole_s - self._exposed_s(0, whole_s, self.inside[0].latency_s)
        whole = [2 * self.scatter_s(worker, payload_bytes) for worker in self.everyone]
        shown = [self._exposed_s(w, each, 2 * self.inside[w].latency_s) for w, each in enumerate(whole)]
        return max(whole) - max(shown)

    def spanning_exposed_s(self, payload_bytes: float) -> float:
        """What an exchange of gradients among all workers adds to a step by the published formula [s].

        A single worker has it inside its datacenter, where the backward pass or the measured seconds may hold it.
        """
        if self.workers == 1 and self.load.inside_included:
            return 0.0
        behind_s = self.gradients_behind_s(payload_bytes) if self.workers == 1 else 0.0
        return self.across_s(payload_bytes) - behind_s

    def _all_reduce_s(self, worker: int, payload_bytes: float) -> float:
        return ideal_all_reduce_s(payload_bytes, self.load.deal.worker_chips[worker], *self.inside[worker])

    def _exposed_s(self, worker: int, whole_s: float, latency_s: float) -> float:
        if not self.behind_backward or not self.behind_backward[worker] or not whole_s:
            return whole_s
        backward_s = (1 - self.load.forward_share) * self.load.mean_step_s[worker]
        return latency_s + max(0.0, whole_s - latency_s - backward_s)

    def gradients(self, payload_bytes: float) -> Callable[[int], Collective]:
        """The exchange of all gradients among all workers after a step, as a whole, by the number of the step."""
        everyone, behind_s, unpaid = (
            self.everyone,
            self.gradients_behind_s(payload_bytes),
            not self.load.inside_included,
        )

        def of(step: int) -> Collective:
            return Collective("gradients", step, everyone, payload_bytes, behind_s=behind_s, parts_inside=unpaid)

        return of


def rounds_of(steps: int, every: int, *, closing: bool) -> Iterator[tuple[int, int, int, bool]]:
    """Number, first step, and the step after the last, of each round of a run; and whether an exchange ends it.

    Args:
      steps: T.
      every: H.
      closing: whether a last round that is shorter than H ends with an exchange, too.
    """
    for index, first in enumerate(range(0, steps, every)):
        end = min(first + every, steps)
        yield index, first, end, closing or end - first == every


def open_end(closing: bool) -> str:
    """What a label says of a run without its closing exchange; starts with a blank."""
    return "" if closing else " open end"


def count_rounds(steps: int, every: int, *, closing: bool) -> int:
    """How many exchanges these are: T/H, rounded up or down."""
    return -(-steps // every) if closing else steps // every


class AbstractStrategy(Frozen, ABC):
    """An algorithm. Final subclasses hold its parameters; nothing here has a clock.

    The fields below say what its exchange across datacenters carries: of gradients where it synchronises every step,
    else of parameter changes.
    """

    payload_bits: Bits | None = Field(default=None, examples=[4])
    """Bits per exchanged parameter; those of the workload unless given [bit]."""
    payload_factor: float = Field(default=1.0, ge=1e-6, le=1e6, allow_inf_nan=False, examples=[1.0])
    """What the payload is multiplied by: headers, scales of quantised blocks; or 0.8 to match published tables."""
    compression_ratio: float = Field(default=1.0, ge=1e-6, le=1e6, allow_inf_nan=False, examples=[100])
    """How many times smaller a sparse or low-rank payload is."""
    compression_time: Latency | None = Field(default=None, examples=["50 ms"])
    """Seconds that a worker computes for one exchange of the whole model, beside its inner steps [s].

    To compress it and to restore the result; and, in an outer step, the outer optimizer's own arithmetic. Unless given,
    an outer step has what the workload's trace measured (its records `outer-step`), and anything else nothing.
    """

    @property
    @abstractmethod
    def label(self) -> str:
        """The strategy with its parameters, for people."""

    @property
    @abstractmethod
    def replica_count(self) -> int:
        """Replicas M."""

    @property
    @abstractmethod
    def steps_per_sync(self) -> int:
        """Inner steps H from one exchange between all workers to the next."""

    @property
    @abstractmethod
    def drains(self) -> bool:
        """Whether all workers meet at every synchronisation, and nothing is under way when they go on."""

    @property
    def blocking(self) -> bool:
        """Whether a worker stands still for each of its exchanges at once."""
        return self.drains and not self.by_layer

    @property
    def repeats(self) -> bool:
        """Whether a long run repeats itself; all that meet do."""
        return True

    @property
    def by_layer(self) -> bool:
        """Whether it needs to know how many layers there are."""
        return False

    @abstractmethod
    def workers(self, datacenters: int) -> int:
        """How many datacenters the strategy uses of those that there are."""

    @abstractmethod
    def outer_steps(self, steps: int) -> int:
        """Outer steps in a run of `steps` inner steps, as a replay makes them: whole ones."""

    def worker_steps(self, worker: int, setting: Setting) -> int:
        """Inner steps that a worker makes."""
        return setting.load.steps

    @abstractmethod
    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """The ops of one worker, from the first step to the last."""

    @abstractmethod
    def ideal_s(self, setting: Setting) -> float | None:
        """The closed form of the wall-clock, compute included, or None where none applies [s]."""

    def closed_form_s(self, setting: Setting) -> float | None:
        """`ideal_s` where every worker computes at its own pace; None where workers share a host's compute [s]."""
        return None if setting.shares_compute else self.ideal_s(setting)

    @abstractmethod
    def link_s(self, setting: Setting) -> float:
        """How long the way between the datacenters is busy in a run, at the least, latencies left out [s]."""

    def bound_s(self, setting: Setting) -> float:
        """A wall-clock that no run can fall below: all compute of the slowest worker, or the link's work [s].

        Limits: compute as it is with a host to itself. Workers that share one take longer, so it stays a bound.
        """
        load = setting.load
        compute_s = max(load.compute_s(worker, 0, self.worker_steps(worker, setting)) for worker in setting.everyone)
        return max(compute_s, self.link_s(setting))

    def payload_bytes(self, setting: Setting, asked_bytes: float) -> float:
        """What an exchange of all parameters across datacenters carries, of the `asked_bytes` of the workload."""
        whole = setting.load.params * self.payload_bits / 8 if self.payload_bits else asked_bytes
        return whole * self.payload_factor / self.compression_ratio

    def outer_bytes(self, setting: Setting) -> float:
        """Payload of an outer step [byte]."""
        return self.payload_bytes(setting, setting.load.outer_bytes)

    def payload_label(self) -> str:
        """What differs from the workload's payload, for a label; starts with a blank."""
        parts = [f"{self.payload_bits:g}-bit"] if self.payload_bits else []
        parts += [f"x{self.payload_factor:g}"] if self.payload_factor != 1 else []
        parts += [f"1/{self.compression_ratio:g}"] if self.compression_ratio != 1 else []
        parts += [f"+{self.compression_time:g}s"] if self.compression_time else []
        return "".join(f" {part}" for part in parts)

    def packing_s(self, setting: Setting) -> float:
        """Compute for one exchange of the whole model: as given, else what outer steps took in a recording [s]."""
        if self.compression_time is not None:
            return self.compression_time
        return setting.load.outer_step_s if self.outer_steps(setting.load.steps) else 0.0

    def start(self, setting: Setting, collective: Collective, share: float = 1.0) -> Iterator[Op]:
        """Packs a share of the parameters, where that takes time, and joins the exchange of them."""
        if packing_s := self.packing_s(setting):
            yield Compute(packing_s * share, steps=0, useful=False)
        yield Start(collective)

    def exchange(self, setting: Setting, collective: Collective) -> Iterator[Op]:
        """An exchange of all parameters that its members stand still for."""
        yield from self.start(setting, collective)
        yield Wait(collective)


def inner_steps(
    worker: int, setting: Setting, first: int, count: int, behind_s: float | None = None, *, one_by_one: bool = False
) -> Iterator[Op]:
    """Some inner steps whose gradients are exchanged inside the worker's datacenter.

    Nobody else is met, so all the steps are one op and their exchanges another; not so where it matters to others who
    compute on the same host, or to an exchange under way, when the worker computes and when it does not.

    Args:
      worker: whose steps.
      setting: what it runs in.
      first: the first step, from 0.
      count: how many.
      behind_s: how much of each exchange runs behind the step's own backward pass, unless as the setting says [s].
      one_by_one: whether each step has ops of its own.
    """
    if count:
        if behind_s is None:
            behind_s = setting.inside_s(worker) - setting.inside_exposed_s(worker)
        at_once = 1 if one_by_one or (setting.places and setting.places[worker]) else count
        for step in range(first, first + count, at_once):
            yield Compute(setting.load.compute_s(worker, step, at_once), at_once)
            yield from inside(worker, setting, step, at_once, behind_s)


def spanning_steps(worker: int, setting: Setting, first: int, count: int) -> Iterator[Op]:
    """Some inner steps of a replica that spans all datacenters: its gradients cross them at every step."""
    load = setting.load
    gradients = setting.gradients(load.gradient_bytes)
    for step in range(first, first + count):
        each = gradients(step)
        yield from (Compute(load.compute_s(worker, step, 1)), Start(each), Wait(each))


def inside(worker: int, setting: Setting, first: int, count: int, behind_s: float = 0.0) -> Iterator[Op]:
    """The exchanges of gradients of some steps inside the worker's datacenter.

    A lone chip has none, nor have steps whose seconds hold it already.
    """
    if setting.load.deal.worker_chips[worker] <= 1 or setting.load.inside_included:
        return
    gradients = Collective("gradients", first, (worker,), setting.load.gradient_bytes, count, behind_s=behind_s)
    yield Start(gradients)
    yield Wait(gradients)
