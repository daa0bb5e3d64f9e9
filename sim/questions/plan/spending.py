"""What an option spends, estimated for arrays of steps: money and energy; replays count both exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...simulation.cost import draw, price_of
from ...topology.egress import least_per_byte
from ...topology.model import Topology
from .options import Ask, Option

Array = NDArray[np.float64]
_W_PER_MW = 1e6
_J_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Rates:
    """What the datacenters of an option spend together.

    Attributes:
      money_per_s: for their chips.
      money_per_byte: for a byte between them: the lowest price that any volume of it has.
      computing_w, waiting_w: while all chips compute, and while all wait; None where nobody knows [W].
    """

    money_per_s: float
    money_per_byte: float
    computing_w: float | None
    waiting_w: float | None

    def money(self, step_s: Array, step_bytes: Array) -> Array:
        """The cost of a step; a lower bound where prices have steps of volume."""
        return step_s * self.money_per_s + step_bytes * self.money_per_byte

    def energy_kwh(self, step_s: Array, compute_s: Array) -> Array:
        """The energy of a step [kWh]."""
        computing_w, waiting_w = self.computing_w or 0.0, self.waiting_w or 0.0
        return (computing_w * compute_s + waiting_w * np.maximum(0.0, step_s - compute_s)) / _J_PER_KWH


def rates(topology: Topology) -> Rates:
    """What all datacenters of a topology spend together."""
    sites = topology.datacenters
    names = [site.name for site in sites]
    prices = [price_of(topology, *pair)[0] for pair in permutations(names, 2)]
    draws = [(site.chips or 0, draw(site.chip, site)) for site in sites]
    known = [(chips, each) for chips, each in draws if each is not None]
    whole = len(known) == len(draws)
    return Rates(
        money_per_s=sum((site.chips or 0) * (site.price_chip_hour or 0.0) for site in sites) / 3600,
        money_per_byte=min((0.0 if price is None else least_per_byte(price) for price in prices), default=0.0),
        computing_w=sum(chips * each.computing_w for chips, each in known) if whole else None,
        waiting_w=sum(chips * each.waiting_w for chips, each in known) if whole else None,
    )


def within_power(ask: Ask, everything: Iterable[Option]) -> list[Option]:
    """Those options that draw no more than is allowed while all their chips compute."""
    if ask.max_mw is None:
        return list(everything)
    return [each for each in everything if (rates(each.topology).computing_w or 0.0) <= ask.max_mw * _W_PER_MW]


def check_spending(ask: Ask, topology: Topology) -> None:
    """Demands prices and powers for what is to be saved or limited.

    Args:
      ask: what is asked.
      topology: from `equipped`.

    Raises:
      InputError: nobody says what something costs or draws.
    """
    if ask.max_cost is not None and not _costs(topology):
        raise ArgumentError("{max_cost}: there are no prices; write {price_chip_hour} or {price_gb} as well")
    if ask.objective == "cost" and not _costs(topology):
        raise ArgumentError("{objective:cost}: there are no prices; write {price_chip_hour} or {price_gb} as well")
    if ask.objective != "loss" and ask.inference_tokens is not None:
        raise ArgumentError("{objective}: {inference_tokens} has an objective of its own; leave out one of them")
    argument = "{objective:energy}" if ask.objective == "energy" else "{max_mw}" if ask.max_mw is not None else ""
    unknown = next((site.name for site in topology.datacenters if draw(site.chip, site) is None), None)
    if argument and unknown is not None:
        told = (
            ": nobody says what a chip of {site!r} draws; write {chip} with the name of one whose power is published, "
        )
        raise ArgumentError(argument + told + "or `power` in the topology", site=unknown)


def _costs(topology: Topology) -> bool:
    sites = topology.datacenters
    some = [pair.price for pair in topology.egress] + [site.egress for site in sites if site.egress is not None]
    return any(site.price_chip_hour for site in sites) or any(price != 0 for price in some)


def powered(ask: Ask, everything: Sequence[Option]) -> list[Option]:
    """The same, of which there must be some.

    Raises:
      InputError: every choice of datacenters draws more than is allowed.
    """
    if found := within_power(ask, everything):
        return found
    least = min((rates(each.topology).computing_w or 0.0) for each in everything) / _W_PER_MW
    raise ArgumentError(
        f"{{max_mw:{ask.max_mw:g}}}: the smallest choice of datacenters draws {least:.3g} MW while its chips compute; "
        "allow more, or take fewer {chips}"
    )
