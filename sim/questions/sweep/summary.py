"""What the rows of a sweep say: how many points failed, which is best, and what each varied key changes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ...documents.nearest import LETTERS, nearest
from ...errors import ArgumentError
from ...scenario.sweep import Answer
from .columns import ERROR, IGNORED, POINT, Axis
from .sweep import Swept
from .values import STRATEGY

METRICS: dict[Answer, str] = {
    "run": "wall_clock_s",
    "bandwidth": "bandwidth_bits_per_s",
    "budget": "overtraining_multiple",
    "plan": "predicted_loss",
}
"""What is looked at unless somebody asks for another column."""
_HIGHER = frozenset(
    {
        "compute_utilization",
        "speedup",
        "overtraining_multiple",
        "overtraining_tokens",
        "tokens",
        "unlimited_utilization",
    }
)
"""Columns of which more is better; of all others less is."""
_ERRORS = 5
"""Errors that are told."""


@dataclass(frozen=True)
class Effect:
    """What a varied key does to what is looked at, in one kind of rows.

    Attributes:
      keys: the key, or the keys whose values go together.
      series: the rows: a strategy, with its rule or target.
      low, high: the ends of its values; for words the values with the least and the largest median; for keys that go
        together the first and the last values.
      change: what is looked at at `high` over that at `low`, all else equal: the median; None where it is drawn.
      spread: the largest over the smallest value, all else equal: the most; None where it is drawn.
      correlation: rank correlation of the two, over all draws; None where it is not drawn, or no number.
      points: how many rows it rests on.
    """

    keys: tuple[str, ...]
    series: str
    low: tuple[Any, ...]
    high: tuple[Any, ...]
    change: float | None
    spread: float | None
    correlation: float | None
    points: int


@dataclass(frozen=True)
class Best:
    """The best row: its point, the values there, the strategy, and what is looked at."""

    point: int
    values: Mapping[str, Any]
    series: str
    value: float


@dataclass(frozen=True)
class Summary:
    """What is to be said of a sweep.

    Attributes:
      metric: the column that is looked at.
      points, failed: how many; of them with an error.
      best: the best row; None where there is none.
      effects: of every varied key, by kind of rows.
      errors: messages, each with how many points have it and the first of them.
      notes: keys without effect.
    """

    metric: str
    points: int
    failed: int
    best: Best | None
    effects: tuple[Effect, ...]
    errors: tuple[tuple[str, int, int], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """A row as a summary sees it: its point, what it is of, its values, and what is looked at."""

    point: int
    series: str
    values: tuple[Any, ...]
    value: float

    def at(self, places: tuple[int, ...]) -> tuple[Any, ...]:
        """Its values of some keys."""
        return tuple(self.values[place] for place in places)


def metric_of(swept: Swept, asked: str | None) -> str:
    """The column that is looked at.

    Raises:
      InputError: there is no such column of numbers.
    """
    numbers = [column.name for column in swept.columns if column.type in ("int64", "double") and column.name != POINT]
    found = asked or ("wall_clock_s" if swept.asked.of_losses else METRICS[swept.asked.answer])
    if found not in numbers:
        raise ArgumentError(
            "{metric}: there is no column {found!r} of numbers; {known}", found=found, known=nearest(found, numbers)
        )
    return found


def more_is_better(swept: Swept, metric: str) -> bool:
    """Whether more of a column is better: tokens that a budget buys, but not those that it takes to reach a loss."""
    return metric in _HIGHER and not swept.asked.of_losses


def seen(swept: Swept, metric: str) -> list[Seen]:
    """The rows with a number, in their order."""
    columns = {column.name for column in swept.columns}
    parts = [name for name in ("label", "rule", "target", "target_loss") if name in columns]
    hidden = _letters(swept.asked.space.keys)
    names = [swept.rows.column(name) for name in parts]
    values = [swept.rows.column(axis.column.name) for axis in swept.axes]
    points, numbers = swept.rows.column(POINT), swept.rows.column(metric)
    found: list[Seen] = []
    before, counts = -1, Counter[str]()
    for place, (point, number) in enumerate(zip(points, numbers, strict=True)):
        if point != before:
            before, counts = point, Counter()
        series = _series([column[place] for column in names], hidden)
        counts[series] += 1
        told = series if counts[series] == 1 else f"{series} ({counts[series]})"
        if number is not None:
            found.append(Seen(point, told, tuple(column[place] for column in values), float(number)))
    return found


def _letters(keys: Iterable[str]) -> tuple[str, ...]:
    """How the parts of a label begin that tell of varied keys: the same strategy has them differently elsewhere."""
    last = {re.split(r"[.\[\]]+", key)[-1] for key in keys}
    return tuple(f"{letter}=" for letter, names in LETTERS.items() if last & set(names))


def _series(parts: Sequence[Any], hidden: tuple[str, ...]) -> str:
    """What a row is of: the label of its strategy without what is varied, its rule, its target or its loss."""
    label = " ".join(word for word in str(parts[0]).split() if not (hidden and word.startswith(hidden)))
    return ", ".join([label, *(f"{part:.4g}" if isinstance(part, float) else str(part) for part in parts[1:])])


def summarise(swept: Swept, metric: str) -> Summary:
    """What the rows of a sweep say of one of their columns."""
    rows = seen(swept, metric)
    errors = [
        (point, error)
        for point, error in zip(swept.rows.column(POINT), swept.rows.column(ERROR), strict=True)
        if error is not None
    ]
    counts = Counter(error for _, error in errors)
    first = {error: point for point, error in reversed(errors)}
    return Summary(
        metric=metric,
        points=swept.asked.space.count,
        failed=len(errors),
        best=_best(swept, rows, metric),
        effects=tuple(_effects(swept, rows)),
        errors=tuple((error, count, first[error]) for error, count in counts.most_common(_ERRORS)),
        notes=(*_without_effect(swept), *_ignored(swept)),
    )


def _best(swept: Swept, rows: Sequence[Seen], metric: str) -> Best | None:
    if not rows:
        return None
    sign = -1 if more_is_better(swept, metric) else 1
    found = min(rows, key=lambda row: sign * row.value)
    values = {axis.key: value for axis, value in zip(swept.axes, found.values, strict=True) if value is not None}
    return Best(found.point, values, found.series, found.value)


def _effects(swept: Swept, rows: Sequence[Seen]) -> Iterator[Effect]:
    keys = swept.asked.space.keys
    for group in swept.asked.space.groups:
        for together in [(key,) for key in group.keys] if group.drawn else [group.keys]:
            places = tuple(keys.index(key) for key in together)
            by_series = defaultdict[str, list[Seen]](list)
            for row in rows:
                if any(row.values[place] is not None for place in places):
                    by_series["all strategies" if STRATEGY in together else row.series].append(row)
            found = (_effect(swept.axes, places, series, own) for series, own in by_series.items())
            yield from (each for each in found if each.low != each.high)


def _effect(axes: Sequence[Axis], places: tuple[int, ...], series: str, rows: Sequence[Seen]) -> Effect:
    keys = tuple(axes[place].key for place in places)
    groups = [group for group in alike(rows, places) if len(group) > 1]
    low, high = _ends(axes, places, rows)
    if not groups and low != high and len(places) == 1 and axes[places[0]].numeric:  # drawn: all else is never equal
        return Effect(keys, series, low, high, None, None, _correlation(rows, places[0]), len(rows))
    changes = [group[high] / group[low] for group in groups if low in group and high in group and group[low]]
    spreads = [max(group.values()) / min(group.values()) for group in groups if min(group.values()) > 0]
    most = max(spreads) if spreads else None
    return Effect(keys, series, low, high, median(changes) if changes else None, most, None, len(rows))


def _ends(
    axes: Sequence[Axis], places: tuple[int, ...], rows: Sequence[Seen]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Between which values a change is told."""
    values = dict.fromkeys(row.at(places) for row in rows)
    if len(places) > 1:
        return next(iter(values)), next(reversed(values))
    if axes[places[0]].numeric:
        return min(values), max(values)
    medians = {value: median(row.value for row in rows if row.at(places) == value) for value in values}
    ranked = sorted(medians, key=lambda value: (medians[value], str(value)))
    return ranked[0], ranked[-1]


