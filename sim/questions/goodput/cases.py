"""A strategy and what it does about failures, as something that can be sent through histories."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import InputError
from ...failures import replicas, together
from ...failures.closed_forms import daly_interval_s
from ...failures.hardware import Cause, Hardware, Outage
from ...failures.rounds import Rounds
from ...failures.spent import Spent
from ...failures.together import Manner
from ...scenario.failures import Away, Failures, Part, Policy
from ...simulation.results import Job, Outcome
from .paces import Paces

IN_WORDS: dict[Policy, str] = {
    "restart": "restart from a checkpoint",
    "elastic": "go on with fewer",
    "leave-out": "leave out who is away",
    "own-pace": "each alone",
}
_MOST_OUTAGES = 100_000


@dataclass(frozen=True)
class Case:
    """A strategy in its sites, with what it does about failures.

    Attributes:
      label: of the strategy.
      policy: what is done.
      outcome: the replay without failures.
      paces: how fast some of its sites are.
      failures: what breaks.
      tokens: that shall count in the end; infinite: as many as there is time for [tokens].
      within_s: at the latest [s].
    """

    label: str
    policy: Policy
    outcome: Outcome
    paces: Paces
    failures: Failures
    tokens: float
    within_s: float

    @property
    def whole(self) -> bool:
        """Whether all of the run stops at a failure, and checkpoints are taken."""
        return self.policy in ("restart", "elastic")

    @property
    def chips(self) -> tuple[float, ...]:
        """Of each of its sites, without spares."""
        return self.outcome.job.setting.load.deal.worker_chips

    @property
    def sites(self) -> list[str]:
        """The names of its sites."""
        return [site.name for site in self.outcome.job.sites]

    def history(self) -> History:
        """What of it goes through histories, without the replay behind it."""
        failures = self.failures
        return History(
            chips=self.chips,
            spares=(float(failures.spares),) * len(self.chips),
            causes=tuple(causes(failures, self.sites, self.chips)),
            outages=tuple(outages(failures, self.sites, self.within_s)),
            seed=failures.seed,
            while_held=failures.ageing == "always",
            manner=self.manner if self.whole else self.rounds,
            paces=self.paces,
            tokens=self.tokens,
            within_s=self.within_s,
        )

    @property
    def interval_s(self) -> float:
        """Training between two checkpoints: as given, else Daly's for the failures after which one is needed [s]."""
        given, best_s = self.failures.checkpoint.every_s, self.best_interval_s
        return given if given is not None else math.inf if best_s is None else best_s

    @property
    def best_interval_s(self) -> float | None:
        """What Daly's formula says; None where nothing is lost at random [s]."""
        rate, write_s = self.losses_per_s, self.failures.checkpoint.write_s
        if not rate:
            return None
        return daly_interval_s(1 / rate, write_s) if write_s else self.step_s

    @property
    def step_s(self) -> float:
        """Time of an inner step with its part of the exchange, without failures [s]."""
        return self.outcome.timeline.wall_clock_s / self.outcome.job.setting.load.steps

    @property
    def losses_per_s(self) -> float:
        """How often everything since the last checkpoint is lost; an elastic run of several sites keeps it [1/s]."""
        elastic = self.policy == "elastic"
        if elastic and len(self.sites) > 1:
            return 0.0
        found = [each for each in causes(self.failures, self.sites, self.chips) if not (each.speed or each.cuts)]
        return math.fsum(each.parts / each.life_s for each in found if not elastic or each.chips >= sum(self.chips))

    @property
    def manner(self) -> Manner:
        """What a run does that stands or goes as a whole."""
        failures = self.failures
        return Manner(
            shrinks=self.policy == "elastic",
            detect_s=failures.detect_s,
            restart_s=failures.restart_s,
            reconfigure_s=failures.reconfigure_s,
            step_s=self.step_s,
            every_s=self.interval_s,
            write_s=failures.checkpoint.write_s,
        )

    @property
    def rounds(self) -> Rounds:
        """How replicas go on one by one."""
        failures, strategy = self.failures, self.outcome.job.strategy
        return Rounds(
            steps=self.paces.steps,
            meets=not strategy.meetings.own_pace,
            quorum=getattr(strategy, "quorum", 1),
            grace_s=getattr(strategy, "grace_s", math.inf),
            at_once=False,
            shrinks=failures.shrink,
            detect_s=failures.detect_s,
            restart_s=failures.restart_s + self.paces.fetch_s,
            reconfigure_s=failures.reconfigure_s,
        )


@dataclass(frozen=True)
class History:
    """All that a history needs, as plain data that another process can have."""

    chips: tuple[float, ...]
    spares: tuple[float, ...]
    causes: tuple[Cause, ...]
    outages: tuple[Outage, ...]
    seed: int
    while_held: bool
    manner: Manner | Rounds
    paces: Paces
    tokens: float
    within_s: float

    def number(self, number: int) -> Spent:
        """The history of that number, always the same for a seed."""
        hardware = Hardware(
            self.chips, self.spares, self.causes, self.outages, (self.seed, number), while_held=self.while_held
        )
        if isinstance(self.manner, Rounds):
            return replicas.go_through(hardware, self.manner, self.paces, tokens=self.tokens, within_s=self.within_s)
        return together.go_through(
            hardware,
            self.paces.weights,
            self.manner,
            self.paces.rate,
            tokens=self.tokens,
            within_s=self.within_s,
        )


def policies(job: Job) -> tuple[Policy, ...]:
    """What a strategy can do about failures.

    Only a run whose copies are equal after every step can go on with fewer of them at once. Replicas that are different
    leave out who is away, and who goes at its own pace waits for nobody anyway.
    """
    strategy = job.strategy
    if strategy.meetings.own_pace:
        return ("own-pace",)
    if strategy.replica_count == 1:
        return ("restart", "elastic")
    return ("restart", "leave-out")


def causes(failures: Failures, sites: list[str], chips: tuple[float, ...]) -> Iterator[Cause]:
    """What fails at random in the sites of a job."""
    for part in failures.parts:
        for place, name in enumerate(sites):
            if part.site in (None, name):
                yield _cause(part, place, chips[place] + failures.spares)


def _cause(part: Part, place: int, chips: float) -> Cause:
    whole = part.what in ("site", "reach")
    each = chips if whole else float(part.chips or 1)
    return Cause(
        site=place,
        parts=1 if whole else max(1, round(chips / each)),
        chips=each,
        life_s=part.mtbf_s,
        shape=part.shape,
        repair_s=part.repair_s,
        random_repair=part.repair_spread == "exponential",
        speed=part.speed,
        cuts=part.what == "reach",
    )


def outages(failures: Failures, sites: list[str], until_s: float) -> Iterator[Outage]:
    """The times in which sites of a job are away, as far as they may matter."""
    for away in failures.away:
        if away.site in sites:
            yield from _outages(away, sites.index(away.site), until_s)


def _outages(away: Away, place: int, until_s: float) -> Iterator[Outage]:
    times = 1 if away.every_s is None else max(1, math.ceil((until_s - away.at_s) / away.every_s))
    if times > _MOST_OUTAGES:
        raise InputError(
            f"failures.away: {away.site} is away {times:,} times; write a longer time than every: {away.every_s:g} s"
        )
    for number in range(times):
        yield Outage(place, away.at_s + number * (away.every_s or 0.0), away.for_s, away.how)
