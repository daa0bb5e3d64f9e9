"""A law of the mixture of the data, as a report."""

from __future__ import annotations

from dataclasses import asdict

from ...questions.fit.mixture import Mixture
from ..model import Cell, Column, Records, Report, Table, sentences, table
from ..quantities import LOSS, NUMBER, SHARE


def report(answer: Mixture) -> Report:
    """The laws, the best shares, and the notes; a record for each loss."""
    best = ", ".join(f"{each.domain} {each.share:.1%}" for each in answer.best)
    asked = "" if answer.at_loss is None else f"; at the shares asked for {answer.at_loss:.3f}"
    finding = (
        f"Best mixture: {best}. Mean of the losses {answer.best_loss:.3f} as predicted; the best run has "
        f"{answer.best_measured:.3f}{asked}."
    )
    rows = [asdict(each) | {f"t {domain}": t for domain, t in each.slopes.items()} for each in answer.losses]
    return Report(
        title=f"A law of {answer.runs} mixtures of {len(answer.best)} domains",
        blocks=(
            sentences([finding], "strong"),
            _best(answer),
            _laws(answer),
            _slopes(answer),
            sentences(answer.notes, "quiet", "Notes"),
        ),
        document=vars(answer),
        records=Records([name for name in rows[0] if name != "slopes"], rows),
    )


def _best(answer: Mixture) -> Table:
    columns = (Column("Domain"), Column("Share", SHARE), Column("Least", SHARE), Column("Most", SHARE))
    rows = [(each.domain, each.share, each.low, each.high) for each in answer.best]
    return table(
        columns, rows, title="The best shares", remark="Least and most: among the runs; nothing beyond is tried."
    )


def _laws(answer: Mixture) -> Table:
    columns = [
        Column("Loss"),
        Column("Floor c", LOSS),
        Column("At the best", LOSS),
        Column("Left out", SHARE, digits=2),
        Column("Worst", SHARE, digits=2),
        Column("By the mean", SHARE, digits=2),
    ]
    rows: list[list[Cell]] = [
        [each.loss, each.floor, each.at_best, each.left_out_error, each.worst_left_out, each.spread]
        for each in answer.losses
    ]
    if answer.at_loss is not None:
        columns.insert(3, Column("As asked", LOSS))
        for row, each in zip(rows, answer.losses, strict=True):
            row.insert(3, each.at)
    remark = (
        "Left out: the mean distance of a run from what the law of all the others predicts, over its loss, and the "
        "worst one; by the mean: if the mean of the other runs is taken instead of a law."
    )
    return table(columns, rows, title=answer.formula, remark=remark)


def _slopes(answer: Mixture) -> Table:
    domains = [each.domain for each in answer.best]
    columns = (Column("Loss"), *(Column(domain, NUMBER, digits=2) for domain in domains))
    rows: list[list[Cell]] = [[each.loss, *(each.slopes[domain] for domain in domains)] for each in answer.losses]
    return table(columns, rows, title="t by domain", remark="The less, the more a domain lowers the loss.")
