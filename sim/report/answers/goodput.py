"""Goodput under failures, as a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from ...questions.goodput.cases import IN_WORDS
from ...questions.goodput.goodput import Band, GoodputAnswer, GoodputRow
from ...units.in_words import human_bytes, human_count, human_seconds
from .. import strategy_name
from ..model import Block, Column, Records, Report, Row, Table, sentences
from ..quantities import COUNT, DURATION, ENERGY, LOSS, MASS, MONEY, SHARE, TEXT

PARTS = {
    "training": "Training",
    "redone": "Redone",
    "down": "Down",
    "restarting": "Restarting",
    "saving": "Saving",
    "waiting": "Waiting",
}
"""The parts of the wall-clock, by their heads."""


def report(answer: GoodputAnswer) -> Report:
    """Bands of what comes out, and where the time goes."""
    return Report(
        title="What is left where hardware fails",
        blocks=(
            sentences([_finding(answer)], "strong"),
            _bands(answer),
            _lost(answer),
            *_spent(answer),
            sentences([*_checkpoints(answer.rows), *answer.notes], "quiet", "Notes"),
        ),
        document={
            "scenario": answer.scenario,
            "for_s": answer.for_s,
            "rows": answer.rows,
            "notes": answer.notes,
        },
        records=Records(
            [*_flat(answer.rows[0])],
            [_flat(row) for row in answer.rows],
        ),
    )


def name(row: GoodputRow) -> tuple[str, str]:
    """The strategy with its parameters; and what it does about failures."""
    kind, parameters = strategy_name.parts(row.strategy, row.label)
    return f"{kind} {parameters}".rstrip(), IN_WORDS[row.policy]


def _finding(answer: GoodputAnswer) -> str:
    """Which row gets furthest, and how sure that is."""
    best = answer.best
    if not any(row.faults_per_day for row in answer.rows):
        longest = human_seconds(max(row.wall_clock_s.p95 for row in answer.rows))
        over = f"the runs are over within {longest}. Ask for longer ones, such as --for '30 days'."
        return f"Nothing fails in any of {best.histories:,} histories: {over}"
    what = f"{best.label} ({IN_WORDS[best.policy]})"
    if answer.for_s is None:
        most = f"{what} is done first, in {human_seconds(best.wall_clock_s.p50)}"
        most += f" (without failures {human_seconds(best.without_s)})"
    else:
        most = f"In {human_seconds(answer.for_s)}, {what} trains on most: {human_count(best.tokens.p50)} tokens"
    band = f"{best.goodput.p50:.1%} (5% to 95%: {best.goodput.p5:.1%} to {best.goodput.p95:.1%})"
    return f"{most}, at a goodput of {band}.{_lowest(answer)}"


def _lowest(answer: GoodputAnswer) -> str:
    """The row of the lowest loss, where there is a time to compare losses in."""
    known = [(row.predicted_loss.p50, row) for row in answer.rows if row.predicted_loss]
    if answer.for_s is None or len(known) < 2:
        return ""
    loss, row = min(known, key=lambda each: each[0])
    return f" Lowest predicted loss: {row.label} ({IN_WORDS[row.policy]}), {loss:.3f}."


def _bands(answer: GoodputAnswer) -> Table:
    timed = answer.for_s is None
    what = Column("Wall-clock", DURATION, family="wall") if timed else Column("Tokens", COUNT, family="tokens")
    columns = (
        Column("Strategy", folds=True),
        Column("When something fails", folds=True),
        Column("Goodput", SHARE, digits=1),
        Column("5% to 95%", TEXT, align="right"),
        what,
        Column("95%" if timed else "5%", DURATION if timed else COUNT, family=what.family),
        *([Column("Loss", LOSS)] if not timed else []),
    )
    rows = [
        Row(
            (
                *name(row),
                row.goodput.p50,
                f"{row.goodput.p5:.1%} to {row.goodput.p95:.1%}",
                *([row.wall_clock_s.p50, row.wall_clock_s.p95] if timed else [row.tokens.p50, row.tokens.p5]),
                *([row.predicted_loss.p50 if row.predicted_loss else None] if not timed else []),
            ),
            strong=row is answer.best,
        )
        for row in answer.rows
    ]
    most, fewest = max(row.histories for row in answer.rows), min(row.histories for row in answer.rows)
    histories = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    remark = (
        f"Medians of {histories} histories. Goodput: tokens that count over those that the same chips train on in the "
        "same time without failures."
    )
    return Table(columns, tuple(rows), "What comes out", remark)


def _lost(answer: GoodputAnswer) -> Table:
    columns = (
        Column("Strategy", folds=True),
        Column("When something fails", folds=True),
        *(Column(title, SHARE, digits=1) for title in PARTS.values()),
    )
    rows = [Row((*name(row), *(row.shares[part] for part in PARTS))) for row in answer.rows]
    per_day = max(answer.rows, key=lambda row: row.faults_per_day).faults_per_day
    sent = max(row.catch_up_bytes for row in answer.rows)
    caught_up = f" Replicas that came back were sent {human_bytes(sent)} of parameters at most." if sent else ""
    remark = (
        f"Means over all chips and histories; {per_day:.3g} failures a day.{caught_up} "
        "Redone: training that a failure lost. Down: chips that are broken, and those that wait for them. Waiting: for "
        "late or slow ones, and for the next round; below 0 where the sites that are left are faster than all together."
    )
    return Table(columns, tuple(rows), "Where the time goes", remark)


_SPENT = (("cost", "Cost", MONEY), ("energy_kwh", "Energy", ENERGY), ("carbon_kg", "Carbon", MASS))
"""What a row may cost and draw: its field, its head, what it measures."""


def _spent(answer: GoodputAnswer) -> list[Block]:
    """What it costs and draws, where anybody says what anything costs or draws."""
    shown = [each for each in _SPENT if any(getattr(row, each[0]) is not None for row in answer.rows)]
    if not shown:
        return []
    columns = [Column("Strategy", folds=True), Column("When something fails", folds=True)]
    for field, head, of in shown:
        columns += [Column(head, of, family=field), Column("95%", of, family=field)]
    rows = []
    for row in answer.rows:
        bands = [getattr(row, field) for field, *_ in shown]
        rows.append(
            Row((*name(row), *(each for band in bands for each in ((band.p50, band.p95) if band else (None, None)))))
        )
    return [
        Table(
            tuple(columns),
            tuple(rows),
            "What it costs, and what it draws",
            "Medians; cost is in the currency of the prices.",
        )
    ]


def _checkpoints(rows: Sequence[GoodputRow]) -> Iterator[str]:
    for row in rows:
        if row.checkpoint_s is not None and row.best_checkpoint_s is not None:
            best = (
                "which is best by Daly's formula"
                if abs(row.checkpoint_s / row.best_checkpoint_s - 1) < 0.01
                else f"where Daly's formula says {human_seconds(row.best_checkpoint_s)}"
            )
            yield f"{row.label}, {IN_WORDS[row.policy]}: a checkpoint every {human_seconds(row.checkpoint_s)}, {best}"


def _flat(row: GoodputRow) -> dict[str, object]:
    """A row as one line: bands and parts become columns of their own."""
    found: dict[str, object] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if isinstance(value, Band):
            found |= {f"{field.name}_{each.name}": getattr(value, each.name) for each in fields(Band)}
        elif field.name in ("predicted_loss", *(each[0] for each in _SPENT)):
            found |= {f"{field.name}_{each.name}": None for each in fields(Band)}
        elif field.name == "spread":
            continue
        elif field.name == "shares":
            found |= {f"{part}_share": share for part, share in value.items()}
        else:
            found[field.name] = value
    return found
