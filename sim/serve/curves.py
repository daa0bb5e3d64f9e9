"""Utilisation and wall-clock against the bandwidth of the links, with what is chosen now marked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ..report.model import Axis, Curve, Picture
from ..scenario.model import Scenario
from ..simulation.results import Result
from ..simulation.run import outcomes
from ..simulation.summary import summarise
from ..units.quantities import BANDWIDTH
from .asked import Asked, ask
from .networks import network
from .state import Amount, State

_DECADES, _POINTS_A_DECADE = 2, 2
_DAY_S = 86400.0


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


def curves(state: State, result: Result, within_s: float) -> Curves | None:
    """Replays each strategy at bandwidths around those of the topology; None where there are no links.

    The bandwidths do not depend on the one that is chosen, so that a line stays where it is while a slider moves.

    Args:
      state: what is asked.
      result: the answer to it, a point of every line.
      within_s: a strategy whose line would take what is left of this time, or more, is left out [s].
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
    asked = ask(replace(state, bandwidth=None))
    end_s = time.monotonic() + within_s
    lines, missing = [], []
    for position, run in enumerate(result.runs):
        repeats = result.scenario.strategies[position].repeats

        def place(bandwidth: float, position: int = position) -> Place:
            return _place(asked, position, Amount(bandwidth, factor=factors))

        found = _line(place, grid, end_s) if repeats else None
        if found is None:
            why = "it takes too long to replay at many bandwidths" if repeats else "it never repeats itself"
            missing.append(f"{run.label} has no curve here: {why}; simulate bandwidth draws it.")
        else:
            own = Place(run.compute_utilization, run.wall_clock_s)
            lines.append(Line(run.label, tuple(sorted({**found, now: own}.items(), key=lambda pair: pair[0]))))
    return Curves(now, factors, tuple(lines), tuple(missing))


def _line(place: Callable[[float], Place], grid: Sequence[float], end_s: float) -> dict[float, Place] | None:
    """Places on a grid, or None where they would take longer than there is time."""
    found: dict[float, Place] = {}
    for number, bandwidth in enumerate(grid):
        before_s = time.monotonic()
        found[bandwidth] = place(bandwidth)
        now_s = time.monotonic()
        if now_s + (now_s - before_s) * (len(grid) - number - 1) > end_s:
            return None
    return found


@lru_cache(maxsize=256)
def _scenario(asked: Asked) -> Scenario:
    return asked.scenario()


@lru_cache(maxsize=4096)
def _place(asked: Asked, position: int, amount: Amount) -> Place:
    """One strategy of a question by itself, with another bandwidth; the same is replayed once."""
    scenario = _scenario(asked)
    links = tuple(
        link.replaced(bandwidth=BANDWIDTH.within(amount.of(link.bandwidth_bits_per_s)))
        for link in scenario.topology.links
    )
    only = scenario.replaced(
        topology=scenario.topology.replaced(links=links), strategies=scenario.strategies[position : position + 1]
    )
    (found,) = outcomes(only)
    run = summarise(found, only.topology.name, found.timeline.wall_clock_s)
    return Place(run.compute_utilization, run.wall_clock_s)


def pictures(found: Curves) -> tuple[Picture, Picture]:
    """Two pictures for renderers that draw: utilisation, and wall-clock."""
    unit = 1.0 if found.factors else 1e9
    across = "bandwidth, times the topology's" if found.factors else "bandwidth of every link [Gbit/s]"
    here = f"chosen: {found.now:g} x" if found.factors else f"chosen: {found.now / 1e9:g} Gbit/s"
    times = [place.wall_clock_s for line in found.lines for _, place in line.places]
    scale_s, name = next(
        ((scale, name) for name, scale in (("days", _DAY_S), ("h", 3600.0)) if times and min(times) > 0.1 * scale),
        (1.0, "s"),
    )
    low, high = (min(times, default=1.0) / scale_s, max(times, default=1.0) / scale_s)

    def picture(title: str, y: Axis, ends: tuple[float, float], value: Callable[[Place], float]) -> Picture:
        lines = [
            Curve(line.label, tuple((bandwidth / unit, value(place)) for bandwidth, place in line.places))
            for line in found.lines
        ]
        marked = Curve(here, tuple((found.now / unit, end) for end in ends))
        return Picture(title, Axis(across, log=True), y, (*lines, marked))

    return (
        picture(
            "Compute utilisation against bandwidth",
            Axis("compute utilisation [%]", low=0, high=102),
            (0.0, 102.0),
            lambda place: 100 * place.utilization,
        ),
        picture(
            "Wall-clock against bandwidth",
            Axis(f"wall-clock [{name}]", low=low, high=high, log=True),
            (low, high),
            lambda place: place.wall_clock_s / scale_s,
        ),
    )
