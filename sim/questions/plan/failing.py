"""A plan for hardware that fails: what is left of the time of each option, by histories of its best combination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ... import laws
from ...errors import InputError
from ...failures.spent import Spent
from ...scenario.model import Scenario
from ...shell.progress import Watch
from ...simulation.cost import cost_of
from ...simulation.results import Outcome
from ...simulation.spent import Cost
from ...units.in_words import human_count
from ..goodput.cases import IN_WORDS
from ..goodput.goodput import GoodputRow, answer, check_sites
from ..goodput.spending import spending
from .objective import price_factor
from .options import Ask, Option
from .search import Cell, Grid
from .spending import rates

_PLACES = 2
"""Plans that are shown side by side: the best, and the runner-up."""
_ROUNDS_APART = 100
"""Rounds from which a pace is taken where none repeats, if many options are asked for theirs."""
_HISTORIES = 100
"""Histories of each of these."""


def history_of(scenario: Scenario, ask: Ask, histories: int | None = None) -> GoodputRow | None:
    """What becomes of a run until the deadline, by what it does best about failures; None if nothing of it fails."""
    return answer(scenario, for_s=ask.limit_s, histories=histories).best if scenario.failures else None


def goodput_of(cell: Cell) -> float:
    """The share of its time until the deadline in which a combination trains, by histories; 1 if nothing fails [-]."""
    option = cell.option
    rounds = cell.steps if option.strategy.repeats else min(cell.steps, _ROUNDS_APART * option.sync_every)
    row = history_of(option.scenario(cell.params, cell.batch_tokens, rounds), option.ask, _HISTORIES)
    return row.goodput.p50 if row else 1.0


def slowed(one: Grid, goodput: float) -> Grid:
    """The estimates of an option that trains in no more than a share of its time; chips are rented all of it."""
    if goodput == 1:
        return one
    rate = rates(one.option.topology)
    more_s = np.where(np.isfinite(one.step_s), one.step_s, 0.0) * (1 / goodput - 1)
    nothing = np.zeros_like(more_s)
    spent, energy_kwh = one.spent + rate.money(more_s, nothing), one.energy_kwh + rate.energy_kwh(more_s, nothing)
    return replace(one, step_s=one.step_s + more_s, spent=spent, energy_kwh=energy_kwh)


def with_goodputs(ask: Ask, cells: Sequence[Cell], watch: Watch) -> Ask:
    """The request with the goodput of every option that may be the best, or the runner-up; the others are left out.

    Whoever is behind two families of options that suffer failures, even though he suffers none, is not among the best.

    Args:
      ask: what is asked, with failures.
      cells: combinations of all options without failures, best estimate first.
      watch: is told how far it is.

    Raises:
      InputError: nothing is ever trained.
    """
    assert ask.failures is not None
    check_sites(ask.failures, [site.name for site in ask.topology.datacenters])
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(cell.option.name, cell)
    goodputs: dict[str, float] = {}
    losses: dict[object, float] = {}
    for number, (name, cell) in enumerate(first.items()):
        option, best = cell.option, sorted(losses.values())[:_PLACES]
        if ask.goal == "loss" and len(best) == _PLACES and cell.loss * (1 - cell.margin) > best[-1]:
            continue
        watch.doing(f"letting hardware fail under {option.label} in {option.where}", number, len(first))
        row = history_of(option.scenario(cell.params, cell.batch_tokens, cell.steps), ask)
        goodput = row.goodput.p50 if row else 1.0
        if goodput > 0:
            goodputs[name] = goodput
            losses[option.family] = min(losses.get(option.family, np.inf), _loss(cell, goodput))
    if not goodputs:
        raise InputError("failures: nothing is ever trained; write a longer mtbf, or a shorter repair")
    return replace(ask, goodputs=tuple(goodputs.items()))


def _loss(cell: Cell, goodput: float) -> float:
    """Estimated loss of a combination that trains in a share of its time [nats per token]."""
    option, tokens = cell.option, cell.batch_tokens * max(1.0, cell.steps * goodput)
    numbers = (np.asarray(cell.params), np.asarray(tokens))
    batch, unique = np.asarray(cell.batch_tokens), option.ask.unique_tokens
    found = laws.predicted_loss(*numbers, option.algorithm, option.replicas, batch, unique)
    return float(found * price_factor(option, numbers[0]))


def cost_with_failures(option: Option, scenario: Scenario, outcome: Outcome) -> Cost | None:
    """What a run costs and draws: chips, spares included, are rented for the time that failures take, too."""
    plain, failures = cost_of(scenario, outcome), option.failures
    if plain is None or failures is None:
        return plain
    money, trained_s = spending(scenario, outcome, failures.spares), outcome.timeline.wall_clock_s
    spent = Spent(training_s=trained_s, wall_clock_s=trained_s / option.goodput)
    assert money is not None
    return replace(plain, total=money.cost(spent), energy_kwh=money.kwh(spent), carbon_kg=money.kg(spent))


def failures_note(ask: Ask, row: GoodputRow) -> str:
    """What the failures of the best plan come to, for people."""
    spares = ask.failures.spares if ask.failures else 0
    beside = f", {spares:,} spare chips in every datacenter beside the others" if spares else ""
    return (
        f"Failures: {row.faults_per_day:.3g} a day{beside}; in 5% to 95% of {row.histories:,} histories the best plan "
        f"({IN_WORDS[row.policy]}) trains on {human_count(row.tokens.p5)} to {human_count(row.tokens.p95)} tokens; "
        "ranked by medians. A goodput is that of an option's best combination without failures."
    )
