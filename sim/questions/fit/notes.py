"""What to know about a fit: which losses are too high, and what the data cannot tell."""

from __future__ import annotations

from collections.abc import Sequence

from .frontier import Frontier
from .points import Point

SCHEDULE = (
    "schedule: of {inside} of {all} losses the run went on, so its learning rate had not fallen yet: they are higher "
    "than the end of a run of that length, and so is what the law predicts for short runs"
)


def notes_on(
    form: str, points: Sequence[Point], everything: Sequence[Point], best: Sequence[Frontier]
) -> tuple[str, ...]:
    """Sentences, each beginning with its subject.

    Args:
      form: what was fitted.
      points: the losses that it was fitted to.
      everything: all losses that there are.
      best: how the best N and D grow, by the first two approaches.
    """
    inside = [point for point in points if not point.final]
    found = [SCHEDULE.format(inside=len(inside), all=len(points))] if inside else []
    middle = sum(not point.final for point in everything)
    if middle and form != "steps":
        found.append(f"losses: {middle} from the middle of runs are not used: the learning rate had not fallen yet")
    others = len(everything) - middle - len(points)
    if others and form != "steps":
        ratio = points[0].tokens / points[0].params
        found.append(
            f"losses: {others} of runs with other tokens a parameter than {ratio:.3g} are not used: a law of N alone "
            "holds for one ratio"
        )
    if inside:
        found.append("bands: losses of one run are alike in their errors, so that the intervals are too narrow")
    sizes = sorted({point.params for point in points})
    if sizes[-1] < 10 * sizes[0] and form in ("floor", "chinchilla"):
        found.append(f"sizes: from {sizes[0]:.4g} to {sizes[-1]:.4g}, less than a decade, which hardly tells a floor")
    if form == "chinchilla" and not best:
        found.append(
            "approaches 1 and 2: need 3 sizes or more with the same flops, whose best lies between the smallest and "
            "the largest"
        )
    if any(frontier.approach == 1 for frontier in best) and any(not point.final for point in everything):
        found.append("approaches 1 and 2: read losses from the middle of runs, which are too high")
    return tuple(found)
