"""The exchanges that a calibration predicts, and how its topology is used: for both reports of calibrations."""

from __future__ import annotations

from collections.abc import Sequence

from ...questions.calibrate.exchanges import Predicted
from ...questions.calibrate.links import PredictedExchange
from ..model import Column, Table, table
from ..quantities import BYTES, DURATION


def predicted_table(predicted: Sequence[Predicted | PredictedExchange], title: str) -> Table:
    """Sizes and seconds, with their bands."""
    columns = (
        Column("Size", BYTES),
        Column("Predicted", DURATION, family="s"),
        Column("Low", DURATION, family="s"),
        Column("High", DURATION, family="s"),
    )
    return table(columns, [(each.size_bytes, each.seconds, each.low_s, each.high_s) for each in predicted], title=title)


def use_of(out: str | None, what: str, example: str) -> str:
    """What to do with the topology: how to write it to a file, or how to replay over the one that was written."""
    if out is None:
        return f"Write the {what} with --out {example}."
    return f"Use it: simulate --topology {out} --workload 10b --strategy diloco"
