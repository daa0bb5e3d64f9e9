"""What every strategy is: parameters, what it states about itself, and a program of ops for each worker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ...documents.validation import Frozen
from ...engine.ops import Collective, Compute, Op, Start, Wait, Worker
from ...units.quantities import Bits, Latency
from .closed_form import ClosedForm
from .schedule import Schedule
from .setting import Setting
from .stated import Law, Meetings, Replica


def told_apart(labels: Sequence[str]) -> list[str]:
    """Labels of rows that stand beside each other: one that is there already has a number behind it."""
    return [
        f"{label} ({earlier + 1})" if (earlier := labels[:place].count(label)) else label
        for place, label in enumerate(labels)
    ]


class AbstractStrategy(Frozen, ABC):
    """An algorithm. Final subclasses hold its parameters; nothing here has a clock.

    All that other parts of the program want to know of a strategy it states itself: its `kind` (as people type it) and
    `name`, its `parameters` for people, its `law`, when its workers meet, its `closed_form`. Nobody asks which it is.

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

    if TYPE_CHECKING:  # each strategy's own field, which the schema lists where the strategy has it

        @property
        def kind(self) -> str:
            """What it is called in a scenario."""

    name: ClassVar[str]
    """What people call it."""
    one_over_all: ClassVar[bool] = False
    """Whether one replica over all datacenters is worth a try, where somebody looks for the best M."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, str]:
        """What tells it from others of its kind, for people: a short label and its value, or a remark and nothing."""

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        return " ".join([self.name, *(f"{key}={value}" if value else key for key, value in self.parameters.items())])

    @property
    @abstractmethod
    def replica_count(self) -> int:
        """Replicas M: copies of the model that differ between outer steps."""

    @property
    @abstractmethod
    def steps_per_sync(self) -> int:
        """Inner steps H from one exchange between all workers to the next."""

    @property
    @abstractmethod
    def law(self) -> Law:
        """Which loss law is its own, or the nearest."""

    @property
    @abstractmethod
    def meetings(self) -> Meetings:
        """When its workers meet."""

    @property
    def drains(self) -> bool:
        """Whether all workers meet at every synchronisation, and nothing is under way when they go on."""
        return self.meetings.of_all and not self.meetings.linger

    @property
    def blocking(self) -> bool:
        """Whether all workers stand still for each of their exchanges at once."""
        return self.drains and not self.by_layer

    @property
    def repeats(self) -> bool:
        """Whether a long run repeats itself."""
        return not (self.meetings.own_pace or self.meetings.drawn)

    @property
    def by_layer(self) -> bool:
        """Whether it needs to know how many layers there are."""
        return False

    @property
    def spans(self) -> bool:
        """Whether one replica spans all datacenters, so that its gradients cross them at every step."""
        return self.replica_count == 1

    @property
    def has_outer_steps(self) -> bool:
        """Whether parameter changes are exchanged, beside gradients or in their place."""
        return self.outer_steps(self.steps_per_sync) > 0

    def workers(self, datacenters: int) -> int:
        """How many datacenters it uses of those that there are: one for each replica, or all for a single one."""
        return datacenters if self.spans else self.replica_count

    def replica_of(self, worker: Worker) -> Replica:
        """Which replica a worker computes for."""
        return 0 if self.spans else worker

    def worker_of(self, replica: Replica) -> Worker:
        """The first worker that computes for a replica; the only one, where there are several replicas."""
        return 0 if self.spans else replica

    @abstractmethod
    def outer_steps(self, steps: int) -> int:
        """Outer steps in a run of `steps` inner steps, as a replay makes them: whole ones."""

    def fragment_count(self, setting: Setting) -> int:
        """Fragments P of the parameters that are exchanged at different moments of a round."""
        return 1

    @abstractmethod
    def schedule(self, setting: Setting) -> Schedule:
        """What all workers of a run agree on before it begins; it is made once for all of them."""

    @abstractmethod
    def program(self, worker: Worker, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """The ops of one worker, from the first step to the last."""

    def programs(self, setting: Setting) -> list[Iterator[Op]]:
        """The ops of every worker, by one schedule."""
        schedule = self.schedule(setting)
        return [self.program(worker, setting, schedule) for worker in setting.everyone]

    def worker_steps(self, worker: Worker, setting: Setting) -> int:
        """Inner steps that a worker makes."""
        return self.schedule(setting).steps[worker]

    @abstractmethod
    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """The closed form of the wall-clock, compute included, or None where none applies."""

    def ideal_s(self, setting: Setting) -> float | None:
        """What the closed form comes to, or None where none applies [s]."""
        form = self.closed_form(setting)
        return None if form is None else form.seconds

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
        compute_s = max(load.compute_s(worker, 0, steps) for worker, steps in enumerate(self.schedule(setting).steps))
        by_formula = setting.workers == 1 or not setting.parts_inside
        return max(compute_s, self.link_s(setting)) if by_formula else compute_s

    def payload_bytes(self, setting: Setting, asked_bytes: float) -> float:
        """What an exchange of all parameters across datacenters carries, of the `asked_bytes` of the workload."""
        whole = setting.load.params * self.payload_bits / 8 if self.payload_bits else asked_bytes
        return whole * self.payload_factor / self.compression_ratio

    def outer_bytes(self, setting: Setting) -> float:
        """Payload of an outer step [byte]."""
        return self.payload_bytes(setting, setting.load.outer_bytes)

    def gradient_bytes_across(self, setting: Setting) -> float:
        """Payload of the gradients that cross datacenters at every step; 0 where they stay inside [byte]."""
        if not self.spans:
            return 0.0
        own = setting.load.gradient_bytes
        return own if self.has_outer_steps else self.payload_bytes(setting, own)

    def fewest_bits(self, gradient_bits: float, outer_bits: float) -> float:
        """Bits per parameter in the coarsest of its exchanges.

        Args:
          gradient_bits: of gradients, as the workload has it [bit].
          outer_bits: of parameter changes, likewise [bit].
        """
        if not self.has_outer_steps:
            return self.payload_bits or gradient_bits
        return min(gradient_bits, self.payload_bits or outer_bits)

    def payload_parameters(self) -> dict[str, str]:
        """What differs from the workload's payload, for `parameters`."""
        parts = [f"{self.payload_bits:g}-bit"] if self.payload_bits else []
        parts += [f"x{self.payload_factor:g}"] if self.payload_factor != 1 else []
        parts += [f"1/{self.compression_ratio:g}"] if self.compression_ratio != 1 else []
        parts += [f"+{self.compression_time:g}s"] if self.compression_time else []
        return dict.fromkeys(parts, "")

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
