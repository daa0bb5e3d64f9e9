"""Which keys of a scenario change nothing in its answer: each is named in a note, so that nothing given is ignored.

One rule for each reason. A rule yields the paths of keys whose value is not the default and which this scenario, with
these strategies, has no use for. A limit that does not bind (a window wide enough, chips to spare) is no such key: it
was looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...scenario.model import Scenario
from ...topology.model import Topology
from ..results import Job
from ..without_effect import network
from .given import given
from .training import TRAINING

Reason = tuple[str, Iterable[str]]
"""Why keys have no effect, and which ones."""


def without_effect(scenario: Scenario, jobs: Sequence[Job], carried: frozenset[str] | None) -> Iterator[str]:
    """A sentence for each reason for which keys that were given change nothing.

    Args:
      scenario: what was asked.
      jobs: its strategies in their settings.
      carried: names of the links (or their directions) that carried anything; None where nobody counted.
    """
    yield from sentences(by_path(reasons(scenario, jobs, carried)))


def reasons(scenario: Scenario, jobs: Sequence[Job], carried: frozenset[str] | None) -> Iterator[Reason]:
    """Every reason why keys of a scenario have no effect on its jobs, whatever is asked about them."""
    idle = [] if carried is None else [("the link carries nothing in these runs", network.idle(carried))]
    yield from ((why, rule(scenario, jobs)) for why, rule in (*network.NETWORK, *TRAINING, *idle))


def by_path(found: Iterable[Reason]) -> dict[str, str]:
    """The first reason for each key."""
    named: dict[str, str] = {}
    for why, paths in found:
        for path in paths:
            named.setdefault(path, why)
    return named


def without_effect_on_flows(topology: Topology, streams: Iterable[int | None]) -> Iterator[str]:
    """The same for flows that are sent as they are, without any training.

    Args:
      topology: what they are sent over.
      streams: those that each flow asks for itself.
    """
    transport, computing = topology.transport, ("chips", "chip_speed", "inside", "host")
    sites = enumerate(topology.datacenters)
    unused = [path for position, site in sites for path in given(site, f"topology.datacenters[{position}]", *computing)]
    unused += given(topology, "topology", "hosts", "collective")
    unused += given(transport, "topology.transport", "exchange_overhead", "send_buffer")
    segment = (
        [] if transport.header_bytes or network.lossy(topology) else given(transport, "topology.transport", "segment")
    )
    alike = set(streams) == {None} and transport.window_bytes is None and not network.lossy(topology)
    found: list[Reason] = [
        ("flows are sent as they are: nothing is computed, and nothing exchanged", unused),
        (network.NO_HEADER, segment),
        (network.AS_MANY, given(transport, "topology.transport", "streams") if alike else ()),
        (network.OWN_LATENCY, network.places(topology)),
        (network.NOT_JOINED, network.unjoined(topology)),
    ]
    yield from sentences(by_path(found))


def sentences(named: Mapping[str, str]) -> Iterator[str]:
    """One for each reason, with the keys that have no effect for it."""
    grouped: dict[str, list[str]] = {}
    for path, why in named.items():
        grouped.setdefault(why, []).append(path)
    yield from (f"without effect: {', '.join(_shortened(paths))} ({why})" for why, paths in grouped.items())


def _shortened(paths: Sequence[str]) -> Iterator[str]:
    """The first of all paths that differ in a number only, and how many more there are."""
    alike: dict[str, list[str]] = {}
    for path in paths:
        alike.setdefault(re.sub(r"\d+", "", path), []).append(path)
    yield from (first + (f" and {len(others)} more such" if others else "") for first, *others in alike.values())
