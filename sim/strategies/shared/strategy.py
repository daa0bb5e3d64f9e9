"""The base of all strategies: parameters, statements about itself, and a program of ops for each worker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from ...engine.ops import Collective, Compute, Op, Shape, Start, Wait, Worker
from .closed_form import ClosedForm
from .payload import Payload
from .placements import Placements
from .schedule import Schedule
from .setting import Setting
from .stated import Held, Law, Meetings, Replica


def told_apart(labels: Sequence[str]) -> list[str]:
    """Unique labels for rows: a label that occurred before gets a number."""
    return [
        f"{label} ({earlier + 1})" if (earlier := labels[:place].count(label)) else label
        for place, label in enumerate(labels)
    ]


class AbstractStrategy(Payload, ABC):
    """An algorithm. Final subclasses hold its parameters; a strategy has no clock.

    A strategy states itself what other parts of the program need: its `kind` (as users type it) and `name`, its
    `parameters` for people, its `law`, the `meetings` of its workers, its `closed_form`. No other code tests its type.
    """

    if TYPE_CHECKING:  # a field of each strategy, so that the schema lists it among the others

        @property
        def kind(self) -> str:
            """Its name in a scenario."""

    name: ClassVar[str]
    """Its name for people."""
    cites: ClassVar[tuple[str, ...]]
    """Where it was published: numbers at arXiv, or other keys of `sim/report/references.bib`."""
    one_over_all: ClassVar[bool] = False
    """Whether a search for the best M also tries one replica over all datacenters."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, str]:
        """Its parameters for people: a short label and its value, or a remark with an empty value."""

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        return " ".join([self.name, *(f"{key}={value}" if value else key for key, value in self.parameters.items())])

    @property
    def shape(self) -> Shape:
        """What its replicas do with each other's payloads."""
        return "all-reduce"

    @property
    @abstractmethod
    def replica_count(self) -> int:
        """Replicas M: copies of the model that differ between outer steps."""

    @property
    @abstractmethod
    def steps_per_sync(self) -> int:
        """Inner steps H from one exchange between all workers to the next."""

    def steps_per_sync_of(self, setting: Setting) -> tuple[int, ...]:
        """The same of each worker, where replicas have rounds of their own that end together; H is the largest."""
        return (self.steps_per_sync,) * setting.workers

    def plain_in(self, setting: Setting) -> Self:
        """The same strategy without a key that changes nothing in a setting, for its law."""
        return self

    @property
    @abstractmethod
    def law(self) -> Law:
        """Its loss law, or the nearest one."""

    @property
    @abstractmethod
    def meetings(self) -> Meetings:
        """How its workers exchange."""

    @property
    def drains(self) -> bool:
        """Whether all workers exchange at every synchronisation, and no exchange lasts into the next round."""
        return self.meetings.of_all and not self.meetings.linger

    @property
    def blocking(self) -> bool:
        """Whether all workers stand still for the whole of each exchange."""
        return self.drains and not self.by_layer

    @property
    def repeats(self) -> bool:
        """Whether a long run reaches a steady state."""
        return not (self.meetings.own_pace or self.meetings.drawn)

    def repeats_in(self, setting: Setting) -> bool:
        """Whether a long run in a setting may reach a steady state; a replay finds out whether it does."""
        return self.repeats

    @property
    def by_layer(self) -> bool:
        """Whether it needs the number of layers."""
        return False

    @property
    def spans(self) -> bool:
        """Whether one replica spans all datacenters, and exchanges its gradients between them at every step."""
        return self.replica_count == 1

    @property
    def has_outer_steps(self) -> bool:
        """Whether parameter changes are exchanged, beside gradients or instead of them."""
        return self.outer_steps(self.steps_per_sync) > 0

    def workers(self, datacenters: int) -> int:
        """Number of datacenters that it uses: one for each replica, or all for a single replica."""
        return datacenters if self.spans else self.replica_count

    def places(self, datacenters: Sequence[str]) -> Sequence[int]:
        """The datacenters that it uses, by their positions, in the order of its workers: the first ones."""
        return range(self.workers(len(datacenters)))

    def placements(self, datacenters: Sequence[str]) -> Placements | None:
        """The placements of its workers to choose from; None where they are given, or do not matter."""
        return None

    def placed(self, sites: Sequence[str]) -> Self:
        """The same with its workers at given datacenters, in order."""
        return self

    def replica_of(self, worker: Worker) -> Replica:
        """The replica to which a worker belongs."""
        return 0 if self.spans else worker

    def worker_of(self, replica: Replica) -> Worker:
        """The first worker of a replica; its only one if there are several replicas."""
        return 0 if self.spans else replica

    @abstractmethod
    def outer_steps(self, steps: int) -> int:
        """Number of outer steps in a run of `steps` inner steps, of rounds of H; a replay makes whole ones."""

    def outer_steps_in(self, setting: Setting) -> int:
        """Number of outer steps in a setting, where rounds may be of other lengths."""
        return self.outer_steps(setting.load.steps)

    def fragment_count(self, setting: Setting) -> int:
        """Fragments P of the parameters that are exchanged at different moments of a round."""
        return 1

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer replicas, for when some are away."""
        return self.replaced(replicas=replicas) if "replicas" in type(self).public_keys() else self

    @abstractmethod
    def schedule(self, setting: Setting) -> Schedule:
        """The schedule of a run, made once for all workers."""

    @abstractmethod
    def program(self, worker: Worker, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """The ops of one worker, from the first step to the last."""

    def programs(self, setting: Setting) -> list[Iterator[Op]]:
        """The ops of every worker, from one schedule."""
        schedule = self.schedule(setting)
        return [self.program(worker, setting, schedule) for worker in setting.everyone]

    def outer_copies(self, setting: Setting) -> float:
        """Copies of the parameters in float32 that a replica keeps beside its own for outer steps; 0 without them."""
        return 0.0

    def buffer_bytes(self, setting: Setting) -> float:
        """Change of a replica that is under way at once; gradients are exchanged where they lie [byte]."""
        return self.outer_bytes(setting) / self.fragment_count(setting) if self.has_outer_steps else 0.0

    def step_s(self, worker: Worker, setting: Setting) -> float:
        """Mean compute of a worker in an inner step [s]."""
        return setting.load.mean_step_s[worker]

    def tokens_share(self, worker: Worker, setting: Setting) -> float:
        """Share of every batch that a worker computes with."""
        return setting.load.deal.tokens_share[worker]

    def held(self, worker: Worker, setting: Setting) -> Held:
        """What of the model a worker has: all of it, and one microbatch at a time."""
        return Held()

    def in_words(self, setting: Setting) -> str:
        """What its label does not tell in a setting, for people: how the model is cut, or who makes how many steps."""
        return ""

    def worker_steps(self, worker: Worker, setting: Setting) -> int:
        """Inner steps that a worker makes."""
        return self.schedule(setting).steps[worker]

    @abstractmethod
    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """The closed form of the wall-clock, with compute; None if there is none."""

    def ideal_s(self, setting: Setting) -> float | None:
        """The wall-clock by the closed form; None if there is none [s]."""
        form = self.closed_form(setting)
        return None if form is None else form.seconds

    def closed_form_s(self, setting: Setting) -> float | None:
        """`ideal_s` if every worker computes at its own pace; None if workers share a host's compute [s]."""
        return None if setting.shares_compute else self.ideal_s(setting)

    def estimate_s(self, setting: Setting) -> float:
        """The wall-clock without a replay, by which placements are put in order: the closed form, or the bound [s]."""
        return self.ideal_s(setting) or self.bound_s(setting)

    @abstractmethod
    def link_s(self, setting: Setting) -> float:
        """The least time for which the route between the datacenters is busy in a run, without latencies [s]."""

    def bound_s(self, setting: Setting) -> float:
        """A lower bound of the wall-clock: all compute of the slowest worker, or `link_s` if that is longer [s].

        Limits: the compute time is that of a worker with its own host; sharing a host takes longer, so the bound holds.
        For exchanges as flows the bound is compute only, as the formula of `link_s` does not hold for them. Inside a
        single site exchanges hide behind steps of mean length, so a run that ends before the longer steps of its
        recorded cycle may be shorter than the formula says by that much.
        """
        load = setting.load
        compute_s = max(load.compute_s(worker, 0, steps) for worker, steps in enumerate(self.schedule(setting).steps))
        if setting.workers == 1:
            never_computed_s = max(0.0, load.steps * load.mean_step_s[0] - compute_s)
            return max(compute_s, self.link_s(setting) - never_computed_s)
        return compute_s if setting.parts_inside else max(compute_s, self.link_s(setting))

    def outer_bytes(self, setting: Setting) -> float:
        """Payload of an outer step [byte]."""
        return self.payload_bytes(setting, setting.load.outer_bytes)

    def gradient_bytes_across(self, setting: Setting) -> float:
        """Payload of the gradients that cross datacenters at every step; 0 if they stay inside [byte]."""
        if not self.spans:
            return 0.0
        own = setting.load.gradient_bytes
        return own if self.has_outer_steps else self.payload_bytes(setting, own)

    def fewest_bits(self, gradient_bits: float, outer_bits: float) -> float:
        """Bits per parameter in the coarsest of its exchanges.

        Args:
          gradient_bits: those of gradients in the workload [bit].
          outer_bits: those of parameter changes in the workload [bit].
        """
        if not self.has_outer_steps:
            return self.payload_bits or gradient_bits
        return min(gradient_bits, self.payload_bits or outer_bits)

    def packing_s(self, setting: Setting) -> float:
        """Compute for one exchange of the whole model: as given, else the time of outer steps in a recording [s]."""
        if self.compression_time is not None:
            return self.compression_time
        return setting.load.outer_step_s if self.outer_steps_in(setting) else 0.0

    def start(self, setting: Setting, collective: Collective, share: float = 1.0) -> Iterator[Op]:
        """Packs a share of the parameters, if that takes time, and starts their exchange."""
        if packing_s := self.packing_s(setting):
            yield Compute(packing_s * share, steps=0, useful=False)
        yield Start(collective)

    def exchange(self, setting: Setting, collective: Collective) -> Iterator[Op]:
        """An exchange of all parameters for which its members stand still."""
        yield from self.start(setting, collective)
        yield Wait(collective)
