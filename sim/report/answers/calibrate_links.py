"""A topology made of ping and iperf, as a report."""

from __future__ import annotations

from statistics import median

from ...questions.calibrate.links import FittedLinks
from ..model import Column, Records, Report, Row, Table, sentences, table
from ..parts.predicted_exchanges import predicted_table, use_of
from ..quantities import BANDWIDTH, COUNT, DURATION, SHARE

_PREDICTED = "Predicted all-reduces among all sites, with the band of 95%"


def report(answer: FittedLinks, out: str | None = None) -> Report:
    """The window and the links with their intervals, every group of rows beside the fit, and what was to be predicted.

    Args:
      answer: the links.
      out: the file into which the topology went.
    """
    rows = [vars(row) for row in answer.rows]
    return Report(
        title=f"{answer.topology.name}: {len(answer.topology.datacenters)} sites, {len(answer.topology.links)} links",
        blocks=(
            sentences([finding(answer), *_window(answer)], "strong"),
            _links(answer),
            _rows(answer),
            *([predicted_table(answer.predicted, _PREDICTED)] if answer.predicted else []),
            sentences([*answer.notes, use_of(out, "topology", "links.yaml")], "quiet", "Notes"),
        ),
        document={name: value for name, value in vars(answer).items() if name != "topology"}
        | {"topology": answer.topology.model_dump(mode="json", exclude_none=True), "finding": finding(answer)},
        records=Records(list(rows[0]), rows),
    )


def finding(answer: FittedLinks) -> str:
    """How far the fit is off, and for rows that it did not see."""
    fitted = [abs(row.error) for row in answer.rows]
    unseen = [abs(row.left_out_error) for row in answer.rows if row.left_out_error is not None]
    known = f"fitted, bandwidths are off by {median(fitted):.1%} in the median and {max(fitted):.1%} at worst"
    if not unseen:
        return f"{known[0].upper()}{known[1:]}; no row can be left out and told from the others."
    return (
        f"Left out one by one (all repeats of a pair with a number of streams), {len(unseen)} of {len(fitted)} can be "
        f"told from the others, off by {median(unseen):.1%} in the median and {max(unseen):.1%} at worst; {known}."
    )


def _window(answer: FittedLinks) -> list[str]:
    if answer.window is None:
        return []
    told = answer.window
    ends = "" if told.low is None or told.high is None else f" ({told.low / 1e6:.3g} to {told.high / 1e6:.3g})"
    return [f"A stream has {told.value / 1e6:.3g} MB{ends} in flight: transport.window."]


def _links(answer: FittedLinks) -> Table:
    columns = (
        Column("Way"),
        Column("Round trip", DURATION, family="s"),
        Column("Link", BANDWIDTH, family="bits"),
        Column("Low", BANDWIDTH, family="bits"),
        Column("High", BANDWIDTH, family="bits"),
        Column("Told by"),
        Column("Loss", align="right"),
    )
    rows = [
        (
            _way(link.source, link.target),
            link.rtt_s,
            link.bandwidth.value,
            link.bandwidth.low,
            link.bandwidth.high,
            link.told_by,
            f"{link.loss:.2g}" if link.loss else "-",
        )
        for link in answer.links
    ]
    return table(columns, rows, title="Links, with 95% of the refits")


def _way(source: str, target: str) -> str:
    return f"inside {source}" if source == target else f"{source} -> {target}"


def _rows(answer: FittedLinks) -> Table:
    columns = (
        Column("Way"),
        Column("Streams", COUNT),
        Column("Samples", COUNT),
        Column("Measured", BANDWIDTH, family="bits"),
        Column("Fitted", BANDWIDTH, family="bits"),
        Column("Error", SHARE, signed=True),
        Column("Left out", SHARE, signed=True),
    )
    worst = max(answer.rows, key=lambda row: abs(row.left_out_error or 0.0))
    rows = tuple(
        Row(
            (
                _way(each.source, each.target),
                each.streams,
                each.samples,
                each.measured_bits_per_s,
                each.fitted_bits_per_s,
                each.error,
                each.left_out_error,
            ),
            strong=each is worst,
        )
        for each in answer.rows
    )
    return Table(columns, rows, "Measured bandwidths, medians")
