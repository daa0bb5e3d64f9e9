"""Utilisation and wall-clock against the bandwidth of the links, with what is chosen now marked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ..report.model import Axis, Curve, Mark, Picture
from ..scenario.model import Scenario
from ..simulation.results import Result
from ..simulation.run import outcomes
from ..simulation.summary import summarise
from ..strategies import AbstractStrategy, Reference
from ..units.quantities import BANDWIDTH
from .asked import Asked, ask
from .networks import network
from .state import Amount, State

_DECADES, _POINTS_A_DECADE = 2, 2
_UNITS = ((1.0, "s"), (3600.0, "h"), (86400.0, "days"), (31557600.0, "yr"))
"""Of a wall-clock: the first in which the longest has at most four digits [s]."""


@dataclass(frozen=True)
class Place:
    """What a strategy does at one bandwidth: share of the time that it computes, and its wall-clock [s]."""

    utilization: float
    wall_clock_s: float


@dataclass(frozen=True)
class Line:
    """A strategy at several bandwidths.

    Attributes:
      label: of the strategy.
      places: by bandwidth, rising: of every link [bit/s], or as a multiple of the topology's.
    """

    label: str
    places: tuple[tuple[float, Place], ...]


@dataclass(frozen=True)
class Curves:
    """How the answer depends on bandwidth.

    Attributes:
      now: the bandwidth that is chosen, in the terms of the lines.
      factors: whether bandwidths are multiples of the topology's, whose links differ.
      lines: of the strategies that are quick enough.
      missing: of the others, why they have none.
    """

    now: float
    factors: bool
    lines: tuple[Line, ...]
    missing: tuple[str, ...]


def curves(state: State, result: Result, took_s: float, within_s: float) -> Curves | None:
    """Replays each strategy at bandwidths around those of the topology; None where there are no links.

    The bandwidths do not depend on the one that is chosen, so that a line stays where it is while a slider moves.

    Args:
      state: what is asked.
      result: the answer to it, a point of every line.
      took_s: how long that took; a strategy's share of it is that of the steps that it replayed [s].
      within_s: time for all lines; a strategy whose line would take twice as long is not begun [s].
    """
    known = network(state.topology)
    if not known.bandwidths:
        return None
    common = known.common("bandwidth")
    set_to = state.bandwidth if state.bandwidth is not None else Amount(1.0, factor=True)
    factors = common is None and set_to.factor
    now = set_to.number if factors else set_to.of(common or 1.0)
    middle = 1.0 if factors else common or now
    steps = range(-_DECADES * _POINTS_A_DECADE, _DECADES * _POINTS_A_DECADE + 1)
    grid = [float(f"{middle * 10 ** (step / _POINTS_A_DECADE):.4g}") for step in steps]
    # Of the strategies only one is replayed at a time, so that those that a slider does not touch are known already.
    world = ask(replace(state, bandwidth=None, strategies=(Reference.model_fields["kind"].default,)))
    end_s = time.monotonic() + within_s
    lines, missing = [], []
    for position, run in enumerate(result.runs):
        point_s = took_s * run.replayed_steps / sum(each.replayed_steps for each in result.runs)

        def place(bandwidth: float, position: int = position) -> Place:
            return _place(world, result.scenario.strategies[position], Amount(bandwidth, factor=factors))

        found = _line(place, grid, end_s) if point_s * len(grid) < 2 * within_s else None
        if found is None:
            why = "it takes too long to replay at many bandwidths"
            missing.append(f"{run.label} has no curve here: {why}; simulate bandwidth draws it.")
        else:
            own = Place(run.compute_utilization, run.wall_clock_s)
            lines.append(Line(run.label, tuple(sorted({**found, now: own}.items(), key=lambda pair: pair[0]))))
    return Curves(now, factors, tuple(lines), tuple(missing))


def _line(place: Callable[[float], Place], grid: Sequence[float], end_s: float) -> dict[float, Place] | None:
    """Places on a grid, or None where there is no time for all of them."""
    found: dict[float, Place] = {}
    for bandwidth in grid:
        if time.monotonic() > end_s:
            return None
        found[bandwidth] = place(bandwidth)
    return found


@lru_cache(maxsize=256)
def _world(asked: Asked) -> Scenario:
    return asked.scenario()


@lru_cache(maxsize=256)
def _with_links(asked: Asked, amount: Amount) -> Scenario:
    """A question with another bandwidth of all links."""
    scenario = _world(asked)
    links = tuple(
        link.replaced(bandwidth=BANDWIDTH.within(amount.of(link.bandwidth_bits_per_s)))
        for link in scenario.topology.links
    )
    return scenario.replaced(topology=scenario.topology.replaced(links=links))


@lru_cache(maxsize=4096)
def _place(asked: Asked, strategy: AbstractStrategy, amount: Amount) -> Place:
    """One strategy by itself on the links of a question, with another bandwidth; the same is replayed once."""
    only = _with_links(asked, amount).replaced(strategies=(strategy,))
    (found,) = outcomes(only)
    run = summarise(found, only.topology.name, found.timeline.wall_clock_s)
    return Place(run.compute_utilization, run.wall_clock_s)


def pictures(found: Curves) -> tuple[Picture, Picture]:
    """Two pictures for renderers that draw: utilisation, and wall-clock."""
    unit = 1.0 if found.factors else 1e9
    across = "bandwidth, times the topology's" if found.factors else "bandwidth of every link [Gbit/s]"
    here = f"chosen: {found.now:g} x" if found.factors else f"chosen: {found.now / 1e9:g} Gbit/s"
    times = [place.wall_clock_s for line in found.lines for _, place in line.places]
    scale_s, name = next((unit for unit in _UNITS if max(times, default=0.0) < 1e4 * unit[0]), _UNITS[-1])
    marks = (Mark(found.now / unit, here),)

    def picture(title: str, y: Axis, value: Callable[[Place], float]) -> Picture:
        lines = [
            Curve(line.label, tuple((bandwidth / unit, value(place)) for bandwidth, place in line.places))
            for line in found.lines
        ]
        return Picture(title, Axis(across, log=True), y, tuple(lines), marks)

    return (
        picture(
            "Compute utilisation against bandwidth",
            Axis("compute utilisation [%]", low=0, high=102),
            lambda place: 100 * place.utilization,
        ),
        picture(
            "Wall-clock against bandwidth",
            Axis(f"wall-clock [{name}]", log=True),
            lambda place: place.wall_clock_s / scale_s,
        ),
    )
