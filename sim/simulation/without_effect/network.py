"""Keys of the network that change nothing in a scenario, by reason (see `keys`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import permutations

from ...scenario.model import Scenario
from ...topology.geography import fibre_latency_s
from ...topology.hosts import places_that_slow_down
from ...topology.model import PUBLISHED, Datacenter, Router, Topology
from ..results import Job
from .given import given, links

CHUNKED, VIA_STORE = "chunked-ring", "store"
_LEAST_OF_ORDERS = 3
"""Two datacenters have one order alone."""
MOST_SITES = 32
"""The routes between all pairs of datacenters are examined up to this number of datacenters."""
NO_HEADER = "packets have no `header`, so their size does not matter"
AS_MANY = "equal streams for all flows change nothing without a window or loss"
OWN_LATENCY = "every link there states its own latency"
NOT_JOINED = "no link connects it"
Rule = Callable[[Scenario, Sequence[Job]], Iterable[str]]


def _alone(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if len(scenario.topology.datacenters) == 1:
        yield from links(scenario.topology, "bandwidth", "latency", "duplex", "loss", "burst", "schedule", "outages")
        transport = scenario.topology.transport
        yield from given(
            transport, "topology.transport", *(f.alias or n for n, f in type(transport).model_fields.items())
        )
        yield from given(scenario, "", "collective")
        yield from endpoints(scenario.topology)


def endpoints(topology: Topology) -> Iterator[str]:
    """The bandwidths at which programs of sites handle bytes."""
    for position, site in enumerate(topology.datacenters):
        yield from given(site, f"topology.datacenters[{position}]", "endpoint")


def _published(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.algorithm == PUBLISHED:
        yield from links(scenario.topology, "duplex", "loss", "burst", "schedule", "outages")
        of_flows = ("window", "streams", "first_exchange", "messages", "send_buffer")
        yield from given(scenario.topology.transport, "topology.transport", *of_flows)
        yield from endpoints(scenario.topology)


def _openings(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.algorithm != PUBLISHED and not any(job.strategy.meetings.opens for job in jobs):
        yield from given(scenario.topology.transport, "topology.transport", "first_exchange")


def _overruled(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.collective is not None:
        yield from given(scenario.topology, "topology", "collective")


def _buffers(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.algorithm != CHUNKED:
        yield from given(scenario.topology.transport, "topology.transport", "send_buffer")


def lossy(topology: Topology) -> bool:
    """Whether any link loses packets."""
    return any(link.loss for link in topology.links)


def _segments(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    if not topology.transport.header_bytes and (scenario.algorithm == PUBLISHED or not lossy(topology)):
        yield from given(topology.transport, "topology.transport", "segment")


def _streams(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.topology.transport.window_bytes is None and not lossy(scenario.topology):
        yield from given(scenario.topology.transport, "topology.transport", "streams")


def places(topology: Topology) -> Iterator[str]:
    """Locations that no link takes its latency from."""
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
            yield from given(node, path, "location")
    if not used:
        yield from given(topology, "topology", "fibre_stretch")


def _store(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if not _stores(scenario, jobs):
        yield from given(scenario.topology, "topology", "store")


def _stores(scenario: Scenario, jobs: Sequence[Job]) -> bool:
    """Whether anything goes through a store."""
    several = len(scenario.topology.datacenters) > 1
    return several and (scenario.algorithm == VIA_STORE or any(job.strategy.shape == "mailbox" for job in jobs))


def _store_ways(scenario: Scenario, jobs: Sequence[Job], site: str) -> list[tuple[str, str]]:
    """The ends of the ways of a site to the store, and back, if anything goes through it."""
    store = scenario.topology.store
    return [(site, store.at), (store.at, site)] if store is not None and _stores(scenario, jobs) else []


def _ring(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    around = {"auto", "ring", "chunked-ring", "hierarchical"}
    if scenario.algorithm not in around or not any(_goes_around(job) for job in jobs):
        yield from given(scenario.topology, "topology", "ring")


def _goes_around(job: Job) -> bool:
    """Whether a job may have exchanges among three sites or more: not through a store, one way or in pairs."""
    meetings = job.strategy.meetings
    of_few = len(job.sites) < _LEAST_OF_ORDERS or meetings.own_pace or meetings.drawn
    return not of_few and job.strategy.shape != "mailbox"


def _routes(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    if not topology.route_overrides:
        return
    plain = topology.replaced(routes=())
    sites = {site.name for site in topology.datacenters}
    sites |= {end for site in topology.datacenters for way in _store_ways(scenario, jobs, site.name) for end in way}
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
        places = places_that_slow_down(topology.places_of(sites))
        slowed.update(site.name for site, place in zip(sites, places, strict=True) if place)
    for position, site in enumerate(topology.datacenters):
        if site.name not in slowed:
            yield from given(site, f"topology.datacenters[{position}]", "host")
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
            yield from given(host, f"topology.hosts[{position}]", "slowdown")


def unjoined(topology: Topology) -> Iterator[str]:
    """Routers that no link connects."""
    joined = {end for link in topology.links for end in link.ends}
    for position, router in enumerate(topology.routers):
        if router.name not in joined:
            yield f"topology.routers[{position}]"


def _unused_by_routes(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    if not 1 < len(topology.datacenters) <= MOST_SITES:
        return
    used = {hop for pair in _ends(scenario, jobs) for hop in topology.path(*pair)}
    for position, link in enumerate(topology.links):
        if not used.intersection(link.directions()):
            yield f"topology.links[{position}]"


def _ends(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[tuple[str, str]]:
    """The ends of all ways on which anything may be sent."""
    sites = [site.name for site in scenario.topology.datacenters]
    yield from permutations(sites, 2)
    for site in sites:
        yield from _store_ways(scenario, jobs, site)


def _narrower_beside(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    """Buckets that no traffic can empty, nor use: all that crosses them comes through one link that is no wider."""
    topology = scenario.topology
    if not any(link.burst_bytes for link in topology.links) or not 1 < len(topology.datacenters) <= MOST_SITES:
        return
    from ...network.paths import Paths

    paths = Paths(topology)
    ways = [frozenset(paths.way(*pair).wires) for pair in _ends(scenario, jobs)]

    def is_limited(number: int) -> bool:
        crossing = [way for way in ways if number in way]
        beside = frozenset.intersection(*crossing) - {number} if crossing else ()
        plain = [other for other in beside if paths.wires[other].profile.constant and not paths.wires[other].burst_bits]
        return not crossing or any(paths.idle_bits_per_s[other] <= paths.idle_bits_per_s[number] for other in plain)

    for position, link in enumerate(topology.links):
        names = {f"{start} {arrow} {end}" for start, end in link.directions() for arrow in ("->", "<->")}
        own = [number for number, wire in enumerate(paths.wires) if wire.name in names and wire.burst_bits]
        if own and all(paths.wires[number].profile.constant and is_limited(number) for number in own):
            yield from given(link, f"topology.links[{position}]", "burst")


def idle(names: frozenset[str]) -> Rule:
    """Links that carried nothing in any run, found from the names of the directions that carried something."""

    def rule(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
        for position, link in enumerate(scenario.topology.links):
            if names.isdisjoint(
                f"{start} {arrow} {end}" for start, end in link.directions() for arrow in ("->", "<->")
            ):
                yield from given(link, f"topology.links[{position}]", "duplex", "loss", "burst", "schedule", "outages")

    return rule


def _together(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    apart = scenario.algorithm == PUBLISHED and not any(any(job.setting.places) for job in jobs)
    if len(jobs) == 1 or apart:
        yield from given(scenario, "", "jobs")


NETWORK: tuple[tuple[str, Rule], ...] = (
    ("a single datacenter sends nothing to others", _alone),
    (
        "the published cost depends on bandwidth, latency and headers alone; --set collective=auto simulates flows",
        _published,
    ),
    ("no sites exchange with each other in the first round", _openings),
    ("the scenario's own `collective` is used", _overruled),
    ("only chunked-ring has a send buffer", _buffers),
    (NO_HEADER, _segments),
    (AS_MANY, _streams),
    (OWN_LATENCY, lambda s, _: places(s.topology)),
    ("it is the route of least latency anyway, or does not connect two datacenters", _routes),
    ("no worker slows another down there", _hosts),
    ("a single worker computes there", _lone_workers),
    ("no exchange goes through a store", _store),
    ("no exchange goes around a ring of three or more datacenters", _ring),
    (NOT_JOINED, lambda s, _: unjoined(s.topology)),
    ("no route between two datacenters that compute uses it", _unused_by_routes),
    ("all traffic there crosses one link without a bucket that is no wider", _narrower_beside),
    ("the strategies have nothing to compete for", _together),
)
"""Each reason, with the rule that finds its keys."""
