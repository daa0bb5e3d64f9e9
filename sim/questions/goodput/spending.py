"""What a history costs and draws, from the replay without failures and from what its time went into."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...failures.spent import Spent
from ...scenario.model import Scenario
from ...simulation.cost import cost_of, draw
from ...simulation.results import Outcome

_J_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Spending:
    """What a run costs and draws; None where nobody says it.

    Attributes:
      rent_per_s: of all chips, spares included [money/s].
      egress: of all tokens of the replay [money].
      copy: egress of a copy of the parameters, at the mean price of a byte of the replay [money].
      energy_kwh, carbon_kg: of the same [kWh], [kg].
      waiting_w: of all chips that train, while they do not [W].
      seconds: of the replay [s].
    """

    rent_per_s: float | None
    egress: float | None
    copy: float
    energy_kwh: float | None
    carbon_kg: float | None
    waiting_w: float | None
    seconds: float

    def cost(self, spent: Spent) -> float | None:
        """Rent from the begin to the end, and egress of what was trained, redone work and copies included [money]."""
        if self.rent_per_s is None and self.egress is None:
            return None
        trained = self._trained_s(spent) / self.seconds
        egress = (self.egress or 0.0) * trained + self.copy * spent.copies
        return (self.rent_per_s or 0.0) * spent.wall_clock_s + egress

    def kwh(self, spent: Spent) -> float | None:
        """What training draws, and what waiting and broken chips do; spares draw nothing [kWh]."""
        if self.energy_kwh is None or self.waiting_w is None:
            return None
        idle_s = max(0.0, spent.wall_clock_s - self._trained_s(spent))
        return self.energy_kwh * self._trained_s(spent) / self.seconds + self.waiting_w * idle_s / _J_PER_KWH

    def kg(self, spent: Spent) -> float | None:
        """Its carbon, at the mean of the replay [kg]."""
        kwh = self.kwh(spent)
        if kwh is None or self.carbon_kg is None or not self.energy_kwh:
            return None
        return kwh * self.carbon_kg / self.energy_kwh

    @staticmethod
    def _trained_s(spent: Spent) -> float:
        return spent.training_s + spent.redone_s


def spending(scenario: Scenario, outcome: Outcome, spares: int) -> Spending | None:
    """What a job costs and draws where its hardware fails; None where nobody says what anything costs or draws."""
    cost = cost_of(scenario, outcome)
    if cost is None:
        return None
    job, seconds, sent_bytes = outcome.job, outcome.timeline.wall_clock_s, outcome.timeline.crossing_bytes
    chips = job.setting.load.deal.worker_chips
    rents = [site.price_chip_hour for site in job.sites]
    powers = [draw(scenario.workload.chip_at(site), site) for site in job.sites]
    return Spending(
        rent_per_s=_sum([None if r is None else r * (n + spares) / 3600 for r, n in zip(rents, chips, strict=True)]),
        egress=cost.egress,
        copy=(cost.egress or 0.0) / sent_bytes * job.strategy.outer_bytes(job.setting) if sent_bytes else 0.0,
        energy_kwh=cost.energy_kwh,
        carbon_kg=cost.carbon_kg,
        waiting_w=_sum([None if p is None else p.waiting_w * n for p, n in zip(powers, chips, strict=True)]),
        seconds=seconds,
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return math.fsum(known) if len(known) == len(values) else None
