"""What every strategy is: parameters, a program of ops for each worker, and its closed form or bound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from pydantic import Field

from ...documents.validation import Frozen
from ...engine.ops import Collective, Compute, Op, Start, Wait
from ...units.quantities import Bits, Latency
from .setting import Setting


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


def told_apart(labels: Sequence[str]) -> list[str]:
    """Labels of rows that stand beside each other: one that is there already has a number behind it."""
    return [
        f"{label} ({earlier + 1})" if (earlier := labels[:place].count(label)) else label
        for place, label in enumerate(labels)
    ]


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

        Limits: compute as it is with a host to itself. Workers that share one take longer, so it stays a bound. Flows
        count sites and choose their ways, so what the formula says of the link binds them not: compute alone.
        """
        load = setting.load
        compute_s = max(load.compute_s(worker, 0, self.worker_steps(worker, setting)) for worker in setting.everyone)
        by_formula = setting.workers == 1 or not setting.parts_inside
        return max(compute_s, self.link_s(setting)) if by_formula else compute_s

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
