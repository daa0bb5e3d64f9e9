"""The page of a student, of a mixture of experts, or of a model on tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...questions.beyond.ask import Beyond
from ...questions.beyond.distilled import DistilledLoss
from ...questions.beyond.experts import ExpertsLoss
from ...units.in_words import human_count
from ..model import Axis, Curve, Mark, Picture, Report
from ..quantities import COUNT, common_scale
from .shared import with_blocks


def page(report: Report, answer: Beyond, others: Sequence[Beyond]) -> Report:
    """The report with the answer among those for fewer and more tokens.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
      others: the same question for other numbers of tokens.
    """
    unit = common_scale([each.tokens for each in others], COUNT)

    def curve(label: str, field: str) -> Curve:
        return Curve(label, tuple((each.tokens / unit.factor, getattr(each, field)) for each in others))

    loss, curves = Axis("loss [nats per token]"), tuple[Curve, ...]()
    if isinstance(answer, DistilledLoss):
        curves = curve("distilled", "predicted_loss"), curve("trained without a teacher", "supervised_loss")
        curves = (*curves, curve("distilled from the best teacher", "best_loss"))
        title = f"A student of {human_count(answer.params)} parameters"
    elif isinstance(answer, ExpertsLoss):
        many = curve(f"{answer.experts:g} experts", "predicted_loss")
        curves = many, curve("dense, the active parameters", "dense_loss")
        title = f"{human_count(answer.active_params)} of {human_count(answer.params)} parameters at work"
    else:
        ends = curve("low", "mean_error_low"), curve("high", "mean_error_high")
        curves, loss = (curve("mean error", "mean_error"), *ends), Axis("mean top-1 error over 17 tasks")
        title = f"{human_count(answer.params)} parameters, trained on {answer.data}"
    x = Axis(f"tokens [{unit.unit}]" if unit.unit else "tokens", log=True)
    mark = Mark(answer.tokens / unit.factor, f"as asked: {human_count(answer.tokens)}")
    drawn = [Picture(title, x, loss, curves, (mark,))]
    return with_blocks(replace(report, blocks=(*report.blocks[:-1], *drawn, *report.blocks[-1:])), [], [], drawn)
