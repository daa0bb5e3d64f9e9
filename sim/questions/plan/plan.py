"""The best plan for some chips, links and days: model, batch, strategy, and the loss that they reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...scenario.model import Scenario
from ...shell.progress import UNWATCHED, Watch
from ...topology.model import Topology
from ...units.in_words import human_count
from ..goodput.goodput import GoodputRow
from .checks import check, limits_in_words
from .contenders import Replayer, by_family, candidates, front
from .equipment import equipped
from .everything import MOST_CHOICES, check_all
from .failing import failures_note, history_of, with_goodputs
from .holding import fitting_grids, memory_note, nothing_fits
from .in_time import InTime, in_time, quick_enough, with_serving_chip
from .losers import Lost, lost
from .marginal import Marginal, enlarged, marginals
from .options import Ask, Option, options
from .replay import Entry, option_of, scenario_of, undominated
from .search import Grid, params_to_try
from .serving import serving_note
from .spending import check_spending, powered
from .tournament import field_of, finalists, notes_on_all
from .without_effect import in_plan

_BINDING_NATS = 1e-3
"""A resource limits the loss if twice as much of it lowers the loss by at least this [nats per token]."""


@dataclass(frozen=True)
class Plan:
    """The answer.

    Attributes:
      ask: what was asked.
      what: sites, chips and days in words.
      best: the best plan.
      scenario: the best plan as a scenario.
      runner_up: the best one with another strategy, another M or other datacenters; None if there is none.
      front: the Pareto front: plans that no other beats in time, loss and (with prices) cost, by time.
      marginal: the change of the loss by more days, chips, bandwidth, ...; by closed form or estimate.
      binding: the resources whose doubling lowers the loss noticeably, and a limit of latency without which it would
        be lower, the largest change first.
      combinations: number of combinations evaluated.
      replays: number of them that were replayed.
      closed_form: whether all of them have a closed form.
      notes: sentences on keys and options without effect.
      under_failures: what becomes of the best plan where hardware fails, as bands; None where nothing does.
      in_time: when its model answers, and what that limit costs; None where there is no limit.
      lost: with `all`, the best of each other kind and what differs from the best plan in one thing, best first.
    """

    ask: Ask
    what: str
    best: Entry
    scenario: Scenario
    runner_up: Entry | None
    front: tuple[Entry, ...]
    marginal: dict[str, Marginal]
    binding: tuple[str, ...]
    combinations: int
    replays: int
    closed_form: bool
    notes: tuple[str, ...]
    under_failures: GoodputRow | None = None
    in_time: InTime | None = None
    lost: tuple[Lost, ...] = ()


def answer(ask: Ask, watch: Watch = UNWATCHED) -> Plan:
    """The best plan; with `all` strategies, and why the others lost (see `_chosen`).

    Over all strategies, only those whose price in loss is known can win, unless `risk` is asked for. An option is
    estimated if it would be better by a ten-thousandth of the loss, did it compute all the time. The best of each of
    the three best kinds is then searched as if it had been asked for. Where hardware fails, the best so far is that
    with what failures leave of its time, and an option that could still be better has histories of its own.

    Args:
      ask: what is asked.
      watch: is told how far the search is.

    Raises:
      InputError: an option is out of range, or no combination fits into the deadline.
    """
    if not ask.over_all:
        return _chosen(ask, watch)
    check(ask)
    check_all(ask)
    ask = with_serving_chip(ask)
    field = field_of(ask, watch)
    entries = finalists(candidates(ask, field.suffering, ask.limit_s)) or Ask.strategies
    rest = replace(ask, strategies=entries, sync_every=ask.cadences, known=not ask.risk, most_choices=MOST_CHOICES)
    found = _chosen(rest, watch, written=False)
    others = lost(field, found.best, watch)
    return replace(found, ask=ask, lost=others, notes=(*found.notes, *notes_on_all(ask, field)))


def _chosen(ask: Ask, watch: Watch, *, written: bool = True) -> Plan:
    """Evaluates every combination of strategy, datacenters, H, N and B, and replays those that may be best.

    A plan takes as many steps as fit into the deadline (and the cost), so its tokens follow from the time of a step.
    With inference tokens the best plan is the one of least lifetime compute, 6 N D + 2 N D_inference, among those whose
    loss is within `loss_slack` of the best reachable one; with an objective, likewise that of least cost or energy.

    Args:
      ask: what is asked.
      watch: is told how far the search is.
      written: whether the user wrote the entries of the strategies, and is told what in them has no effect.

    Returns:
      The plan.

    Raises:
      InputError: an option is out of range, or no combination fits into the deadline.
    Limits: the memory of chips counts where they are named; pipelines are not modelled; the laws' limits are in the
      notes of every plan.
    """
    check(ask)
    ask = with_serving_chip(ask)
    topology = equipped(ask)
    check_spending(ask, topology)
    everything = powered(ask, options(ask, topology))
    tried = params_to_try(ask, max(option.flop_per_s for option in everything))
    params = quick_enough(ask.serving, tried)
    grids = _estimated(everything, tried, watch)
    if not grids:
        raise nothing_fits(ask, everything, tried)
    without, grids = grids, [one.up_to(float(params[-1])) for one in grids]
    cells = candidates(ask, grids, ask.limit_s)
    if ask.failures and not ask.goodputs and cells:
        return _chosen(with_goodputs(ask, cells, watch), watch, written=written)
    replayer = Replayer(watch)
    entries = replayer.best_of_each(by_family(cells), ask.limit_s, 2)
    if not entries:
        told = f"{{days:{ask.days:g}}}: nothing fits{{why}}; allow more of it, or smaller {{params}}"
        raise ArgumentError(told, why=limits_in_words(ask))
    best = entries[0]
    marginal = marginals(ask, topology, params, grids)
    scenario = scenario_of(best, everything)
    failed = history_of(scenario, ask)
    limited = _in_time(replayer, without, best, float(params[-1])) if ask.serving else None
    return Plan(
        ask=ask,
        what=f"{ask.topology.name}: {_asked(ask, topology)}",
        best=best,
        scenario=scenario,
        runner_up=entries[1] if len(entries) > 1 else None,
        front=tuple(undominated([*front(replayer, grids), *entries], ask)),
        marginal=marginal,
        binding=(*_binding(marginal, limited), *_range_binds(ask, tried, best)),
        combinations=int(sum(np.isfinite(one.step_s).sum() for one in grids)),
        replays=replayer.replays,
        closed_form=all(one.exact for one in grids),
        notes=(
            *((failures_note(ask, failed),) if failed else ()),
            *((serving_note(ask.serving),) if ask.serving else ()),
            *memory_note(ask, option_of(best, everything), params),
            *in_plan(ask, everything, options(ask, enlarged(topology, "chips", doubled=True)), written=written),
        ),
        under_failures=failed,
        in_time=limited,
    )


def _estimated(everything: Sequence[Option], tried: NDArray[np.float64], watch: Watch) -> list[Grid]:
    """The estimates of all options, where models fit into their memory."""
    grids: list[Grid] = []
    for number, option in enumerate(everything):
        watch.doing(f"estimating {option.strategy.label} in {option.where}", number, len(everything))
        grids += fitting_grids([option], tried)
    return grids


def _asked(ask: Ask, topology: Topology) -> str:
    """Chips, their speed and the deadline in a few words."""
    chips = sum(site.chips or 0 for site in topology.datacenters)
    speeds = sorted({site.chip_flop_per_s or 0.0 for site in topology.datacenters})
    shown = " to ".join(dict.fromkeys(f"{speed / 1e12:g}" for speed in (speeds[0], speeds[-1])))
    return f"{human_count(chips)} chips of {shown} Tflop/s useful, {ask.days:g} day{'s'[: ask.days != 1]}"


def _range_binds(ask: Ask, params: NDArray[np.float64], best: Entry) -> tuple[str, ...]:
    """`params` if the best N is at an end of the range that was asked for."""
    at_edge = best.params in (float(params[0]), float(params[-1]))
    return ("params",) if ask.params is not None and at_edge else ()


def _in_time(replayer: Replayer, without: Sequence[Grid], best: Entry, largest_params: float) -> InTime:
    """What becomes of a limit of latency, beside the best plan of all combinations."""
    ask = without[0].option.ask
    free = replayer.best_of_each(by_family(candidates(ask, without, ask.limit_s)), ask.limit_s, 1)[0]
    assert ask.serving is not None
    return in_time(ask.serving, best, free, largest_params)


def _binding(marginal: dict[str, Marginal], limited: InTime | None) -> list[str]:
    """What lowers the loss noticeably: twice as much of a resource, or no limit of latency; the most first."""
    gains = {name: -each.doubled_loss_change for name, each in marginal.items()}
    gains |= {"max_latency": limited.loss_cost} if limited else {}
    return sorted((name for name in gains if gains[name] > _BINDING_NATS), key=lambda name: -gains[name])
