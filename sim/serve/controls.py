"""The sliders of the page: which values they stop at, and what each field shows in a state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..defaults import SYNC_EVERY
from ..units.in_words import human_quantity
from ..units.quantities import BANDWIDTH, LATENCY, Unit, to_text
from .asked import takers
from .networks import Network, network
from .state import OWN_PARAMS, OWN_SIZE, Amount, State, count_text, texts

_STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8)
"""Stops within a power of ten."""


@dataclass(frozen=True)
class Control:
    """A slider with its field.

    Attributes:
      name: of the field in the address.
      label: what it is.
      text: what is written in the field; empty where nobody gave it.
      placeholder: what holds then.
      stops: what the slider writes, from left to right.
      position: of the stop that is nearest to what holds.
      hint: what a person should know of it; why it has no effect, where it is off.
      off: whether it has no effect.
      hidden: whether it is not shown at all then.
    """

    name: str
    label: str
    text: str
    placeholder: str
    stops: tuple[str, ...]
    position: int
    hint: str
    off: bool = False
    hidden: bool = False

    def data(self) -> dict[str, Any]:
        """For the script of the page."""
        return asdict(self)


def controls(state: State) -> list[Control]:
    """All sliders, in the order of the page."""
    known, written = network(state.topology), texts(state)
    return [
        _params(state, written),
        _of_links("bandwidth", "Bandwidth", BANDWIDTH, (1e6, 1e13), state.bandwidth, known, written),
        _of_links("latency", "Latency, one way", LATENCY, (1e-6, 1.0), state.latency, known, written),
        _steps(state, written),
        _replicas(state, known, written),
        _bits(state, written),
        _chips(state, known, written),
    ]


def _params(state: State, written: dict[str, str]) -> Control:
    stops, off = _spaced(1e7, 1e13), state.workload != OWN_SIZE
    return Control(
        "params",
        "Parameters of the model",
        "" if off else written.get("params", ""),
        count_text(OWN_PARAMS),
        tuple(count_text(stop) for stop in stops),
        _nearest(stops, state.params or OWN_PARAMS),
        "N; 20 tokens are trained for each",
        off=off,
        hidden=off,
    )


def _of_links(
    name: str,
    label: str,
    unit: Unit,
    ends: tuple[float, float],
    amount: Amount | None,
    known: Network,
    written: dict[str, str],
) -> Control:
    """Of every link, where all are alike or are set so; else as a multiple of what the topology says."""
    values, common = known.values(name), known.common(name)
    if not values:
        return Control(name, label, "", "", ("",), 0, "there are no links between datacenters", off=True)
    text = written.get(name, "")
    if common is None and (amount is None or amount.factor):
        factors = _spaced(1e-2, 1e2)
        span = f"{human_quantity(min(values), unit)} to {human_quantity(max(values), unit)}"
        hint = f"of all links, times the topology's ({span}); or one for all, such as {to_text(_round(values), unit)}"
        position = _nearest(factors, amount.number if amount else 1.0)
        return Control(name, label, text, "x1", tuple(f"x{factor:g}" for factor in factors), position, hint)
    stops = [*([0.0] if unit is LATENCY else []), *_spaced(*ends)]
    now = amount.of(common or 1.0) if amount else common or 1.0
    same = "" if common is None else f"of every link; the topology's is {human_quantity(common, unit)}"
    hint = same or "of every link alike; empty: as in the topology"
    shown = tuple(to_text(stop, unit) for stop in stops)
    return Control(
        name, label, text, "" if common is None else to_text(common, unit), shown, _nearest(stops, now), hint
    )


def _steps(state: State, written: dict[str, str]) -> Control:
    stops = [int(number) for number in _spaced(1, 1000) if number == int(number)]
    off = not takers(state, "sync_every")
    hint = "no chosen strategy has outer steps" if off else "H: inner steps between outer steps"
    position = _nearest(stops, state.sync_every or SYNC_EVERY)
    label = "Steps between synchronisations"
    return Control(
        "sync-every",
        label,
        written.get("sync-every", ""),
        str(SYNC_EVERY),
        tuple(map(str, stops)),
        position,
        hint,
        off,
    )


def _replicas(state: State, known: Network, written: dict[str, str]) -> Control:
    stops = list(range(1, known.sites + 1))
    off = not takers(state, "replicas")
    hint = (
        "no chosen strategy has replicas" if off else f"M: the topology has {known.sites} datacenter(s), one for each"
    )
    position = _nearest(stops, state.replicas or known.sites)
    return Control(
        "replicas",
        "Replicas",
        written.get("replicas", ""),
        str(known.sites),
        tuple(map(str, stops)),
        position,
        hint,
        off,
    )


def _bits(state: State, written: dict[str, str]) -> Control:
    stops = [1, 2, 3, 4, 6, 8, 12, 16, 32]
    off = not takers(state, "payload_bits")
    hint = "no chosen strategy has outer steps" if off else "of what outer steps send; gradients keep the workload's"
    position = _nearest(stops, state.payload_bits or 16)
    text = written.get("payload-bits", "")
    return Control(
        "payload-bits", "Bits per parameter", text, "the workload's", tuple(map(str, stops)), position, hint, off
    )


def _chips(state: State, known: Network, written: dict[str, str]) -> Control:
    part = math.lcm(known.sites, state.replicas or known.sites)
    most = known.chips or 200_000
    stops = [part * factor for factor in _round_factors(most // part)] or [part]
    whose = f"{known.chips:,} in the topology" if known.chips else "as many as the batch needs"
    hint = f"in all datacenters together; empty: {whose}"
    position = _nearest(stops, state.chips or known.chips or 256)
    placeholder = f"{known.chips}" if known.chips else "from the batch"
    return Control("chips", "Chips", written.get("chips", ""), placeholder, tuple(map(str, stops)), position, hint)


def _round_factors(most: int) -> list[int]:
    """Whole numbers up to one, spaced evenly in their logarithm, and that one itself."""
    found = [int(number) for number in _spaced(1, max(1, most)) if number == int(number) and number <= most]
    return sorted({*found, most}) if most >= 1 else []


def _spaced(low: float, high: float) -> list[float]:
    """Round numbers from one to another, spaced evenly in their logarithm."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = [float(f"{step * 10.0**power:.3g}") for power in powers for step in _STEPS]
    return [number for number in numbers if low <= number <= high]


def _nearest(stops: Sequence[float], value: float) -> int:
    """Where the stop is that is nearest to a value, as a factor."""

    def apart(stop: float) -> float:
        return abs(math.log(max(stop, 1e-9) / max(value, 1e-9)))

    return min(range(len(stops)), key=lambda place: apart(stops[place]))


def _round(values: Sequence[float]) -> float:
    middle = sorted(values)[len(values) // 2]
    return float(f"{middle:.1g}")
