"""What is left of a run where hardware fails: goodput, wall-clock, tokens and loss, each as a band over histories."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from ...errors import ArgumentError, InputError
from ...failures.spent import PARTS, Spent
from ...scenario.failures import Failures, Policy
from ...scenario.model import Scenario
from ...shell.progress import UNWATCHED, Watch
from ...simulation.predicted_loss import loss_after
from ...simulation.results import Job
from ...simulation.run import outcomes
from ...strategies.shared.strategy import told_apart
from .assumed import ASSUMED, PATIENCE
from .cases import IN_WORDS, Case, policies
from .histories import MOST, gather
from .notes import assumptions
from .paces import Paces
from .spending import spending


@dataclass(frozen=True)
class Band:
    """What a quantity came to in many histories: 5%, 50% and 95% of them were no more."""

    p5: float
    p50: float
    p95: float


@dataclass(frozen=True)
class GoodputRow:
    """A strategy with what it does about failures.

    Attributes:
      strategy, label, replicas, sync_every: the job.
      policy: what it does: `restart`, `elastic`, `leave-out` or `own-pace`.
      without_s: its wall-clock without failures; for `for_s`, that of its tokens [s].
      histories: how many were gone through.
      unfinished: of which these many were given up, after 20 times `without_s`.
      goodput: tokens that count over those of the same time without failures [-].
      wall_clock_s: from begin to end [s].
      tokens: that count in the end [tokens].
      predicted_loss: after `tokens`; None where nobody has published a law [nats per token].
      cost: rent of all chips, spares included, and egress; None where nobody says a price.
      energy_kwh, carbon_kg: electricity and its carbon; None where nobody says them [kWh], [kg].
      faults_per_day: failures that stopped something, a mean.
      catch_up_bytes: sent to replicas that came back, a mean over the histories; they slow nobody else down [byte].
      spread: of the goodput: what 0%, 5%, ..., 100% of the histories came to no more than [-].
      shares: parts of the wall-clock by what it went into, means over all histories; their sum is 1 [-].
      checkpoint_s: training between two checkpoints; None where the policy takes none [s].
      best_checkpoint_s: what Daly's formula says; None where nothing is lost at random [s].
    """

    strategy: str
    label: str
    replicas: int
    sync_every: int
    policy: Policy
    without_s: float
    histories: int
    unfinished: int
    goodput: Band
    wall_clock_s: Band
    tokens: Band
    predicted_loss: Band | None
    cost: Band | None
    energy_kwh: Band | None
    carbon_kg: Band | None
    faults_per_day: float
    catch_up_bytes: float
    spread: tuple[float, ...]
    shares: dict[str, float]
    checkpoint_s: float | None
    best_checkpoint_s: float | None


@dataclass(frozen=True)
class GoodputAnswer:
    """What was asked, with a row for each strategy and policy, and what is assumed.

    Attributes:
      scenario: with its failures, or those that were assumed.
      for_s: the time that was given; None: as long as it takes [s].
      rows: in the order of the strategies.
      notes: assumptions, and keys without effect.
    """

    scenario: Scenario
    for_s: float | None
    rows: tuple[GoodputRow, ...]
    notes: tuple[str, ...]

    @property
    def best(self) -> GoodputRow:
        """The row that gets furthest: most tokens in the time that was given, else the shortest wall-clock."""
        if self.for_s is not None:
            return max(self.rows, key=lambda row: row.tokens.p50)
        return min(self.rows, key=lambda row: (row.unfinished, row.wall_clock_s.p50))


def answer(
    scenario: Scenario,
    *,
    for_s: float | None = None,
    histories: int | None = None,
    watch: Watch = UNWATCHED,
) -> GoodputAnswer:
    """Sends every strategy through histories of failures, with each thing that it can do about them.

    Args:
      scenario: with the section `failures`; without it, `ASSUMED`.
      for_s: how long to train; None: until the tokens of the workload are done [s].
      histories: how many; None: until the median of the goodput is known well enough (see `histories.gather`).
      watch: is told how far it is.

    Raises:
      InputError: strategies compete, share hosts, or cannot do what is asked of them; a site is unknown.
    """
    if histories is not None and not 0 < histories <= 1_000_000:
        raise ArgumentError(f"{{histories}}: got {histories}; write 1 to 1,000,000")
    if scenario.jobs == "together":
        raise InputError("jobs: together: histories of failures are of one strategy at a time; write jobs: alone")
    failures = scenario.failures or ASSUMED
    check_sites(failures, [site.name for site in scenario.topology.datacenters])
    replayed = scenario.replaced(failures=failures)
    found = outcomes(replayed, watch)
    labels = told_apart([outcome.job.strategy.label for outcome in found])
    cases = []
    for label, outcome in zip(labels, found, strict=True):
        paces, job = Paces(replayed, outcome.job, outcome), outcome.job
        load = job.setting.load
        tokens = load.steps * load.batch_tokens if for_s is None else math.inf
        within_s = PATIENCE * outcome.timeline.wall_clock_s if for_s is None else for_s
        cases += [
            Case(label, policy, outcome, paces, failures, tokens, within_s)
            for policy in policies(job)
            if policy in (failures.policies or (policy,))
        ]
    if not cases:
        able = sorted({policy for outcome in found for policy in policies(outcome.job)})
        raise InputError(f"failures.policies: no strategy can do any of these; write {' or '.join(able)}")
    named = [(f"{case.label}, {IN_WORDS[case.policy]}", case.history()) for case in cases]
    spent = gather(named, histories, watch)
    rows = tuple(_row(replayed, case, each) for case, each in zip(cases, spent, strict=True))
    given_up = {row.label: row.unfinished for row in rows if row.unfinished}
    unsure = histories is None and any(row.histories >= MOST for row in rows)
    notes = assumptions(scenario, failures, found, {case.policy for case in cases}, given_up, unsure=unsure)
    return GoodputAnswer(replayed, for_s, rows, tuple(notes))


def check_sites(failures: Failures, names: Sequence[str]) -> None:
    """Refuses failures of a datacenter that does not exist.

    Raises:
      InputError: a site is not among `names`.
    """
    asked = [(f"parts[{n}]", part.site) for n, part in enumerate(failures.parts)]
    asked += [(f"away[{n}]", away.site) for n, away in enumerate(failures.away)]
    for where, site in asked:
        if site is not None and site not in names:
            raise InputError(f"failures.{where}.site: there is no datacenter {site!r}; write {', '.join(names[:8])}")


def _row(scenario: Scenario, case: Case, spent: Sequence[Spent]) -> GoodputRow:
    job, money = case.outcome.job, spending(scenario, case.outcome, case.failures.spares)
    wall_s = math.fsum(each.wall_clock_s for each in spent)
    goodputs, tokens = sorted(each.goodput for each in spent), _band([each.tokens for each in spent])
    unfinished = sum(each.tokens < case.tokens * (1 - 1e-9) for each in spent) if case.tokens < math.inf else 0
    return GoodputRow(
        strategy=job.strategy.kind,
        label=case.label,
        replicas=job.strategy.replica_count,
        sync_every=job.strategy.steps_per_sync,
        policy=case.policy,
        without_s=case.outcome.timeline.wall_clock_s,
        histories=len(spent),
        unfinished=unfinished,
        goodput=_band(goodputs),
        wall_clock_s=_band([each.wall_clock_s for each in spent]),
        tokens=tokens,
        predicted_loss=_loss(job, tokens),
        cost=_band_of(money.cost if money else None, spent),
        energy_kwh=_band_of(money.kwh if money else None, spent),
        carbon_kg=_band_of(money.kg if money else None, spent),
        faults_per_day=sum(each.faults for each in spent) / wall_s * 86_400,
        catch_up_bytes=case.paces.fetch_bytes * sum(each.copies for each in spent) / len(spent),
        spread=tuple(_reached(goodputs, step / 20) for step in range(21)),
        shares={part.removesuffix("_s"): math.fsum(getattr(each, part) for each in spent) / wall_s for part in PARTS},
        checkpoint_s=case.interval_s if case.whole and case.interval_s < math.inf else None,
        best_checkpoint_s=case.best_interval_s if case.whole else None,
    )


def _reached(ordered: Sequence[float], share: float) -> float:
    """What a share of the values, rising, came to no more than."""
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def _band(values: Sequence[float]) -> Band:
    ordered = sorted(values)
    return Band(*(_reached(ordered, share) for share in (0.05, 0.5, 0.95)))


def _band_of(amount: Callable[[Spent], float | None] | None, spent: Sequence[Spent]) -> Band | None:
    found = [amount(each) for each in spent] if amount else []
    known = [each for each in found if each is not None]
    return _band(known) if known else None


def _loss(job: Job, tokens: Band) -> Band | None:
    """The loss after each of the tokens; fewer of them give more loss, so its ends change places."""
    if not tokens.p5:
        return None
    those = [getattr(tokens, each.name) for each in reversed(fields(Band))]
    strategy = job.strategy.plain_in(job.setting)
    found = [loss_after(strategy, job.setting.load, each).value for each in those]
    known = [each for each in found if each is not None]
    return Band(*known) if len(known) == len(found) else None
