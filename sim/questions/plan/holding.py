"""Which models fit into the memory of the chips of an option."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...simulation.jobs import plan_job
from ...simulation.memory import fits, memory_by_site, remedies
from ...simulation.spent import ChipMemory
from ...units.chips import find_chip
from ...units.in_words import human_bytes, human_count
from ...workload.memory import Memory
from .options import Ask, Option
from .search import Grid, grid

_PROBE = 1e9


def held(option: Option, params: float) -> list[ChipMemory]:
    """What a chip of each datacenter holds of a model of so many parameters."""
    scenario = option.scenario(params, 2.0**20, option.sync_every)
    workload = scenario.workload.replaced(layers=option.ask.layers, memory={"sharding": option.ask.sharding})
    changed = scenario.replaced(workload=workload)
    return memory_by_site(changed, plan_job(changed, option.strategy, 1))


def most_params(option: Option) -> float:
    """The largest model that fits; inf where nobody names the chips.

    All that is held grows with N, but for activations, which grow with the width and so with its root: A N + B sqrt(N).
    """
    if not any(site.chip for site in option.topology.datacenters):
        return math.inf
    return min(_most(each) for each in held(option, _PROBE))


def _most(found: ChipMemory) -> float:
    if found.capacity is None:
        return math.inf
    passing = found.activations or 0.0
    whole, root = (found.total - passing) / _PROBE, passing / math.sqrt(_PROBE)
    return ((math.sqrt(root**2 + 4 * whole * found.capacity) - root) / (2 * whole)) ** 2


def fitting_grids(everything: Iterable[Option], params: NDArray[np.float64]) -> list[Grid]:
    """The grid of every option over those models that fit; options without any are left out."""
    found = []
    for option in everything:
        few = params[params <= most_params(option)]
        if few.size:
            found.append(grid(option, few))
    return found


def nothing_fits(ask: Ask, everything: Sequence[Option], params: NDArray[np.float64]) -> ArgumentError:
    """That no chip can hold its part of the smallest model that is asked for, and what would make it fit."""
    largest = max(everything, key=most_params)
    short = next(each for each in held(largest, float(params[0])) if not fits(each))
    size, most = human_count(float(params[0])), human_count(float(f"{most_params(largest):.3g}"))
    states, passing = human_bytes(short.total - (short.activations or 0)), human_bytes(short.activations or 0)
    there = f"a {short.chip} in {short.site} has {human_bytes(short.capacity or 0)}"
    told = (
        f"{{params:{size}}}: {there}, and {largest.label} needs {states} of it for the model and its optimizers and "
        f"{passing} for activations, with {{sharding:{ask.sharding}}}; up to {most} would fit: write smaller "
        "{params}, more {chips}, another {chip}"
    )
    return ArgumentError(told + ("" if ask.sharding == "parameters" else ", or {sharding:parameters}"))


def memory_note(ask: Ask, option: Option, params: NDArray[np.float64]) -> list[str]:
    """A sentence, where memory and not the question bounds the models of an option."""
    most = most_params(option)
    if most >= float(params[-1]):
        return []
    less = remedies(Memory(sharding=ask.sharding))
    names = dict.fromkeys(site.chip for site in option.topology.datacenters if site.chip and find_chip(site.chip))
    return [
        f"memory: models of {option.label} up to {human_count(float(f'{most:.3g}'))} parameters fit into the memory of "
        f"{', '.join(str(name) for name in names)} (sharding: {ask.sharding}); larger ones need {less}"
    ]
