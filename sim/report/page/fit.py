"""The page of a fitted law: its losses with their law, and the curve of a larger model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from ...questions.fit.fit import Fit
from ...units.in_words import human_count
from ..model import Axis, Curve, Picture, Report
from .shared import behind_tables, with_blocks

_POINTS = 40
_MOST_CURVES = 6


def page(report: Report, answer: Fit) -> Report:
    """The report with the measured losses beside the law, and the curve of the larger model with its band.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
    """
    drawn = [_by_size(answer) if answer.form in ("power", "floor") else _by_tokens(answer)]
    if len(answer.curve) > 1:
        drawn.append(_ahead(answer))
    return with_blocks(replace(report, blocks=behind_tables(report.blocks, drawn)), [], [], drawn)


def _by_size(answer: Fit) -> Picture:
    points = sorted((point.params, point.loss) for point in answer.measured)
    low, high = points[0][0], 10 * points[-1][0]
    line = [low * (high / low) ** (place / _POINTS) for place in range(_POINTS + 1)]
    ends = [answer.law.predict(size, size) for size in line]
    curves = (
        Curve("measured", tuple(points)),
        Curve("law", tuple((size, loss) for size, (loss, _, _) in zip(line, ends, strict=True))),
        Curve("low end", tuple((size, low) for size, (_, low, _) in zip(line, ends, strict=True))),
        Curve("high end", tuple((size, high) for size, (_, _, high) in zip(line, ends, strict=True))),
    )
    return Picture("Losses and their law", Axis("parameters", log=True), Axis("loss [nats per token]"), curves)


def _by_tokens(answer: Fit) -> Picture:
    """Measured and fitted losses against tokens, for some of the sizes, at the batch that most losses have."""
    own: dict[float, list[tuple[float, float, float | None]]] = defaultdict(list)
    for point in answer.measured:
        own[point.params].append((point.tokens, point.loss, point.batch_tokens))
    sizes = sorted(own)
    kept = sizes if len(sizes) <= _MOST_CURVES // 2 else [sizes[0], sizes[len(sizes) // 2], sizes[-1]]
    curves = []
    for size in kept:
        batches = [batch for _, _, batch in own[size]]
        batch = max(set(batches), key=batches.count)
        points = sorted((tokens, loss) for tokens, loss, its in own[size] if its == batch)
        told = f"{human_count(size)}" + (f", batch {human_count(batch)}" if batch and len(set(batches)) > 1 else "")
        curves.append(Curve(f"{told}: measured", tuple(points)))
        fitted = tuple((tokens, answer.law.predict(size, tokens, batch)[0]) for tokens, _ in points)
        curves.append(Curve(f"{told}: law", fitted))
    return Picture("Losses and their law", Axis("tokens", log=True), Axis("loss [nats per token]"), tuple(curves))


def _ahead(answer: Fit) -> Picture:
    curves = tuple(
        Curve(label, tuple((each.tokens, getattr(each, name)) for each in answer.curve))
        for name, label in (("loss", "predicted"), ("low", "low end"), ("high", "high end"))
    )
    return Picture("The larger model", Axis("tokens"), Axis("loss [nats per token]"), curves)