def alike(rows: Iterable[Seen], places: tuple[int, ...]) -> list[dict[tuple[Any, ...], float]]:
    """Rows that differ in some keys alone: of each such group, what is looked at by the values of those keys."""
    groups: dict[tuple[Any, ...], dict[tuple[Any, ...], float]] = {}
    for row in rows:
        others = tuple(value for place, value in enumerate(row.values) if place not in places)
        groups.setdefault(others, {})[row.at(places)] = row.value
    return list(groups.values())


def _correlation(rows: Sequence[Seen], place: int) -> float | None:
    """Spearman's rank correlation; None where one of the two is the same everywhere."""
    from scipy.stats import spearmanr

    xs, ys = [row.values[place] for row in rows], [row.value for row in rows]
    if len(set(xs)) < 2 or len(set(ys)) < 2:
        return None
    return float(spearmanr(xs, ys).statistic)


def _without_effect(swept: Swept) -> list[str]:
    """Keys with which no column of the answer changes, all else equal."""
    own = {POINT, ERROR, IGNORED, *(axis.column.name for axis in swept.axes)}
    answers = [swept.rows.column(column.name) for column in swept.columns if column.name not in own]
    values = [swept.rows.column(axis.column.name) for axis in swept.axes]
    failed = swept.rows.column(ERROR)
    rows = [row for row, error in enumerate(failed) if error is None]
    return [
        f"without effect: {axis.key} (no answer changes with it)"
        for place, axis in enumerate(swept.axes)
        if _all_alike(rows, values, place, answers)
    ]


def _all_alike(
    rows: Sequence[int], values: Sequence[Sequence[Any]], place: int, answers: Sequence[Sequence[Any]]
) -> bool:
    """Whether points that differ in one key alone have the same answers, and there are such points."""
    groups: dict[tuple[Any, ...], dict[Any, list[int]]] = {}
    for row in rows:
        others = tuple(column[row] for at, column in enumerate(values) if at != place)
        groups.setdefault(others, {}).setdefault(values[place][row], []).append(row)
    several = [group for group in groups.values() if len(group) > 1]

    def told(rows: Sequence[int]) -> tuple[Any, ...]:
        return tuple(tuple(column[row] for column in answers) for row in rows)

    return bool(several) and all(
        told(rows) == told(next(iter(group.values()))) for group in several for rows in group.values()
    )


def _ignored(swept: Swept) -> list[str]:
    """What has no effect at any point that was answered."""
    found = [
        each for each, error in zip(swept.rows.column(IGNORED), swept.rows.column(ERROR), strict=True) if not error
    ]
    if not found or None in found:
        return []
    first, *others = [each.split("\n") for each in dict.fromkeys(found)]
    return [each for each in first if all(each in one for one in others)]
