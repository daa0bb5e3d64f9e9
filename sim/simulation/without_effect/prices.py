"""Prices and powers that change nothing in a scenario, by reason (see `keys`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...scenario.model import Scenario
from ...topology.model import Topology
from ..cost import chip_watts, price_of, priced
from ..results import Outcome
from .given import given

NOT_COUNTED = "only runs and plans count money and energy"
PRICES = ("price_chip_hour", "egress", "power")
"""Keys of a datacenter that say what something costs or draws."""
Reason = tuple[str, list[str]]


def prices(topology: Topology) -> list[str]:
    """All of them that a topology has, for questions that count neither."""
    sites = enumerate(topology.datacenters)
    own = [path for place, site in sites for path in given(site, f"topology.datacenters[{place}]", *PRICES)]
    return [*own, *given(topology, "topology", "egress")]


def unused_prices(scenario: Scenario, outcomes: Sequence[Outcome]) -> Iterator[Reason]:
    """Those without effect on some runs, with the reason."""
    topology = scenario.topology
    used = {site.name for outcome in outcomes for site in outcome.job.sites}
    charged: set[str] = set()
    for outcome in outcomes:
        names = [site.name for site in outcome.job.sites]
        charged |= {
            price_of(topology, names[start], names[end])[1] for (start, end), size in outcome.sent.items() if size
        }
    sites = [(f"topology.datacenters[{place}]", site) for place, site in enumerate(topology.datacenters)]
    yield (
        "no run uses its chips",
        [p for path, site in sites if site.name not in used for p in given(site, path, *PRICES)],
    )
    yield (
        "nothing leaves it at this price",
        [p for path, site in sites if site.name not in charged for p in given(site, path, "egress")],
    )
    yield (
        "no run sends anything there",
        [
            f"topology.egress[{place}]"
            for place in range(len(topology.egress))
            if not any(bill.startswith(f"egress[{place}] ") for bill in charged)
        ],
    )
    yield from _of_power(scenario, used)


def _of_power(scenario: Scenario, used: set[str]) -> Iterator[Reason]:
    sites = [
        (f"topology.datacenters[{place}]", site)
        for place, site in enumerate(scenario.topology.datacenters)
        if site.name in used
    ]
    if any(chip_watts(scenario.workload.chip_at(site), site) is None for _, site in sites):
        why = "nobody says what the chips of another datacenter draw"
        yield why, [path for at, site in sites if site.power for path in given(site, at, "power")]
    elif any(site.power is None or site.power.carbon_g_per_kwh is None for _, site in sites):
        why = "another datacenter has none"
        yield why, [path for at, site in sites if site.power for path in given(site.power, f"{at}.power", "carbon")]


def counts_watts(scenario: Scenario, place: int | None) -> bool:
    """Whether the kind of chip of a datacenter (None: of the workload) says what is drawn, or how much it can hold."""
    if scenario.workload.memory is not None:
        return True
    topology, sites = scenario.topology, scenario.topology.datacenters
    if not priced(topology) or any(chip_watts(scenario.workload.chip_at(site), site) is None for site in sites):
        return False
    asked = (
        [sites[place]]
        if place is not None
        else [site for site in sites if scenario.workload.chip_at(site) != site.chip]
    )
    return any(site.power is None or site.power.chip_watts is None for site in asked)
