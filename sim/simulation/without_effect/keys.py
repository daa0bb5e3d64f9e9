"""Which keys of a scenario change nothing in its answer: a note names each, so that no key is ignored silently.

There is one rule for each reason. A rule yields the paths of keys whose value is not the default and which do not
affect this scenario with these strategies. A limit that is not reached (a window wide enough, chips to spare) is not
such a key, because the simulation compares with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...scenario.model import Scenario
from ...topology.model import Topology
from ..results import Job
from ..without_effect import network
from .given import given
from .messages import MESSAGES
from .prices import NOT_COUNTED, prices
from .training import TRAINING

NOT_BROKEN = "only simulate goodput counts what breaks"
Reason = tuple[str, Iterable[str]]
"""Why keys have no effect, and which ones."""


def without_effect(
    scenario: Scenario, jobs: Sequence[Job], carried: frozenset[str] | None, more: Iterable[Reason] = ()
) -> Iterator[str]:
    """Yields a sentence for each reason why some given keys change nothing.

    Args:
      scenario: what was asked.
      jobs: its strategies in their settings.
      carried: names of the links (or their directions) that carried any bytes; None if that was not counted.
      more: reasons that only the replays tell.
    """
    yield from sentences(by_path([*reasons(scenario, jobs, carried), *more]))


def reasons(scenario: Scenario, jobs: Sequence[Job], carried: frozenset[str] | None) -> Iterator[Reason]:
    """Every reason why keys of a scenario have no effect on its jobs, for any question."""
    idle = [] if carried is None else [("the link carries nothing in these runs", network.idle(carried))]
    yield from ((why, rule(scenario, jobs)) for why, rule in (*network.NETWORK, *TRAINING, *MESSAGES, *idle))
    if scenario.failures is not None:
        yield NOT_BROKEN, ["failures"]


def by_path(found: Iterable[Reason]) -> dict[str, str]:
    """The first reason for each key."""
    named: dict[str, str] = {}
    for why, paths in found:
        for path in paths:
            named.setdefault(path, why)
    return named


def without_effect_on_flows(topology: Topology, streams: Iterable[int | None]) -> Iterator[str]:
    """The same for single flows, without any training.

    Args:
      topology: the topology over which they are sent.
      streams: those of each flow; None where the flow names none.
    """
    transport, computing = topology.transport, ("chips", "chip", "mfu", "chip_speed", "inside", "host")
    sites = enumerate(topology.datacenters)
    unused = [path for position, site in sites for path in given(site, f"topology.datacenters[{position}]", *computing)]
    unused += given(topology, "topology", "hosts", "collective", "ring", "store")
    unused += given(transport, "topology.transport", "exchange_overhead", "first_exchange", "messages", "send_buffer")
    segment = (
        [] if transport.header_bytes or network.lossy(topology) else given(transport, "topology.transport", "segment")
    )
    alike = set(streams) == {None} and transport.window_bytes is None and not network.lossy(topology)
    found: list[Reason] = [
        ("single flows have no compute and no exchanges", unused),
        (NOT_COUNTED, prices(topology)),
        (network.NO_HEADER, segment),
        (network.AS_MANY, given(transport, "topology.transport", "streams") if alike else ()),
        (network.OWN_LATENCY, network.places(topology)),
        (network.NOT_JOINED, network.unjoined(topology)),
    ]
    yield from sentences(by_path(found))


def sentences(named: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each reason, with its keys."""
    grouped: dict[str, list[str]] = {}
    for path, why in named.items():
        grouped.setdefault(why, []).append(path)
    yield from (f"without effect: {', '.join(_shortened(paths))} ({why})" for why, paths in grouped.items())


def _shortened(paths: Sequence[str]) -> Iterator[str]:
    """The first of all paths that differ only in a number, and the number of the others."""
    alike: dict[str, list[str]] = {}
    for path in paths:
        alike.setdefault(re.sub(r"\d+", "", path), []).append(path)
    yield from (first + (f" and {len(others)} more such" if others else "") for first, *others in alike.values())
