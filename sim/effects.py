"""Which keys of a scenario change nothing in its answer: each is named in a note, so that nothing given is ignored.

One rule for each reason. A rule yields the paths of keys whose value is not the default and which this scenario, with
these strategies, has no use for. A limit that does not bind (a window wide enough, chips to spare) is no such key: it
was looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import permutations
from typing import Any

from pydantic import BaseModel

from .geography import fibre_latency_s
from .hosts import crowded
from .result import Job
from .scenario import Scenario
from .strategies import AsyncDiLoCo, DataParallel, DiLoCo, EagerDiLoCo, ElasticDiLoCo, StreamingDiLoCo
from .strategies.fragments import FragmentedStrategy
from .strategies.overlap import OverlappingStrategy
from .topology import PUBLISHED, Datacenter, Router, Topology
from .workload import AnalyticWorkload, TraceWorkload

_CHUNKED = "chunked-ring"
_MOST_SITES = 32
"""Datacenters up to which the routes between all pairs of them are looked at."""
Rule = Callable[[Scenario, Sequence[Job]], Iterable[str]]


def without_effect(scenario: Scenario, jobs: Sequence[Job], carried: frozenset[str] | None) -> Iterator[str]:
    """A sentence for each reason for which keys that were given change nothing.

    Args:
      scenario: what was asked.
      jobs: its strategies in their settings.
      carried: names of the links (or their directions) that carried anything; None where nobody counted.
    """
    named: set[str] = set()
    idle = [] if carried is None else [("the link carries nothing in these runs", _idle(carried))]
    for why, rule in (*_RULES, *idle):
        paths = [path for path in rule(scenario, jobs) if path not in named]
        named.update(paths)
        if paths:
            yield f"without effect: {', '.join(_shortened(paths))} ({why})"


def _shortened(paths: Sequence[str]) -> Iterator[str]:
    """The first of all paths that differ in a number only, and how many more there are."""
    alike: dict[str, list[str]] = {}
    for path in paths:
        alike.setdefault(re.sub(r"\d+", "", path), []).append(path)
    yield from (first + (f" and {len(others)} more such" if others else "") for first, *others in alike.values())


def _given(model: BaseModel, path: str, *keys: str) -> Iterator[str]:
    """Paths of those public keys of a model whose value is not the default."""
    for name, field in type(model).model_fields.items():
        key = field.alias or name
        if key in keys and getattr(model, name) != field.get_default(call_default_factory=True):
            yield f"{path}.{key}".lstrip(".")


def _links(topology: Topology, *keys: str) -> Iterator[str]:
    for position, link in enumerate(topology.links):
        yield from _given(link, f"topology.links[{position}]", *keys)


def _insides(topology: Topology, positions: Iterable[int], *keys: str) -> Iterator[str]:
    for position in positions:
        yield from _given(topology.datacenters[position].inside, f"topology.datacenters[{position}].inside", *keys)


def _strategies(scenario: Scenario, wanted: Callable[[Any], bool], *keys: str) -> Iterator[str]:
    for position, strategy in enumerate(scenario.strategies):
        if wanted(strategy):
            yield from _given(strategy, f"strategies[{position}]", *keys)


def _alone(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if len(scenario.topology.datacenters) == 1:
        yield from _links(scenario.topology, "bandwidth", "latency", "duplex", "loss", "burst", "schedule", "outages")
        transport = scenario.topology.transport
        yield from _given(
            transport, "topology.transport", *(f.alias or n for n, f in type(transport).model_fields.items())
        )
        yield from _given(scenario, "", "collective")


def _published(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.algorithm == PUBLISHED:
        yield from _links(scenario.topology, "duplex", "loss", "burst", "schedule", "outages")
        yield from _given(scenario.topology.transport, "topology.transport", "window", "streams", "send_buffer")


def _overruled(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.collective is not None:
        yield from _given(scenario.topology, "topology", "collective")


def _buffers(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.algorithm != _CHUNKED:
        yield from _given(scenario.topology.transport, "topology.transport", "send_buffer")


def _lossy(topology: Topology) -> bool:
    return any(link.loss for link in topology.links)


def _segments(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    if not topology.transport.header_bytes and (scenario.algorithm == PUBLISHED or not _lossy(topology)):
        yield from _given(topology.transport, "topology.transport", "segment")


def _streams(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.topology.transport.window_bytes is None and not _lossy(scenario.topology):
        yield from _given(scenario.topology.transport, "topology.transport", "streams")


def _places(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    nodes: list[tuple[str, Datacenter | Router]] = [
        *((f"topology.datacenters[{position}]", site) for position, site in enumerate(topology.datacenters)),
        *((f"topology.routers[{position}]", router) for position, router in enumerate(topology.routers)),
    ]
    where = {node.name: node.location for _, node in nodes}
    used: set[str] = set()
    for link in topology.links:
        start, end = (where[name] for name in link.ends)
        if start and end and link.latency_s == fibre_latency_s(start, end, topology.fibre_stretch):
            used.update(link.ends)
    for path, node in nodes:
        if node.name not in used:
            yield from _given(node, path, "location")
    if not used:
        yield from _given(topology, "topology", "fibre_stretch")


def _routes(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    if not topology.route_overrides:
        return
    plain = topology.model_copy(update={"route_overrides": ()})
    sites = {site.name for site in topology.datacenters}
    for position, override in enumerate(topology.route_overrides):
        ways = override.ways()
        ends = [(way[0], way[-1]) for way in ways]
        if all(topology.path(*pair) == plain.path(*pair) for pair in ends) or not sites >= set(ends[0]):
            yield f"topology.routes[{position}]"


def _hosts(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    together = scenario.jobs == "together"
    groups = [[site for job in jobs for site in job.sites]] if together else [job.sites for job in jobs]
    slowed: set[str] = set()
    for sites in (*groups, topology.datacenters):
        places = crowded(topology.places_of(sites))
        slowed.update(site.name for site, place in zip(sites, places, strict=True) if place)
    for position, site in enumerate(topology.datacenters):
        if site.name not in slowed:
            yield from _given(site, f"topology.datacenters[{position}]", "host")
    named = {site.host for site in topology.datacenters}
    whole = {host.part_of for host in topology.hosts if host.name in named}
    yield from (
        f"topology.hosts[{position}]"
        for position, host in enumerate(topology.hosts)
        if host.name not in named and host.name not in whole
    )


def _lone_workers(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    at_once = len(jobs) if scenario.jobs == "together" else 1
    named = Counter(site.host for site in topology.datacenters)
    parts = Counter(host.part_of for host in topology.hosts if named[host.name])
    for position, host in enumerate(topology.hosts):
        if at_once * named[host.name] + parts[host.name] == 1 and host.slowdown[0] == 1:
            yield from _given(host, f"topology.hosts[{position}]", "slowdown")


def _unjoined(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    joined = {end for link in scenario.topology.links for end in link.ends}
    for position, router in enumerate(scenario.topology.routers):
        if router.name not in joined:
            yield f"topology.routers[{position}]"


def _off_the_way(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    if not 1 < len(topology.datacenters) <= _MOST_SITES:
        return
    used = {
        hop for pair in permutations([site.name for site in topology.datacenters], 2) for hop in topology.path(*pair)
    }
    for position, link in enumerate(topology.links):
        if not used.intersection(link.directions()):
            yield f"topology.links[{position}]"


def _idle(names: frozenset[str]) -> Rule:
    """Links that no run sent anything over, by the names of the directions that carried something."""

    def rule(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
        for position, link in enumerate(scenario.topology.links):
            if names.isdisjoint(
                f"{start} {arrow} {end}" for start, end in link.directions() for arrow in ("->", "<->")
            ):
                yield from _given(link, f"topology.links[{position}]", "duplex", "loss", "burst", "schedule", "outages")

    return rule


def _spans(job: Job) -> bool:
    """Whether gradients cross datacenters, and nothing is exchanged inside one."""
    return isinstance(job.strategy, DataParallel) or (isinstance(job.strategy, DiLoCo) and job.strategy.replicas == 1)


def _lone_chips(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    sites = scenario.topology.datacenters
    busy = {
        site.name
        for job in jobs
        for site, chips in zip(job.sites, job.setting.load.deal.worker_chips, strict=True)
        if chips > 1
    }
    lone = [
        position
        for position, site in enumerate(sites)
        if site.name not in busy and all(j.setting.load.chips <= len(j.sites) for j in jobs)
    ]
    yield from _insides(scenario.topology, lone, "bandwidth", "latency", "node_chips", "node_bandwidth", "overlap")


def _one_node(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    most: dict[str, float] = {}
    for job in jobs:
        for site, chips in zip(job.sites, job.setting.load.deal.worker_chips, strict=True):
            most[site.name] = max(most.get(site.name, 0.0), chips)
    whole = [i for i, site in enumerate(topology.datacenters) if 1 < most.get(site.name, 1e9) <= site.inside.node_chips]
    across = scenario.algorithm == PUBLISHED and len(topology.datacenters) > 1
    yield from _insides(topology, whole, "node_chips", *(() if across else ("bandwidth",)))


def _published_inside(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    included = all(job.setting.load.inside_included for job in jobs)
    several = len(scenario.topology.datacenters) > 1
    if scenario.algorithm == PUBLISHED and several and (included or all(_spans(job) for job in jobs)):
        sites = range(len(scenario.topology.datacenters))
        yield from _insides(scenario.topology, sites, "latency", "overlap", "node_chips", "node_bandwidth")


def _measured(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if all(job.setting.load.inside_included for job in jobs):
        yield from _insides(scenario.topology, range(len(scenario.topology.datacenters)), "overlap")


def _given_seconds(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    workload = scenario.workload
    timed = isinstance(workload, AnalyticWorkload) and workload.step_time_s is not None
    recorded = isinstance(workload, TraceWorkload) and not workload.rescale
    if timed:
        yield from _given(workload, "workload", "active_params")
    if (timed or recorded) and workload.split == "even":
        for position, site in enumerate(scenario.topology.datacenters):
            yield from _given(site, f"topology.datacenters[{position}]", "chip_speed")


def _own_speeds(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if all(site.chip_flop_per_s for site in scenario.topology.datacenters):
        yield from _given(scenario.workload, "workload", "chip_speed")


def _own_chips(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    sites = scenario.topology.datacenters
    said = scenario.workload.chips is not None or scenario.workload.tokens_per_chip is not None
    if said or not all(site.chips for site in sites):
        for position, site in enumerate(sites):
            yield from _given(site, f"topology.datacenters[{position}]", "chips")


def _split(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if all(len(set(job.setting.load.deal.tokens_share)) == 1 for job in jobs):
        yield from _given(scenario.workload, "workload", "split")


def _by_layer(job: Job) -> bool:
    """Whether the layers of the model matter to a strategy."""
    strategy = job.strategy
    if isinstance(strategy, StreamingDiLoCo) and strategy.fragments is None:
        return True
    return strategy.by_layer or (isinstance(strategy, FragmentedStrategy) and _fragments(job) > 1)


def _fragments(job: Job) -> int:
    strategy = job.strategy
    if isinstance(strategy, StreamingDiLoCo):
        return strategy.fragment_count(job.setting)
    return strategy.fragments if isinstance(strategy, EagerDiLoCo) else 1


def _layers(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if not any(_by_layer(job) for job in jobs):
        yield from _given(scenario.workload, "workload", "layers", "layer_params")


def _forward(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    def matters(job: Job) -> bool:
        setting = job.setting
        behind = any(setting.behind_backward) and max(setting.load.deal.worker_chips) > 1
        return job.strategy.by_layer or (behind and not setting.load.inside_included)

    if not any(matters(job) for job in jobs):
        yield from _given(scenario.workload, "workload", "forward_share")


def _bits(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    own = all(job.strategy.payload_bits for job in jobs) and any(isinstance(job.strategy, DataParallel) for job in jobs)
    if own and all(_spans(job) or max(job.setting.load.deal.worker_chips) <= 1 for job in jobs):
        yield from _given(scenario.workload, "workload", "payload_bits")


def _buckets(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    yield from _strategies(scenario, lambda s: isinstance(s, OverlappingStrategy) and not s.by_layer, "bucket")


def _patterns(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    for position, job in enumerate(jobs):
        layers, count = job.setting.load.layers, _fragments(job)
        alike = not layers or (len(set(layers)) == 1 and len(layers) % count == 0 and not job.strategy.by_layer)
        if isinstance(job.strategy, FragmentedStrategy) and (count == 1 or alike):
            yield from _given(job.strategy, f"strategies[{position}]", "pattern")


def _closing(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    for position, job in enumerate(jobs):
        whole = job.setting.load.steps % job.strategy.steps_per_sync == 0 and _fragments(job) == 1
        if whole and not isinstance(job.strategy, AsyncDiLoCo):
            yield from _given(job.strategy, f"strategies[{position}]", "closing_exchange")


def _together(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    apart = scenario.algorithm == PUBLISHED and not any(any(job.setting.places) for job in jobs)
    if len(jobs) == 1 or apart:
        yield from _given(scenario, "", "jobs")


_RULES: tuple[tuple[str, Rule], ...] = (
    ("a single datacenter sends nothing to others", _alone),
    (
        "an exchange at the published cost knows bandwidth, latency and headers alone; --set collective=auto: flows",
        _published,
    ),
    ("the scenario's own `collective` is used", _overruled),
    ("only chunked-ring hands over what has not left yet", _buffers),
    ("packets without a `header` cost nothing extra", _segments),
    ("as many streams for every flow change nothing without a window and without loss", _streams),
    ("every link there has a latency of its own", _places),
    ("the route is that of least latency anyway, or does not join two datacenters", _routes),
    ("nobody there slows anybody down", _hosts),
    ("a single worker computes there", _lone_workers),
    ("no link joins it", _unjoined),
    ("no route between two datacenters goes over it", _off_the_way),
    ("a lone chip has nobody to exchange with inside its datacenter", _lone_chips),
    ("a node holds all chips of its datacenter", _one_node),
    ("the published cost of an exchange across datacenters does not know it", _published_inside),
    ("measured seconds of a step hold the exchange of gradients inside", _measured),
    ("the seconds of a step are given", _given_seconds),
    ("every datacenter has a speed of its own", _own_speeds),
    ("how many chips work is said in the workload, or not of every datacenter; it is a limit only", _own_chips),
    ("all datacenters are equally fast", _split),
    ("no strategy goes by layers", _layers),
    ("nothing is exchanged behind a backward pass", _forward),
    ("every strategy has payload bits of its own", _bits),
    ("layers are bundled with `overlap: layers` only", _buckets),
    ("it changes what is learned and not when", lambda s, _: _strategies(s, lambda each: True, "mixing")),
    ("there is one fragment, or all are alike", _patterns),
    ("the last round is whole, and ends with its exchange", _closing),
    (
        "there is one replica only",
        lambda s, _: _strategies(s, lambda each: each.replica_count == 1 and isinstance(each, AsyncDiLoCo), "server"),
    ),
    (
        "all replicas are waited for",
        lambda s, _: _strategies(s, lambda e: isinstance(e, ElasticDiLoCo) and e.quorum == e.replicas, "grace"),
    ),
    ("nobody competes with anybody", _together),
)
