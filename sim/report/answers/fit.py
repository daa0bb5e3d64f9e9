"""A fitted law, as a report."""

from __future__ import annotations

from ...questions.fit.fit import Fit
from ...units.in_words import human_count
from ..model import Column, Records, Report, Row, Table, sentences, table
from ..quantities import COUNT, LOSS, NUMBER


def report(answer: Fit) -> Report:
    """The constants, the largest size beside its prediction, how compute divides, and the curve of a larger model."""
    return Report(
        title=f"L = {answer.formula}, fitted to {answer.points} losses of {answer.runs} runs, {answer.sizes} sizes",
        blocks=(
            sentences([finding(answer)], "strong"),
            _constants(answer),
            *([_held_out(answer)] if answer.held_out else []),
            *([_frontiers(answer)] if answer.frontiers else []),
            *([_curve(answer)] if answer.curve else []),
            sentences(answer.notes, "quiet", "Notes"),
        ),
        document={name: value for name, value in vars(answer).items() if name not in ("law", "measured")}
        | {"law": {name: value for name, value in answer.law.model_dump(by_alias=True).items() if name != "samples"}},
        records=Records(
            ("constant", "value", "low", "high"),
            [{"constant": each.name} | vars(each) for each in answer.constants],
        ),
    )


def finding(answer: Fit) -> str:
    """How good the law is, and whether it foretold the largest size."""
    scatter = f"Residuals of {100 * answer.rms:.2g}%."
    if not answer.held_out:
        return f"{scatter} There are too few sizes to hold the largest out."
    inside, all_ = sum(each.inside for each in answer.held_out), len(answer.held_out)
    last = answer.held_out[-1]
    told = f"predicted {last.predicted:.3f} ({last.low:.3f} to {last.high:.3f}), measured {last.measured:.3f}"
    size = f"The largest size, {human_count(last.params)}, from the smaller ones: {told}"
    within = "within its band" if last.inside else "outside of its band"
    return f"{scatter} {size}, {within}" + (f"; {inside} of {all_} runs are within theirs." if all_ > 1 else ".")


def _constants(answer: Fit) -> Table:
    columns = (Column("Constant"), Column("Value", align="right"), Column("95% of the refits", align="right"))
    rows = [(each.name, f"{each.value:.5g}", f"{each.low:.5g} to {each.high:.5g}") for each in answer.constants]
    return table(columns, rows, title="Constants")


def _held_out(answer: Fit) -> Table:
    batched = any(each.batch_tokens is not None for each in answer.held_out)
    columns = (
        Column("Run", folds=True),
        Column("Parameters", COUNT),
        Column("Tokens", COUNT),
        *([Column("Batch", COUNT)] if batched else []),
        Column("Measured", LOSS),
        Column("Predicted", LOSS),
        Column("Low", LOSS),
        Column("High", LOSS),
    )
    rows = []
    for each in answer.held_out:
        batch = [each.batch_tokens] if batched else []
        sizes = (each.run, each.params, each.tokens, *batch)
        rows.append(Row((*sizes, each.measured, each.predicted, each.low, each.high), strong=not each.inside))
    return Table(columns, tuple(rows), "The largest size, held out")


def _frontiers(answer: Fit) -> Table:
    columns = (
        Column("Approach"),
        Column("N ~ C^", NUMBER, digits=3),
        Column("D ~ C^", NUMBER, digits=3),
        Column("Budgets", NUMBER),
    )
    names = {1: "1, lowest losses", 2: "2, parabolas at equal flops", 3: "3, the law above"}
    rows = [
        (names[each.approach], each.params_exponent, each.tokens_exponent, each.budgets or None)
        for each in answer.frontiers
    ]
    return table(columns, rows, title="The best parameters N and tokens D for compute C")


def _curve(answer: Fit) -> Table:
    stepped = any(each.steps is not None for each in answer.curve)
    columns = (
        Column("Tokens", COUNT),
        *([Column("Steps", NUMBER, digits=0)] if stepped else []),
        Column("Loss", LOSS),
        Column("Low", LOSS),
        Column("High", LOSS),
    )
    rows = [(each.tokens, *([each.steps] if stepped else []), each.loss, each.low, each.high) for each in answer.curve]
    return table(columns, rows, title="The larger model")
