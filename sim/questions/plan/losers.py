"""Why the others lost: the best of every other kind, and what differs from the best plan in one thing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import laws
from ...shell.progress import Watch
from ...simulation.predicted_loss import loss_after
from .failing import goodput_of
from .holding import most_params
from .objective import best_batch_tokens, price_factor
from .options import Option
from .probed import Probed
from .replay import Entry
from .search import Cell, Grid, grid, grid_at
from .tournament import Field

_ROUNDS = 100
_ROUNDS_APART = 4
"""Rounds of a replay that estimates a step; fewer where replicas drift apart, so that every one of them is replayed."""
_TRIES = 4
"""Options of a group that are tried, lowest bound first, before the best of them stands for all."""
_REPEATS = 3
"""Replays of the combination that stands for a group, each at the N and B that the one before makes look best."""
_WORTH = 1e-4
CAUSES = ("waiting", "chips", "memory", "price", "algorithm")


@dataclass(frozen=True)
class Lost:
    """The best of a group of options that is not the best plan, at its own N and B.

    Attributes:
      strategy, label, replicas, sync_every: its kind; the kind with its parameters; M and H.
      sites, chips: datacenters used, and the chips in them.
      params, batch_tokens, tokens: N, B, and the D that fits [tokens].
      compute_utilization: share of the time in which the chips compute, by a replay of a few rounds [-].
      peak_bandwidth_bits_per_s: the most that a site hands over in a step, over the compute of a step [bit/s].
      predicted_loss: None where nobody has measured what its way to communicate costs [nats per token].
      predicted_loss_low, predicted_loss_high: its ends [nats per token].
      behind: its compared loss above that of the best plan; below 0 where it would be lower if what nobody has measured
        were free [nats per token].
      goodput: share of its time that counts where hardware fails; None where nothing does [-].
      causes: `behind` in parts, which add up to it: `waiting` for exchanges and others, `chips` that it does not use,
        models that `memory` keeps from it, the `price` of H, bits and late results, the `algorithm` with its M at equal
        compute, and where hardware fails `failures` [nats per token].
    """

    strategy: str
    label: str
    replicas: int
    sync_every: int
    sites: tuple[str, ...]
    chips: int
    params: float
    batch_tokens: float
    tokens: float
    compute_utilization: float
    peak_bandwidth_bits_per_s: float
    predicted_loss: float | None
    predicted_loss_low: float
    predicted_loss_high: float
    behind: float
    causes: dict[str, float]
    goodput: float | None = None


def lost(field: Field, best: Entry, watch: Watch) -> tuple[Lost, ...]:
    """The best of each other kind and the nearest neighbours of the best plan, each replayed for a few rounds.

    Args:
      field: all options.
      best: the best plan.
      watch: is told how far it is.

    Returns:
      Lowest compared loss first.
    """
    winner = next(each for each in field.options if _is(each, best))
    reached = field.screened | {one.option.name: one for one in field.grids}
    groups: dict[object, list[Option]] = {}
    for option in field.options:
        for key in _groups(option, winner):
            groups.setdefault(key, []).append(option)
    found = []
    for number, (key, members) in enumerate(groups.items()):
        unknown = isinstance(key, tuple) and key[-1] is False and not winner.ask.risk
        group = _alike(members, winner) if unknown else members
        watch.doing(f"asking why {group[0].strategy.label} lost", number, len(groups))
        cell = _best_of(group, field, reached, best)
        if cell is not None:
            found.append(_lost(cell, field, best, winner))
    return tuple(sorted(found, key=lambda each: each.behind))


def _rounds(option: Option) -> int:
    return _ROUNDS if option.strategy.repeats else _ROUNDS_APART


def _is(option: Option, entry: Entry) -> bool:
    return option.strategy.label == entry.label and option.sites == entry.sites


def _groups(option: Option, winner: Option) -> Iterator[object]:
    """What an option is examined for: as one of another kind, or as one that differs from the winner in one thing."""
    if option.strategy.kind != winner.strategy.kind:
        yield option.strategy.kind, option.price_is_known
        return
    own = {key: value for key, value in option.document.items() if key != "replicas"}
    other = {key: value for key, value in winner.document.items() if key != "replicas"}
    differ = [key for key in {**own, **other} if own.get(key) != other.get(key)]
    differ += ["sites"] if option.sites != winner.sites else []
    differ += ["replicas"] if option.sites == winner.sites and option.replicas != winner.replicas else []
    if len(differ) == 1:
        yield "sites" if differ == ["sites"] else (differ[0], own.get(differ[0]), option.price_is_known)


def _alike(group: Sequence[Option], winner: Option) -> Sequence[Option]:
    """Of options whose price nobody knows those most like the winner, as no loss says which of them is best."""
    most = max(option.flop_per_s for option in group)
    for place in range(4):
        alike = [each for each in group if _likeness(each, winner, most)[place]]
        group = alike or group
    return group


def _likeness(option: Option, winner: Option, most: float) -> tuple[bool, ...]:
    own, other = option.document, winner.document
    same = (own.get(key) == other.get(key) for key in ("sync_every", "payload_bits"))
    return (option.sites == winner.sites, option.flop_per_s == most, *same)


def _best_of(group: Sequence[Option], field: Field, reached: dict[str, Grid], best: Entry) -> Cell | None:
    """The combination of lowest loss of a group, by estimates; None where no model fits its chips."""
    cells = [_least(reached[option.name]) for option in group if option.name in reached]
    found = min((cell for cell in cells if cell), key=lambda cell: cell.loss, default=None)
    others = [option for option in group if option.name not in reached]
    for option in sorted(others, key=lambda each: field.bounds[each.name])[:_TRIES]:
        if found is not None and field.bounds[option.name] >= found.loss:
            break
        few = field.params[field.params <= most_params(option)]
        if few.size:
            size = min(best.params, float(few[-1]))
            cell = _least(grid(option, few, Probed(option, size, best.batch_tokens, _rounds(option))))
            found = cell if cell and (found is None or cell.loss < found.loss) else found
    return found


def _least(one: Grid) -> Cell | None:
    steps = one.steps_within(one.option.ask.limit_s)
    return next(iter(one.cells(steps, one.loss(steps), 1)), None)


def _lost(cell: Cell, field: Field, best: Entry, winner: Option) -> Lost:
    option, ask = cell.option, cell.option.ask
    cell, probe = _settled(cell, field)
    one = grid_at(option, cell.params, cell.batch_tokens, probe)
    goodput = (field.goodputs.get(option.name) or goodput_of(cell)) if ask.failures else 1.0
    load = probe.outcome.job.setting.load

    def after(tokens: float) -> tuple[float | None, float, float, float]:
        found = loss_after(option.strategy, load, max(tokens, cell.batch_tokens), ask.unique_tokens)
        low, high = found.low, found.high
        assert low is not None
        assert high is not None
        return found.value, low, high, high if ask.risk else low if found.value is None else found.value

    tokens, free = (int(one.steps_within(s)[0, 0]) * cell.batch_tokens for s in (ask.limit_s * goodput, ask.limit_s))
    predicted, low, high, compared = after(tokens)
    own = _parts(option, after(free)[-1], cell.params, field.params, winner)
    other = _parts(winner, _without_failures(best, winner), best.params, field.params, winner)
    if ask.failures:
        own["failures"], other["failures"] = compared - sum(own.values()), best.compared_loss - sum(other.values())
    strategy, setting = option.strategy, probe.outcome.job.setting
    return Lost(
        strategy=strategy.kind,
        label=strategy.label,
        replicas=option.replicas,
        sync_every=option.sync_every,
        sites=option.sites,
        chips=option.chips,
        params=cell.params,
        batch_tokens=cell.batch_tokens,
        tokens=tokens,
        compute_utilization=probe.outcome.timeline.mean("compute_s") / probe.outcome.timeline.wall_clock_s,
        peak_bandwidth_bits_per_s=max(
            8 * totals.peak_bytes / strategy.step_s(worker, setting)
            for worker, totals in enumerate(probe.outcome.timeline.workers)
        ),
        predicted_loss=predicted,
        predicted_loss_low=low,
        predicted_loss_high=high,
        behind=compared - best.compared_loss,
        causes={name: own[name] - other[name] for name in own},
        goodput=goodput if ask.failures else None,
    )


def _without_failures(best: Entry, winner: Option) -> float:
    """The loss of the best plan, did nothing fail [nats per token]."""
    if best.goodput is None:
        return best.compared_loss
    params, batch = np.asarray(best.params), np.asarray(best.batch_tokens)

    def loss(tokens: float) -> float:
        law = (winner.algorithm, winner.replicas, batch, winner.ask.unique_tokens)
        return float(laws.predicted_loss(params, np.asarray(tokens), *law) * price_factor(winner, params))

    return best.compared_loss - loss(best.tokens) + loss(best.tokens / best.goodput)


def _settled(cell: Cell, field: Field) -> tuple[Cell, Probed]:
    """A combination with its own replay; another one, if that replay says that it would be better."""
    option = cell.option
    tried = []
    few = field.params[field.params <= most_params(option)]
    for _ in range(_REPEATS):
        probe = Probed(option, cell.params, cell.batch_tokens, _rounds(option))
        here = _least(grid_at(option, cell.params, cell.batch_tokens, probe))
        tried.append((here.loss if here else float("inf"), cell, probe))
        other = _least(grid(option, few, probe))
        if other is None or other.params == cell.params or other.loss > tried[-1][0] * (1 - _WORTH):
            break
        cell = other
    return min(tried, key=lambda each: each[0])[1:]


def _parts(option: Option, loss: float, params: float, sizes: NDArray[np.float64], winner: Option) -> dict[str, float]:
    """A loss in parts that add up to it: each is what the loss falls by if one more thing were as good as can be."""
    bare = loss / float(price_factor(option, np.asarray(params)))
    held = _free(option, option.flop_per_s, sizes[sizes <= most_params(option)])
    own, all_chips = (_free(option, flop_per_s, sizes) for flop_per_s in (option.flop_per_s, winner.flop_per_s))
    return {
        "price": loss - bare,
        "waiting": bare - held,
        "memory": held - own,
        "chips": own - all_chips,
        "algorithm": all_chips,
    }


def _free(option: Option, flop_per_s: float, params: NDArray[np.float64]) -> float:
    """The lowest loss of the law of an algorithm if chips computed all the time [nats per token]."""
    ask = option.ask
    batch = best_batch_tokens(params, option.algorithm, option.replicas)
    tokens = flop_per_s * ask.limit_s / (6 * params)
    tokens = tokens if ask.tokens_per_param is None else np.minimum(tokens, ask.tokens_per_param * params)
    found = laws.predicted_loss(params, tokens, option.algorithm, option.replicas, batch, ask.unique_tokens)
    return float(found.min())
