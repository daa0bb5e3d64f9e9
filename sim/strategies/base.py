"""What every strategy is: parameters, a program of ops for each worker, and its closed form or bound."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from ..collectives import ideal_all_reduce_s
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
    """

    load: Load
    inside: tuple[Route, ...]
    across: Route
    places: tuple[Place | None, ...] = ()

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
        return ideal_all_reduce_s(payload_bytes, self.load.chips, self.across.bandwidth_bits_per_s, 0.0)

    def inside_s(self, worker: int) -> float:
        """Ideal exchange of gradients inside the datacenter of a worker: (2Nb/W0)(1 - M/R) + e0 [s]."""
        return ideal_all_reduce_s(self.load.gradient_bytes, self.load.deal.worker_chips[worker], *self.inside[worker])


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
    compression_time: Latency = Field(default=0.0, examples=["50 ms"])
    """Seconds that a worker computes for one exchange of the whole model, beside its inner steps [s].

    To compress it and to restore the result; and, in an outer step, the outer optimizer's own arithmetic (the records
    `outer-step` of a trace).
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
        """A wall-clock that no run can fall below: the compute of the mean worker, or the link's work [s].

        Limits: compute as it is with a host to itself. Workers that share one take longer, so it stays a bound.
        """
        compute_s = math.fsum(setting.load.mean_step_s) / setting.workers * setting.load.steps
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

    def start(self, collective: Collective, share: float = 1.0) -> Iterator[Op]:
        """Packs a share of the parameters, where that takes time, and joins the exchange of them."""
        if self.compression_time:
            yield Compute(self.compression_time * share, steps=0, useful=False)
        yield Start(collective)

    def exchange(self, collective: Collective) -> Iterator[Op]:
        """An exchange of all parameters that its members stand still for."""
        yield from self.start(collective)
        yield Wait(collective)


def inner_steps(worker: int, setting: Setting, first: int, count: int, behind_s: float = 0.0) -> Iterator[Op]:
    """Some inner steps whose gradients are exchanged inside the worker's datacenter.

    It meets nobody, so all the steps are one op and their exchanges another.

    Args:
      worker: whose steps.
      setting: what it runs in.
      first: the first step, from 0.
      count: how many.
      behind_s: how much of each exchange runs behind the step's own backward pass [s].
    """
    if count:
        yield Compute(setting.load.compute_s(worker, first, count), count)
        yield from inside(worker, setting, first, count, behind_s)


def spanning_steps(worker: int, setting: Setting, first: int, count: int) -> Iterator[Op]:
    """Some inner steps of a replica that spans all datacenters: its gradients cross them at every step."""
    load = setting.load
    for step in range(first, first + count):
        gradients = Collective("gradients", step, setting.everyone, load.gradient_bytes)
        yield from (Compute(load.compute_s(worker, step, 1)), Start(gradients), Wait(gradients))


def inside(worker: int, setting: Setting, first: int, count: int, behind_s: float = 0.0) -> Iterator[Op]:
    """The exchanges of gradients of some steps inside the worker's datacenter; a lone chip has none."""
    if setting.load.deal.worker_chips[worker] <= 1:
        return
    gradients = Collective("gradients", first, (worker,), setting.load.gradient_bytes, count, behind_s=behind_s)
    yield Start(gradients)
    yield Wait(gradients)
