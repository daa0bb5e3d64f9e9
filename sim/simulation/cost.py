"""What a run costs, and what it draws: money, energy and carbon, by site.

A site rents its chips from the beginning of the run to its end. A chip draws its full power while it computes (packing
counts as computing) and a stated share of it while it waits; what stands beside it draws its power all the time; PUE
multiplies both. Bytes that leave a site cost its egress price, or that of the pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..engine.ops import STORE
from ..scenario.model import Scenario
from ..topology.egress import EgressPrice, charge
from ..topology.model import Datacenter, Topology
from ..topology.power import Power
from ..units.chips import find_chip
from .results import Outcome
from .spent import Cost, SiteCost

_J_PER_KWH = 3.6e6


def priced(topology: Topology) -> bool:
    """Whether anybody says what something costs or draws."""
    return counted_in_money(topology) or any(site.power is not None for site in topology.datacenters)


def counted_in_money(topology: Topology) -> bool:
    """Whether anything has a price."""
    sites = topology.datacenters
    return bool(topology.egress) or any(s.price_chip_hour is not None or s.egress is not None for s in sites)


def chip_watts(named: str | None, site: Datacenter) -> float | None:
    """Power of a computing chip of a site: as stated, else the published one; None where nobody knows it [W].

    Args:
      named: the name of the chip.
      site: the site.
    """
    if site.power is not None and site.power.chip_watts is not None:
        return site.power.chip_watts
    found = find_chip(named) if named is not None else None
    return found.watts if found else None


@dataclass(frozen=True)
class Draw:
    """The power of a site for each chip of it, cooling included.

    Attributes:
      computing_w, waiting_w: while the chip computes, and while it waits [W].
    """

    computing_w: float
    waiting_w: float


def draw(named: str | None, site: Datacenter) -> Draw | None:
    """The power of a site for each chip, of that name; None where nobody knows the chip's."""
    watts, power = chip_watts(named, site), site.power or Power()
    if watts is None:
        return None
    return Draw(power.pue * (watts + power.host_watts), power.pue * (power.waiting * watts + power.host_watts))


def price_of(topology: Topology, start: str, end: str) -> tuple[EgressPrice | None, str]:
    """The price of bytes from one datacenter to another, and a key that is equal for bytes of one bill."""
    for position, pair in enumerate(topology.egress):
        if (start, end) in pair.ways():
            return pair.price, f"egress[{position}] {start}"
    site = next(each for each in topology.datacenters if each.name == start)
    return site.egress, start


def cost_of(scenario: Scenario, outcome: Outcome) -> Cost | None:
    """The cost of a run; None where nobody says what anything costs or draws."""
    topology = scenario.topology
    if not priced(topology):
        return None
    sites = tuple(_site_cost(scenario, outcome, worker) for worker in range(len(outcome.job.sites)))

    def total(name: str) -> float | None:
        values = [getattr(site, name) for site in sites]
        return None if None in values else math.fsum(values)

    chips, egress = total("chips"), total("egress")
    return Cost(
        total=(chips or 0.0) + (egress or 0.0) if counted_in_money(topology) else None,
        chips=chips,
        egress=egress,
        energy_kwh=total("energy_kwh"),
        carbon_kg=total("carbon_kg"),
        peak_power_w=total("peak_power_w"),
        sites=sites,
    )


def _site_cost(scenario: Scenario, outcome: Outcome, worker: int) -> SiteCost:
    job, timeline = outcome.job, outcome.timeline
    site, chips = job.sites[worker], job.setting.load.deal.worker_chips[worker]
    totals, seconds = timeline.workers[worker], timeline.wall_clock_s
    power = draw(scenario.workload.chip_at(site), site)
    busy_s = min(seconds, totals.compute_s + totals.packing_s)
    energy_kwh = carbon_kg = None
    if power is not None:
        joules = chips * (power.computing_w * busy_s + power.waiting_w * (seconds - busy_s))
        energy_kwh = joules / _J_PER_KWH
        if site.power is not None and site.power.carbon_g_per_kwh is not None:
            carbon_kg = energy_kwh * site.power.carbon_g_per_kwh / 1000
    return SiteCost(
        name=site.name,
        chips=None if site.price_chip_hour is None else chips * seconds / 3600 * site.price_chip_hour,
        egress=_egress(scenario.topology, outcome, worker),
        energy_kwh=energy_kwh,
        carbon_kg=carbon_kg,
        peak_power_w=None if power is None else chips * power.computing_w,
    )


def _egress(topology: Topology, outcome: Outcome, worker: int) -> float | None:
    """What a site pays for the bytes that leave it; None where nothing that leaves any site has a price."""
    if not topology.egress and all(site.egress is None for site in topology.datacenters):
        return None
    names = [site.name for site in outcome.job.sites]
    bills: dict[str, tuple[EgressPrice, float]] = {}
    for (source, target), size_bytes in outcome.sent.items():
        if source != worker:
            continue
        price, bill = price_of(topology, names[source], "" if target == STORE else names[target])
        if price is not None:
            bills[bill] = (price, bills[bill][1] + size_bytes if bill in bills else size_bytes)
    return math.fsum(charge(price, size, outcome.timeline.wall_clock_s) for price, size in bills.values())


def assumed(scenario: Scenario, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Sentences on what the money and the energy of some runs rest on."""
    topology = scenario.topology
    if not priced(topology):
        return
    used = {site.name: site for outcome in outcomes for site in outcome.job.sites}
    if counted_in_money(topology):
        yield from _about_money(topology, used)
    unknown = [name for name, site in used.items() if chip_watts(scenario.workload.chip_at(site), site) is None]
    if unknown:
        yield (
            f"energy: not counted, as nobody says what a chip of {', '.join(unknown[:3])} draws; write chip with the "
            'name of one whose power is published, or power: {chip: "700 W"}'
        )
        return
    powers = [site.power or Power() for site in used.values()]
    watts = sorted({chip_watts(scenario.workload.chip_at(site), site) or 0.0 for site in used.values()})
    hosts = "without hosts" if not any(each.host_watts for each in powers) else "with hosts"
    pue = "without cooling (power.pue)" if all(each.pue == 1 for each in powers) else "with cooling"
    waiting = sorted({each.waiting for each in powers})
    yield (
        f"energy: a computing chip draws {_span(watts)} W, a waiting one {_span([100 * w for w in waiting])}% of it "
        f"(power.waiting), {hosts}, {pue}"
    )
    dark = [name for name, site in used.items() if site.power is None or site.power.carbon_g_per_kwh is None]
    if dark and len(dark) < len(used):
        yield f"carbon: not counted, as {', '.join(dark[:3])} has no power.carbon; write it, 0 g/kWh included"


def _about_money(topology: Topology, used: dict[str, Datacenter]) -> Iterator[str]:
    from ..topology.egress import published_lists

    if any(site.price_chip_hour is not None for site in used.values()):
        yield "cost: the chips of every site in use are paid from the beginning of the run to its end"
    prices = [*(site.egress for site in used.values()), *(pair.price for pair in topology.egress)]
    lists = dict.fromkeys(each for each in prices if isinstance(each, str))
    for name in lists:
        found = published_lists()[name]
        yield f"egress: {name} is {found.what} in US dollars ({found.source})"
    if any(each is not None for each in prices):
        yield "egress: payload alone; each site has its own bill, and steps of volume begin anew in every month"


def _span(values: list[float]) -> str:
    return f"{values[0]:g}" if values[0] == values[-1] else f"{values[0]:g} to {values[-1]:g}"
