"""The search over all strategies: which can win at all, and which are the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...shell.progress import Watch
from .equipment import equipped
from .everything import MOST_CHOICES, entry_of, everything
from .failing import goodput_of, slowed
from .holding import most_params
from .in_time import quick_enough
from .options import Ask, Option
from .parts import choices
from .probed import Probed
from .search import Cell, Grid, best_size, bound, grid, params_to_try
from .spending import check_spending, powered
from .step_time import COARSE

_WORTH = 1e-4
"""What could at best lower the loss by less than this share of it is not examined further [-]."""
_ROUNDS = 2
_CLOSE = 0.01
_FINALISTS = 3
"""Kinds of strategies, within a share of the best, whose H, M and datacenters are all searched in the end."""


@dataclass(frozen=True)
class Field:
    """All options, and those that were estimated.

    Attributes:
      options: every one that the datacenters and their power allow.
      bounds: of each, by its name: no loss of it can be lower [nats per token].
      grids: the estimates of those that could win, with every N and B.
      screened: rougher estimates of those whose replays are expensive, by their names.
      params: N to choose from, of shape (N,).
      goodputs: of each estimated option that could win, by its name, the share of its time in which its best
        combination trains where hardware fails; empty where nothing does [-].
    """

    options: tuple[Option, ...]
    bounds: dict[str, float]
    grids: tuple[Grid, ...]
    screened: dict[str, Grid]
    params: NDArray[np.float64]
    goodputs: dict[str, float] = field(default_factory=dict)

    @property
    def suffering(self) -> tuple[Grid, ...]:
        """The estimates of those that could win, with what failures leave of their time."""
        if self.options[0].ask.failures is None:
            return self.grids
        known = [(one, self.goodputs.get(one.option.name)) for one in self.grids]
        return tuple(slowed(one, goodput) for one, goodput in known if goodput)


def field_of(ask: Ask, watch: Watch) -> Field:
    """Estimates the options that could win, the quickest to estimate first, and by what they could reach at best.

    Without `risk` only those whose price in loss is known can win.

    Args:
      ask: what is asked.
      watch: is told how far the search is.

    Raises:
      InputError: an option draws too much power, or chips or prices are missing, or nothing is ever trained.
    """
    topology = equipped(ask)
    check_spending(ask, topology)
    options = powered(ask, everything(ask, topology))
    params = quick_enough(ask.serving, params_to_try(ask, max(option.flop_per_s for option in options)))
    bounds = {option.name: bound(option, params, ask.limit_s) for option in options}
    ranked = [option for option in options if ask.risk or option.price_is_known]
    ranked = sorted(ranked, key=lambda option: (not option.strategy.blocking, bounds[option.name]))
    share = 1 - _WORTH if ask.goal == "loss" else 1 + ask.loss_slack
    best, grids, screened, goodputs = float("inf"), [], {}, {}
    for number, option in enumerate(ranked):
        if bounds[option.name] > best * share:
            continue
        watch.doing(f"estimating {option.strategy.label} in {option.where}", number, len(ranked))
        few = params[params <= most_params(option)]
        if not few.size:
            continue
        if best < float("inf") and not option.strategy.blocking:
            screened[option.name] = rough = screen(option, few)
            if least(rough) > best * (1 + COARSE):
                continue
        grids.append(one := grid(option, few))
        if ask.failures and least(one) < best:
            watch.doing(f"letting hardware fail under {option.strategy.label} in {option.where}", number, len(ranked))
            goodputs[option.name] = goodput = goodput_of(best_cell(one))
            best = min(best, least(slowed(one, goodput))) if goodput else best
        elif ask.failures is None:
            best = min(best, least(one))
    if ask.failures and not any(goodputs.values()):
        raise InputError("failures: nothing is ever trained; write a longer mtbf, or a shorter repair")
    return Field(tuple(options), bounds, tuple(grids), screened, params, goodputs)


def best_cell(one: Grid) -> Cell:
    """The combination of lowest loss of an option, by its estimates; there is one."""
    steps = one.steps_within(one.option.ask.limit_s)
    return one.cells(steps, one.loss(steps), 1)[0]


def least(one: Grid) -> float:
    """The lowest loss of an option by its estimates; inf where nothing fits [nats per token]."""
    return float(one.loss(one.steps_within(one.option.ask.limit_s)).min())


def screen(option: Option, params: NDArray[np.float64]) -> Grid:
    """The estimates of an option by one short replay, at the size that would be best if it computed all the time."""
    size, batch = best_size(option, params)
    return grid(option, params, Probed(option, size, batch, _ROUNDS))


def finalists(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Entries that search the best strategy of each of the best kinds again.

    Args:
      cells: combinations, best estimate first.
    """
    first: dict[str, str] = {}
    for cell in cells:
        if cell.score > cells[0].score * (1 + _CLOSE):
            break
        first.setdefault(cell.option.strategy.kind, entry_of(cell.option))
    return tuple(first.values())[:_FINALISTS]


def notes_on_all(ask: Ask, field: Field) -> list[str]:
    """Sentences on what the search over all strategies looked at, and what it left out."""
    rarer = ", ".join(map(str, ask.cadences))
    found = [
        f"strategies: all, {len(field.options):,} options of strategy, H ({rarer}), bits, fragments, delay and "
        f"datacenters; {len(field.grids):,} of them could win and were estimated at every size and batch"
    ]
    if ask.failures:
        found.append(
            f"failures: {len(field.goodputs):,} options that could still win had 100 histories each, of their best "
            "combination without failures; so had each loser, which is the best of its kind without failures"
        )
    if not ask.risk:
        found.append(
            "strategies: those whose loss nobody has measured are not ranked; --risk ranks them by their high ends"
        )
    if len(choices(equipped(ask), None)) > MOST_CHOICES:
        found.append(
            "datacenters: there are too many choices of them; the first 1, 2, 3, ... by flop/s are searched (with the "
            "name of a strategy instead of all: every choice of up to ten datacenters)"
        )
    return found
