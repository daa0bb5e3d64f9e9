"""A calibrated topology, as a report."""

from __future__ import annotations

from statistics import median

from ...questions.calibrate.exchanges import Calibration, Constant
from ..model import Column, Records, Report, Row, Table, sentences, table
from ..parts.predicted_exchanges import predicted_table, use_of
from ..quantities import BYTES, COUNT, DURATION, SHARE

_NONE = 1e-9


def report(answer: Calibration, out: str | None = None) -> Report:
    """The fitted numbers, every row beside the fit and beside one that did not see it, and what was to be predicted.

    Args:
      answer: the calibration.
      out: the file into which the topology went.
    """
    rows = [vars(row) for row in answer.rows]
    return Report(
        title=f"{answer.topology.name}, calibrated with {len(rows)} exchanges (collective: {answer.collective})",
        blocks=(
            sentences([finding(answer)], "strong"),
            _constants(answer),
            _rows(answer),
            *([predicted_table(answer.predicted, "Predicted, with the band of 95%")] if answer.predicted else []),
            sentences([*answer.notes, use_of(out, "calibrated topology", "calibrated.yaml")], "quiet", "Notes"),
        ),
        document={name: value for name, value in vars(answer).items() if name != "topology"}
        | {"topology": answer.topology.model_dump(mode="json", exclude_none=True), "finding": finding(answer)},
        records=Records(list(rows[0]), rows),
    )


def finding(answer: Calibration) -> str:
    """How far the topology was off before and after, and for a row that the fit did not see."""
    before = [abs(row.before_s / row.measured_s - 1) for row in answer.rows]
    after, unseen = ([abs(getattr(row, name)) for row in answer.rows] for name in ("error", "left_out_error"))
    return (
        f"Left out one by one, the rows are off by {_percent(median(unseen))} in the median and "
        f"{_percent(max(unseen))} at worst; fitted, by {_percent(median(after))} and {_percent(max(after))}; as the "
        f"topology was given, by {_percent(median(before))} and {_percent(max(before))}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _constants(answer: Calibration) -> Table:
    columns = (Column("Parameter"), Column("Value", align="right"), Column("95% of the refits", align="right"))
    rows = [
        (
            each.name,
            f"{each.value:.4g}",
            f"{_end(each.low, each)} to {each.high:.4g}" if each.low < each.high else "as given",
        )
        for each in (answer.overhead, answer.bandwidth)
    ]
    return table(columns, rows, title="Calibrated")


def _end(value: float, of: Constant) -> str:
    """A lower end; one that only rounding keeps from 0 is 0."""
    return f"{value if value > _NONE * of.value else 0.0:.4g}"


def _rows(answer: Calibration) -> Table:
    columns = (
        Column("Size", BYTES),
        Column("Sites", COUNT),
        Column("Streams", COUNT),
        Column("Measured", DURATION, family="s"),
        Column("As given", DURATION, family="s"),
        Column("Fitted", DURATION, family="s"),
        Column("Error", SHARE, signed=True),
        Column("Left out", SHARE, signed=True),
    )
    worst = max(answer.rows, key=lambda row: abs(row.left_out_error))
    rows = tuple(
        Row(
            (
                each.size_bytes,
                each.members,
                each.streams,
                each.measured_s,
                each.before_s,
                each.fitted_s,
                each.error,
                each.left_out_error,
            ),
            strong=each is worst,
        )
        for each in answer.rows
    )
    return Table(columns, rows, "Measured exchanges")
