"""The page of what the laws say of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...questions.predict import LawAnswer
from ...units.in_words import human_count
from ..model import Axis, Curve, Mark, Picture, Report, sentences
from ..quantities import COUNT, common_scale
from .shared import with_blocks


def page(report: Report, answer: LawAnswer, sizes: Sequence[LawAnswer]) -> Report:
    """The report on a model with its loss and batch among those of smaller and larger ones.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
      sizes: the same question for other numbers of parameters.
    """
    curves = [
        _against_size(answer, sizes, "predicted_loss", "Predicted loss", "predicted loss [nats per token]", log=False),
        _against_size(answer, sizes, "batch_tokens", "Best batch", "best batch [tokens]", log=True),
    ]
    drawn = [curve for curve in curves if curve.curves[0].points]
    loss = "No loss is predicted" if answer.predicted_loss is None else f"Predicted loss {answer.predicted_loss:.3f}"
    finding = f"{loss} after {human_count(answer.tokens)} tokens, with the best batch of {answer.batch_tokens:,.0f}."
    blocks = (sentences([finding], "strong"), *report.blocks[:1], *drawn, *report.blocks[1:])
    return with_blocks(replace(report, blocks=blocks), [], [], drawn)


def _against_size(
    answer: LawAnswer, sizes: Sequence[LawAnswer], field: str, title: str, axis: str, *, log: bool
) -> Picture:
    unit = common_scale([each.params for each in sizes], COUNT)
    found = [(each.params / unit.factor, getattr(each, field)) for each in sizes if getattr(each, field) is not None]
    x = Axis(f"parameters [{unit.unit}]" if unit.unit else "parameters", log=True)
    mark = Mark(answer.params / unit.factor, f"as asked: {human_count(answer.params)}")
    return Picture(f"{title} against size", x, Axis(axis, log=log), (Curve(answer.strategy, tuple(found)),), (mark,))
