"""Which combinations of a plan are replayed: the best estimates first, until a replay is better than what is left."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from ...shell.progress import Watch
from ...units.in_words import human_count
from .options import Ask
from .replay import Entry, replayed, score
from .search import Cell, Grid

FRONT_SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)
"""Shares of the deadline for which the best plan is searched: the points of the Pareto front."""
_PER_OPTION = 12
"""The most combinations of an option that are replayed, best estimate first."""
_PER_COARSE_GROUP = 4
"""The same for a whole group of options where estimates are coarse and replays expensive."""


def candidates(ask: Ask, grids: Sequence[Grid], limit_s: float) -> list[Cell]:
    """The best few combinations of every option, all options together, best estimate first."""
    most = {id(one): one.steps_within(limit_s) for one in grids}
    losses = {id(one): one.loss(most[id(one)]) for one in grids}
    target = min(float(loss.min()) for loss in losses.values()) * (1 + ask.loss_slack)
    found: list[Cell] = []
    for one in grids:
        if ask.goal == "loss":
            found += one.cells(most[id(one)], losses[id(one)], _PER_OPTION)
        elif math.isfinite(target):
            steps = one.least_steps(target, most[id(one)])
            score = np.where(steps > 0, one.saved(steps), np.inf)
            found += one.cells(steps, score, _PER_OPTION, kept_steps=True)
    return sorted(found, key=lambda cell: cell.score)


def by_family(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Combinations grouped by strategy, M and datacenters; the groups and their members best first."""
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.option.family, []).append(cell)
    return list(groups.values())


class Replayer:
    """Replays combinations, and counts them.

    Args:
      watch: is told before each replay.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.replays = 0

    def replay(self, cell: Cell, limit_s: float, left: int) -> Entry | None:
        """Replays one combination; `left` is the largest number of replays that may follow it."""
        self.replays += 1
        what = f"replaying {cell.option.strategy.label} in {cell.option.where}, {human_count(cell.params)} parameters"
        done, of = self.replays - 1, self.replays + left  # there may be fewer, never more
        return replayed(cell, limit_s, lambda steps: self._watch.doing(f"{what}, {steps:,} steps", done, of))

    def best_of_each(self, groups: Sequence[Sequence[Cell]], limit_s: float, places: int) -> list[Entry]:
        """The best plan of each of the best groups; estimates give the order of the replays, and replays decide.

        Args:
          groups: members of a group, and the groups themselves, best estimate first.
          limit_s: the longest wall-clock [s].
          places: the number of groups wanted.
        """
        winners: list[Entry] = []
        left = sum(map(len, groups))
        for cells in groups:
            if len(winners) >= places and _behind(cells[0], winners[places - 1]):
                break
            found: Entry | None = None
            for tried, cell in enumerate(cells):
                enough = _behind(cell, found) or (cell.coarse and tried >= _PER_COARSE_GROUP) if found else False
                if enough:
                    break
                left -= 1
                entry = self.replay(cell, limit_s, left)
                if entry is not None and (found is None or _scored(cell, entry) < _scored(cell, found)):
                    found = entry
            if found is not None:
                winners = sorted([*winners, found], key=partial(_scored, cells[0]))
                self._watch.found(f"{found.label}, {human_count(found.params)} parameters: {_loss(found)}")
        return winners[:places]


def _loss(entry: Entry) -> str:
    return "no loss predicted" if entry.predicted_loss is None else f"loss {entry.predicted_loss:.4f}"


def _behind(cell: Cell, entry: Entry) -> bool:
    """Whether an estimate is so much worse than a replayed plan that a replay of it cannot be better."""
    return cell.score > _scored(cell, entry) * (1 + cell.margin)


def _scored(cell: Cell, entry: Entry) -> float:
    return score(entry, cell.option.ask)


def front(replayer: Replayer, grids: Sequence[Grid]) -> list[Entry]:
    """The plans of lowest loss within shares of the deadline; with prices, for every number of chips."""
    found: list[Entry] = []
    ask = grids[0].option.ask
    for number, share in enumerate(FRONT_SHARES):
        by_chips: dict[int, list[Grid]] = {}
        for one in grids:
            by_chips.setdefault(one.option.chips if ask.priced else 0, []).append(one)
        for alike in by_chips.values():
            limit_s = share * ask.limit_s
            cells: list[Cell] = []
            for one in alike:
                steps = one.steps_within(limit_s)
                cells += one.cells(steps, one.loss(steps), 1)
            cells = sorted(cells, key=lambda cell: cell.score)[:1]
            for cell in cells:
                entry = replayer.replay(cell, limit_s, len(FRONT_SHARES) - number - 1)
                found += [entry] if entry is not None else []
    return found
