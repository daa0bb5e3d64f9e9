"""Keys of pipelines that change nothing in a scenario: of where stages are, and of messages that meet (see `keys`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

from ...engine.ops import Start
from ...scenario.model import Scenario
from ...topology.model import PUBLISHED, Topology
from ..results import Job
from .given import given
from .network import Rule
from .training import with_jobs


def _published(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.algorithm == PUBLISHED:
        for position, job in with_jobs(scenario, jobs):
            yield from given(job.strategy, f"strategies[{position}]", "bandwidth_sharing")


def _apart(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    for position, job in with_jobs(scenario, jobs):
        if getattr(job.strategy, "bandwidth_sharing", "fair") != "fair" and not _share_a_link(scenario.topology, job):
            yield from given(job.strategy, f"strategies[{position}]", "bandwidth_sharing")


def _found_where_they_were(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    everywhere = [site.name for site in scenario.topology.datacenters]
    for position, job in with_jobs(scenario, jobs):
        if job.placed and [site.name for site in job.sites] == everywhere[: len(job.sites)]:
            yield from given(job.asked, f"strategies[{position}]", "sites")


def _share_a_link(topology: Topology, job: Job) -> bool:
    """Whether any link is on the way of two connections, of which a pair of sites has one for each kind of message."""
    ways = {(one.collective.name, one.collective.touches) for one in _messages(job)}
    used = Counter(wire for _, ends in ways for wire in _wires(topology, *(job.sites[each].name for each in ends)))
    return any(count > 1 for count in used.values())


def _messages(job: Job) -> Iterator[Start]:
    """The messages of a step of every worker."""
    setting = replace(job.setting, load=replace(job.setting.load, steps=1))
    for program in job.strategy.programs(setting):
        yield from (op for op in program if isinstance(op, Start) and op.collective.stream)


def _wires(topology: Topology, start: str, end: str) -> set[Hashable]:
    """The links of a way; both directions of one that is half duplex are one."""
    hops = topology.path(start, end)
    return {frozenset(hop) if topology.wires[hop].duplex == "half" else hop for hop in hops}


MESSAGES: tuple[tuple[str, Rule], ...] = (
    ("at the published cost messages take turns anyway", _published),
    ("no two messages share a link", _apart),
    ("the search found the first datacenters in their order, which stages have without it", _found_where_they_were),
)
"""Each reason, with the rule that finds its keys."""
