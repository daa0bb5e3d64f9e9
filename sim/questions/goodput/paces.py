"""How fast some of the sites of a job train together: each set of sites is replayed once, without failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...errors import InputError
from ...network.closed_forms import one_way_s
from ...scenario.model import Scenario
from ...simulation.alone import shortest
from ...simulation.jobs import plan_job
from ...simulation.results import Job, Outcome
from ...topology.model import Datacenter, Router
from ...topology.ring_order import ring_among


class UnknownPaceError(Exception):
    """These paces are a copy in another process, which never saw some sites alone; `args` are these."""


class Paces:
    """The paces of a job: of all its sites, from its replay, and of fewer, from replays among those alone.

    Each site keeps its chips and its share of the batch, so that a batch of fewer sites has fewer tokens. A set of
    sites takes as long for a round as its own replay says. A site's own step is its compute and what it waits inside
    the site; the rest of a round is the exchange, with what it waits for the others.

    Args:
      scenario: that the job is part of.
      job: the strategy in its sites.
      outcome: its replay.

    Raises:
      InputError: its replicas share the compute of a host, so that a step depends on who computes; or those who wait
        for each other make different numbers of steps in a round.
    """

    def __init__(self, scenario: Scenario, job: Job, outcome: Outcome) -> None:
        if job.setting.shares_compute:
            raise InputError(
                f"topology.hosts: {job.strategy.label}: its datacenters share a host, and no goodput is known where "
                "compute is shared; leave out host"
            )
        if not job.strategy.meetings.alike:
            raise InputError(
                f"{job.strategy.label}: no goodput is known where replicas that wait for each other make different "
                "numbers of steps in a round; leave local_steps out"
            )
        self._replayed: tuple[Scenario, Job] | None = (scenario, job)
        load, strategy = job.setting.load, job.strategy
        self.steps = float(strategy.steps_per_sync)
        """H, inner steps of a round."""
        schedule = strategy.schedule(job.setting)
        totals = outcome.timeline.workers
        own = zip(totals, schedule.steps, strict=True)
        if strategy.meetings.own_pace:
            self.own_s = [each.finish_s / steps if steps else math.inf for each, steps in own]
        else:
            self.own_s = [(each.compute_s + each.packing_s + each.exposed_inside_s) / steps for each, steps in own]
        """Time of a step of each site by itself; infinite for one that was dealt no steps [s]."""
        share = load.deal.tokens_share
        self.step_tokens: Sequence[float] = [load.batch_tokens * each for each in share]
        chips = load.deal.worker_chips
        self.weights: Sequence[float] = [each / sum(chips) for each in chips]
        self.fetch_bytes = strategy.outer_bytes(job.setting)
        """A copy of the parameters, for a replica that comes back [byte]."""
        self.fetch_s = _fetch_s(job)
        """Time in which a replica that comes back gets the parameters from another one [s]."""
        wall_s = outcome.timeline.wall_clock_s
        self._rounds_s = {frozenset(job.setting.everyone): wall_s / load.steps * self.steps}
        trained = sum(n * tokens for n, tokens in zip(schedule.steps, self.step_tokens, strict=True))
        own_rates = [tokens / step_s for tokens, step_s in zip(self.step_tokens, self.own_s, strict=True)]
        self.full_rate = sum(own_rates) if strategy.meetings.own_pace else trained / wall_s
        """Tokens a second of all sites without failures [token/s]."""

    def round_s(self, members: frozenset[int]) -> float:
        """Time of H steps of some sites with their exchange [s]."""
        if members not in self._rounds_s:
            own_s = self.steps * max(self.own_s[each] for each in members)
            self._rounds_s[members] = own_s if len(members) == 1 else self._replayed_s(members)
        return self._rounds_s[members]

    def step_s(self, site: int, computing: frozenset[int]) -> float:
        """Time of a step of a site by itself, whoever else computes [s]."""
        return self.own_s[site]

    def exchange_s(self, members: frozenset[int]) -> float:
        """What some sites wait for their exchange, after the slowest of them has come [s]."""
        return max(0.0, self.round_s(members) - self.steps * max(self.own_s[each] for each in members))

    def rate(self, shares: tuple[float, ...], speeds: tuple[float, ...]) -> float:
        """Tokens a second of what is left of the chips of each site, each at its speed [token/s]."""
        members = frozenset(site for site, share in enumerate(shares) if share)
        slower = [self.own_s[site] / speeds[site] for site in members]
        late_s = max(slower) - max(self.own_s[site] for site in members)
        tokens = sum(self.step_tokens[site] * shares[site] for site in members)
        return tokens * self.steps / (self.round_s(members) + self.steps * late_s)

    def __getstate__(self) -> dict[str, Any]:
        """What another process gets: the paces that are known, and not what they are replayed from."""
        return self.__dict__ | {"_replayed": None}

    def _replayed_s(self, members: frozenset[int]) -> float:
        if self._replayed is None:
            raise UnknownPaceError(members)
        whole, job = self._replayed
        there = [site for number, site in enumerate(job.sites) if number in members]
        scenario = among(whole, there, sum(self.step_tokens[each] for each in members), job)
        strategy = scenario.strategies[0]
        outcome = shortest(scenario, plan_job(scenario, strategy, len(there)), full=scenario.replay == "full")
        return outcome.timeline.wall_clock_s / outcome.job.setting.load.steps * self.steps


def _fetch_s(job: Job) -> float:
    """A whole copy over the best way from another site, for the site where that takes longest [s]."""
    setting, everyone = job.setting, job.setting.everyone
    size_bytes = job.strategy.outer_bytes(setting)
    times = [
        min(
            (one_way_s(size_bytes, *setting.route(other, site)[:3]) for other in everyone if other != site), default=0.0
        )
        for site in everyone
    ]
    return max(times)


def among(scenario: Scenario, there: Sequence[Datacenter], batch_tokens: float, job: Job) -> Scenario:
    """The scenario of a job with only some of its sites; the others forward traffic and do nothing else.

    Args:
      scenario: with all sites.
      there: those that are left, two at least.
      batch_tokens: that they train on in a step [tokens].
      job: the strategy, and the chips of its sites.
    """
    names = {site.name for site in there}
    gone = [site for site in scenario.topology.datacenters if site.name not in names]
    routers = [Router(**_given(site)) for site in gone]
    ring = ring_among(scenario.topology.ring_order, names) or None
    topology = scenario.topology.replaced(
        datacenters=tuple(there), routers=(*scenario.topology.routers, *routers), egress=None, ring=ring
    )
    own = job.strategy
    strategy = own.placed([site.name for site in there]) if own.spans else own.with_replicas(len(there))
    varied = scenario.replaced(topology=topology, strategies=(strategy,))
    if scenario.workload.chips is None:
        return varied.vary(batch_tokens=batch_tokens)
    chips = dict(zip((site.name for site in job.sites), job.setting.load.deal.worker_chips, strict=True))
    return varied.vary(batch_tokens=batch_tokens, chips=round(sum(chips[name] for name in names)))


def _given(site: Datacenter) -> dict[str, Any]:
    return {"name": site.name} | ({"location": site.location} if site.location else {})
