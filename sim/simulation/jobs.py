"""Which strategy runs where: a scenario's strategies in their settings, chips and batch dealt out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice

from ..engine.ops import STORE
from ..errors import InputError
from ..network.paths import Paths
from ..network.placement import published_route
from ..scenario.model import Scenario
from ..strategies import AbstractStrategy
from ..strategies.shared.setting import Setting
from ..topology.hosts import places_that_slow_down
from ..topology.model import PUBLISHED, Route, Topology
from .placing import placed
from .results import Job


def jobs(scenario: Scenario) -> list[Job]:
    """What a scenario would replay: its strategies in their settings, chips and batch dealt out.

    Raises:
      InputError: the topology cannot carry a strategy, or the chips cannot be shared evenly.
    """
    planned = [
        plan_job(scenario, strategy, workers_of(scenario, position))
        for position, strategy in enumerate(scenario.strategies)
    ]
    for position, job in enumerate(planned):
        check_chips(scenario, position, job)
    return _neighbours(scenario, planned) if scenario.jobs == "together" else planned


def _neighbours(scenario: Scenario, planned: Sequence[Job]) -> list[Job]:
    """Jobs that run at once: their workers share hosts with those of the others."""
    places = iter(places_that_slow_down([place for job in planned for place in scenario.topology.places_of(job.sites)]))
    return [
        replace(job, setting=replace(job.setting, places=tuple(islice(places, job.setting.workers)))) for job in planned
    ]


def plan_job(scenario: Scenario, strategy: AbstractStrategy, split: int) -> Job:
    """A strategy in its setting: the datacenters that it uses, its share of the workload, and what joins them.

    Datacenters that a strategy leaves to a search are found by replays (see `placing`).

    Args:
      scenario: topology, workload, and how exchanges are made.
      strategy: what runs; it need not be one of the scenario's.
      split: chips that nobody gave are rounded up to a multiple of this.

    Raises:
      InputError: there is no path between two of the sites, or the numbers contradict each other.
    """
    topology = scenario.topology
    everywhere = topology.datacenters
    everyone = [site.name for site in everywhere]
    if strategy.placements(everyone) is not None:
        return placed(scenario, strategy, lambda each: plan_job(scenario, each, split))
    sites = tuple(everywhere[place] for place in strategy.places(everyone))
    names = tuple(site.name for site in sites)
    check_store(scenario, strategy)
    load = scenario.workload.load(sites, split)
    published = scenario.algorithm == PUBLISHED
    if strategy.by_layer and not load.layers:
        raise InputError(
            f"workload.layers: {strategy.label} goes layer by layer, and nobody says how many there are; write "
            "the number in the workload, such as layers: 48"
        )
    setting = Setting(
        load,
        inside=tuple(site.inside_route for site in sites),
        across=published_route(topology, names, load.deal.worker_chips),
        places=places_that_slow_down(topology.places_of(sites)),
        behind_backward=tuple(
            (site.inside.overlap or ("none" if published else "backward")) == "backward" for site in sites
        ),
        parts_inside=not published,
        way=_ways(topology, names, published=published),
        hops=_hops(topology, names),
        sites=names,
    )
    return Job(strategy, setting, sites)


def _ways(topology: Topology, names: Sequence[str], *, published: bool) -> Callable[[int, int], Route]:
    """What the route between two workers offers: the published cost looks at its narrowest link and no further."""
    site = _places(topology, names)
    if published:
        return lambda start, end: topology.route(site(start), site(end))
    wiring = cache(lambda: Paths(topology))  # few strategies ask
    return lambda start, end: wiring().idle_route(site(start), site(end))


def _hops(topology: Topology, names: Sequence[str]) -> Callable[[int, int], dict[Hashable, float]]:
    """The links from one worker to another, with what each can carry of payload [bit/s]."""
    share, site = topology.transport.payload_share, _places(topology, names)
    return lambda start, end: {
        hop: topology.wires[hop].bandwidth_bits_per_s * share for hop in topology.path(site(start), site(end))
    }


def _places(topology: Topology, names: Sequence[str]) -> Callable[[int], str]:
    """Where each end of a transfer is: a worker's datacenter, or the store."""
    store = topology.store
    return lambda end: store.at if end == STORE and store is not None else names[end]


def check_store(scenario: Scenario, strategy: AbstractStrategy) -> None:
    """Demands a store, with ways to it and back, where exchanges go through one.

    Raises:
      InputError: names who needs it.
    """
    topology = scenario.topology
    through = scenario.algorithm == "store" or strategy.shape == "mailbox"
    if through and topology.store is None and len(topology.datacenters) > 1:
        who = strategy.label if strategy.shape == "mailbox" else "collective: store"
        raise InputError(
            f"topology.store: {who} goes through a store, and topology {topology.name} has none; write "
            "store: {at: NAME} with the name of a router"
        )


def workers_of(scenario: Scenario, position: int) -> int:
    """How many datacenters a strategy of a scenario uses.

    Raises:
      InputError: the topology has fewer.
    """
    strategy, sites = scenario.strategies[position], len(scenario.topology.datacenters)
    workers = strategy.workers(sites)
    if workers > sites:
        raise InputError(
            f"strategies[{position}]: {strategy.label} needs {workers} datacenters and topology "
            f"{scenario.topology.name} has {sites}; use at most {sites} replicas, or a topology with more datacenters"
        )
    return workers


def check_chips(scenario: Scenario, position: int, job: Job) -> None:
    """Demands that a job's datacenters share the chips evenly, and that each has as many.

    Raises:
      InputError: names the chips that would do.
    """
    load, workers, label = job.setting.load, job.setting.workers, job.strategy.label
    if scenario.workload.chips is not None and load.chips % workers:
        low = load.chips // workers * workers
        choices = f"{low} or {low + workers}" if low else f"{workers}"
        raise InputError(
            f"workload.chips: {load.chips} chips cannot be shared evenly by the {workers} datacenters of {label} "
            f"(strategies[{position}]); use {choices}"
        )
    for site, chips in zip(job.sites, load.deal.worker_chips, strict=True):
        if site.chips is not None and site.chips < chips:
            raise InputError(
                f"workload.chips: {label} (strategies[{position}]) needs {chips:g} chips in datacenter "
                f"{site.name}, which has {site.chips}; use at most {site.chips * workers} chips in all"
            )
