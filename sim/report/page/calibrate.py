"""The page of a calibration: what was measured beside what the calibrated topology says."""

from __future__ import annotations

from dataclasses import replace

from ...questions.calibrate.exchanges import Calibration, Row
from ...questions.calibrate.links import FittedLinks
from ..model import Axis, Curve, Picture, Report
from .shared import behind_tables, with_blocks


def page(report: Report, answer: Calibration) -> Report:
    """The report with a picture of the rows.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
    """
    groups: dict[str, list[Row]] = {}
    for row in sorted(answer.rows, key=lambda row: row.size_bytes):
        groups.setdefault(f"{row.members} sites, {row.streams} streams", []).append(row)
    curves = tuple(
        Curve(
            f"{label}, {group}" if len(groups) > 1 else label,
            tuple((row.size_bytes / 1e6, getattr(row, name)) for row in rows),
        )
        for group, rows in groups.items()
        for label, name in (("measured", "measured_s"), ("as given", "before_s"), ("calibrated", "fitted_s"))
    )
    drawn = Picture(
        "Seconds of an exchange", Axis("size [MB]", log=True), Axis("time of an exchange [s]", log=True), curves
    )
    return with_blocks(replace(report, blocks=behind_tables(report.blocks, [drawn])), [], [], [drawn])


def page_of_links(report: Report, answer: FittedLinks) -> Report:
    """The report with a picture of bandwidths over streams and round trips.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
    """
    rtts = {(link.source, link.target): link.rtt_s for link in answer.links}
    points = [(each.streams / rtts[each.source, each.target], each) for each in answer.rows]
    curves = tuple(
        Curve(
            label, tuple((per_s, getattr(each, name) / 1e6) for per_s, each in sorted(points, key=lambda one: one[0]))
        )
        for label, name in (("measured", "measured_bits_per_s"), ("fitted", "fitted_bits_per_s"))
    )
    drawn = Picture(
        "Bandwidth of streams",
        Axis("streams over round trip [1/s]", log=True),
        Axis("bandwidth [Mbit/s]", log=True),
        curves,
    )
    return with_blocks(replace(report, blocks=behind_tables(report.blocks, [drawn])), [], [], [drawn])
