"""Recorded runs side by side, as a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...questions.compare import Compared, Comparison
from ...units.in_words import human_seconds
from ..model import Column, Records, Report, Table, sentences, table
from ..parts.recorded_run import EXCHANGES, recorded_as
from ..quantities import DURATION, LOSS, NUMBER, SHARE


def report(answer: Comparison) -> Report:
    """What each recorded run took and what of it were exchanges, its replay, and its loss over its seconds."""
    records = [record(each) for each in answer.runs]
    known = answer.common_loss is not None or any(each.final_loss is not None for each in answer.runs)
    return Report(
        title=f"{len(answer.runs)} recorded run{'s'[: len(answer.runs) > 1]}"
        + (f", replayed on {answer.topology}" if answer.topology else ""),
        blocks=(
            sentences(_findings(answer), "strong"),
            _seconds(answer),
            *([_losses(answer)] if known else []),
            sentences([*_why_not(answer), *answer.notes], "quiet", "Notes"),
        ),
        document={
            "topology": answer.topology,
            "common_loss": answer.common_loss,
            "held_out": answer.held_out,
            "runs": [
                own | {"curve": [{"seconds": at_s, "loss": loss} for at_s, loss in each.curve]}
                for own, each in zip(records, answer.runs, strict=True)
            ],
            "notes": answer.notes,
        },
        records=Records(list(records[0]), records),
    )


def record(each: Compared) -> dict[str, Any]:
    """A recorded run as values by name, without its curve."""
    return vars(each.run) | {name: value for name, value in vars(each).items() if name not in ("run", "curve")}


def named(answer: Comparison) -> list[str]:
    """A short name of each recording: of its file, or where two have the same, its path."""
    short = [Path(each.run.trace).name for each in answer.runs]
    return [name if short.count(name) == 1 else each.run.trace for name, each in zip(short, answer.runs, strict=True)]


def _findings(answer: Comparison) -> list[str]:
    names = named(answer)
    said = []
    errors = [
        (abs(each.run.error), each.run.error, name)
        for each, name in zip(answer.runs, names, strict=True)
        if each.run.error is not None
    ]
    if errors:
        _, error, name = max(errors)
        which = f"the wall-clock of {name}" if len(errors) == 1 else f"at worst ({name}) the wall-clock"
        said.append(f"Replayed on {answer.topology}, {which} differs by {error:+.1%} from what was recorded.")
    times = [
        (each.common_loss_s, name)
        for each, name in zip(answer.runs, names, strict=True)
        if each.common_loss_s is not None
    ]
    if len(times) > 1:
        first, last = min(times), max(times)
        said.append(
            f"{first[1]} was first at a loss of {answer.common_loss:.3f}, after {human_seconds(first[0])}; "
            f"{last[1]} was last, after {human_seconds(last[0])}."
        )
    return said


def _seconds(answer: Comparison) -> Table:
    replayed = any(each.run.replayed_wall_clock_s is not None for each in answer.runs)
    columns = (
        Column("Recording"),
        Column("Of", folds=True),
        Column("Wall-clock", DURATION, family="wall"),
        Column("Computing", DURATION, family="wall"),
        Column("Exchanges", DURATION, family="part"),
        *([Column("Replay", DURATION, family="wall"), Column("Error", SHARE, signed=True)] if replayed else []),
        *(
            [Column("Its exchanges", DURATION, family="part"), Column("Their error", SHARE, signed=True)]
            if replayed
            else []
        ),
    )
    rows = []
    for name, each in zip(named(answer), answer.runs, strict=True):
        run = each.run
        cells = (name, recorded_as(run), run.wall_clock_s, run.compute_s, run.exchange_s)
        more = (run.replayed_wall_clock_s, run.error, run.replayed_exchange_s, run.exchange_error)
        rows.append((*cells, *(more if replayed else ())))
    return table(columns, rows, title="As recorded" + (", and the replay" if replayed else ""), remark=EXCHANGES)


def _losses(answer: Comparison) -> Table:
    there = "" if answer.common_loss is None else f" {answer.common_loss:.3f}"
    columns = (
        Column("Recording"),
        Column("Steps", NUMBER),
        Column("Wall-clock", DURATION, family="time"),
        Column("Last loss", LOSS),
        *([Column(f"At{there}", DURATION, family="time")] if there else []),
    )
    rows = [
        (name, each.run.steps, each.run.wall_clock_s, each.final_loss, *([each.common_loss_s] if there else []))
        for name, each in zip(named(answer), answer.runs, strict=True)
    ]
    title = "Loss against wall-clock, " + ("on held-out text" if answer.held_out else "of training")
    return table(
        columns, rows, title=title, remark="At: when the run was first at the loss that all reached." if there else ""
    )


def _why_not(answer: Comparison) -> list[str]:
    said = [
        f"{name}: {each.run.why_not}."
        for name, each in zip(named(answer), answer.runs, strict=True)
        if each.run.why_not
    ]
    if answer.topology is None:
        said.append("Give --topology, the network on which they ran, to see each beside its replay.")
    else:
        said.append(f"An error is crosshaul's only if the run was recorded on {answer.topology}.")
    return said
