"""The answer to a scenario as plain data: a Run for each strategy, with what its sites and links did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..engine.ops import Worker
from ..engine.timeline import Timeline
from ..errors import InputError
from ..scenario.model import Scenario
from ..strategies import AbstractStrategy, Setting
from ..strategies.shared.stated import Replica
from ..topology.model import Datacenter
from ..units.in_words import human_seconds
from ..workload.load import Load
from .recorded import AsRecorded
from .spent import ChipMemory, Cost


@dataclass(frozen=True)
class SiteUse:
    """What one datacenter did in a run.

    Attributes:
      name, chips, tokens_share: the datacenter; its chips in this run; its share of every batch, or of all tokens where
        replicas that wait for each other make different numbers of steps.
      compute_s: time computing [s].
      exposed_communication_s: time stood still for exchanges [s].
      straggler_wait_s: time stood still for slower workers [s].
      waited_for_s: the same by the site that was the last to come; sites never waited for are left out [s].
      held_up_s: what all others together waited for this one [s].
      compute_utilization: compute_s / wall-clock of the run.
    """

    name: str
    chips: float
    tokens_share: float
    compute_s: float
    exposed_communication_s: float
    straggler_wait_s: float
    waited_for_s: dict[str, float]
    held_up_s: float
    compute_utilization: float


@dataclass(frozen=True)
class LinkShare:
    """What one link (a direction of it, unless both share its capacity) did in a run.

    Attributes:
      name, bandwidth_bits_per_s: the link and its full capacity [bit/s].
      bytes: payload that it carried, without headers [byte].
      mean_utilization: of its full capacity for payload, over the whole run (of all jobs, where several compete).
      busy_share: share of the time with anything on it.
      full_share: share of the time that it was full: flows on it waited for each other.
      peak_utilization: highest share of the capacity of the moment that was used.
    """

    name: str
    bandwidth_bits_per_s: float
    bytes: float
    mean_utilization: float
    busy_share: float
    full_share: float
    peak_utilization: float


@dataclass(frozen=True)
class Run:
    """One strategy's run. Times of workers are means over the workers.

    Attributes:
      strategy, label: its kind; the kind with its parameters, for people.
      replicas, sync_every: M and H (1 for Data-Parallel).
      topology: name of the topology.
      datacenters: how many of them take part.
      collective: how exchanges between sites were done.
      params: N.
      chips, batch_tokens, steps, outer_steps, tokens: R, B, T, whole outer steps, T B.
      wall_clock_s: when the last worker finished [s].
      compute_s: time computing [s].
      exposed_communication_s: time stood still for exchanges; the next two are its parts [s].
      exposed_inside_s, exposed_across_s: inside a datacenter; across datacenters [s].
      hidden_communication_s: time computing while any exchange was under way, inside and across each on its own [s].
      packing_s: time computing to compress payloads and to restore them [s].
      straggler_wait_s: time stood still for slower workers before an exchange began [s].
      ended_early_s: time after the end of replicas that end before the last [s].
      lost_s: all of the wall-clock that is not compute: exposed, packing, waiting and ended early [s].
      compute_utilization: compute_s / wall_clock_s.
      cross_datacenter_bytes: bytes sent across datacenter boundaries, all sites together [byte].
      mean_bandwidth_bits_per_s: what a site sends to others over the whole run, a mean over the sites [bit/s].
      peak_bandwidth_bits_per_s: the most that a site begins to send within an inner step, over the mean compute of a
        step: the bandwidth that would carry it in that time [bit/s].
      mean_staleness, max_staleness: updates by others that a merged change did not know of, where replicas merge
        without all being there; None where they all meet.
      late_merges: changes that came after the others had gone on without them.
      left_out_tokens: whose changes came when a store had closed, and count nowhere [tokens].
      closed_form_s: the published formula at the slowest mean step, T/H a real number; None where none applies [s].
      bound_s: what no run can fall below: all compute of the slowest worker, or, at the published cost, the bytes over
        the narrowest way between the sites [s].
      replayed_steps: how many steps were replayed; the rest repeats them.
      speedup: Data-Parallel's wall-clock over this one's.
      overtraining_multiple: lambda (D = 20 N lambda) that fits into the wall-clock that Data-Parallel needs for
        lambda = 1, at equal chips and batch.
      overtraining_tokens: the same in tokens, at this run's pace [tokens].
      predicted_loss: by the laws, after its own tokens; None where nobody has published one [nats per token].
      equal_time_loss: likewise after `overtraining_tokens`, in the time that Data-Parallel needs [nats per token].
      loss_notes: what of the two is extrapolated, or why there is none.
      predicted_loss_low, predicted_loss_high: the ends of `predicted_loss`, by the known price of H, bits and
        late results, also where the loss itself is None; None where not even they are known [nats per token].
      equal_time_loss_low, equal_time_loss_high: likewise of `equal_time_loss` [nats per token].
      sites, links: what each of them did; no links where exchanges are ideal.
      cost: what it costs and draws; None where nobody says what anything costs or draws.
      memory: what a chip holds; None where the workload says nothing of memory.
    """

    strategy: str
    label: str
    replicas: int
    sync_every: int
    topology: str
    datacenters: int
    collective: str
    params: float
    chips: int
    batch_tokens: float
    steps: int
    outer_steps: int
    tokens: float
    wall_clock_s: float
    compute_s: float
    exposed_communication_s: float
    exposed_inside_s: float
    exposed_across_s: float
    hidden_communication_s: float
    packing_s: float
    straggler_wait_s: float
    ended_early_s: float
    lost_s: float
    compute_utilization: float
    cross_datacenter_bytes: float
    mean_bandwidth_bits_per_s: float
    peak_bandwidth_bits_per_s: float
    mean_staleness: float | None
    max_staleness: int | None
    late_merges: int
    left_out_tokens: float
    closed_form_s: float | None
    bound_s: float
    replayed_steps: int
    speedup: float
    overtraining_multiple: float
    overtraining_tokens: float
    predicted_loss: float | None
    equal_time_loss: float | None
    loss_notes: tuple[str, ...]
    sites: tuple[SiteUse, ...]
    links: tuple[LinkShare, ...]
    cost: Cost | None = None
    memory: ChipMemory | None = None
    predicted_loss_low: float | None = None
    predicted_loss_high: float | None = None
    equal_time_loss_low: float | None = None
    equal_time_loss_high: float | None = None

    def __repr__(self) -> str:
        return f"<Run {self.label} on {self.topology}: {human_seconds(self.wall_clock_s)}>"

    def __post_init__(self) -> None:
        """Demands numbers: an answer with an infinity or NaN in it is none.

        Raises:
          InputError: names the figure, and the keys that make such a thing.
        """
        for each in (self, *self.sites, *self.links):
            for name, value in vars(each).items():
                if isinstance(value, float) and not math.isfinite(value):
                    raise InputError(
                        f"{self.label}: the answer has no number for {name} ({value}); a bandwidth, a latency, params, "
                        "batch_tokens or steps is far too small or too large: change it"
                    )


@dataclass(frozen=True)
class Bottleneck:
    """Something that a run waits for.

    Attributes:
      strategy: label of the run.
      kind: `site` or `link`.
      name: of the datacenter, or of the link as `a -> b`.
      share: of the wall-clock: what the others waited for the site on average, or how far the link was used.
      halved, doubled: wall-clock with half, and with twice, its chip speed or bandwidth, over that of the run.
    """

    strategy: str
    kind: str
    name: str
    share: float
    halved: float
    doubled: float


@dataclass(frozen=True)
class Result:
    """The answer to a scenario: what was asked, one run a strategy, and the assumptions behind them.

    Attributes:
      scenario, runs, notes: these.
      bottlenecks: of the fastest run, where somebody looked for them (`questions.bottleneck.answer`).
      recorded: the recorded run, where a trace of one with exchanges is replayed (`questions.recorded.with_recorded`).
    """

    scenario: Scenario
    runs: tuple[Run, ...]
    notes: tuple[str, ...]
    bottlenecks: tuple[Bottleneck, ...] = ()
    recorded: AsRecorded | None = None


class Seat(NamedTuple):
    """Who computes for what, and where: a worker, the replica that it computes for, and the datacenter it stands in.

    With several replicas each has one worker; a single one has a worker in every datacenter.
    """

    worker: Worker
    replica: Replica
    site: Datacenter


@dataclass(frozen=True)
class Job:
    """A strategy and where it runs: its workers stand in the datacenters in their order.

    `placed` says in words how the datacenters were found (empty: they were given), `written` is the strategy before.
    """

    strategy: AbstractStrategy
    setting: Setting
    sites: tuple[Datacenter, ...]
    placed: str = ""
    written: AbstractStrategy | None = None

    @property
    def asked(self) -> AbstractStrategy:
        """The strategy as the scenario has it."""
        return self.written or self.strategy

    def with_load(self, load: Load) -> Job:
        """The same job with another workload."""
        return replace(self, setting=replace(self.setting, load=load))

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Its workers, each with its replica and its datacenter."""
        return tuple(Seat(worker, self.strategy.replica_of(worker), site) for worker, site in enumerate(self.sites))


@dataclass(frozen=True)
class Outcome:
    """A job's replay: what happened, how exchanges were done, and how many steps were replayed one by one."""

    job: Job
    timeline: Timeline
    collective: str
    replayed_steps: int

    @property
    def sent(self) -> Mapping[tuple[Worker, Worker], float]:
        """What each of its workers sent to which other in the whole run, where bytes have a price [byte]."""
        return self.timeline.sent
