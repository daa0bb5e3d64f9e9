"""The page of single flows over a network."""

from __future__ import annotations

from dataclasses import replace

from ...questions.flows import Flows, FlowsAnswer
from ...units.in_words import human_seconds
from ..figures import Gantt, Series, Span
from ..model import Report, sentences
from .shared import as_yaml, behind_tables, map_of, with_blocks

_ROWS = 40
"""Flows up to which a schedule can be read."""


def page(report: Report, answer: FlowsAnswer, document: Flows) -> Report:
    """The report on flows with what can be drawn of it.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
      document: what was asked.
    """
    last = max(answer.flows, key=lambda row: row.finish_s)
    used = {
        link.link: min(1.0, 8 * link.bytes / link.bandwidth_bits_per_s / last.finish_s)
        for link in answer.links
        if last.finish_s
    }
    remark = "Colours: how far each link is used, in the mean until the last flow has arrived." if used else ""
    finding = f"All has arrived after {human_seconds(last.finish_s)}; the last flow is {last.source} to {last.target}."
    source = as_yaml("The flows", document, "Saved as mine.yaml, it is asked about by: simulate flows mine.yaml")
    schedule = [when(answer)] if last.finish_s else []
    blocks = (sentences([finding], "strong"), *behind_tables(report.blocks, schedule))
    shown = map_of(document.topology, used, remark)
    return with_blocks(replace(report, blocks=blocks), [shown], [source], schedule or [shown])


def when(answer: FlowsAnswer) -> Gantt:
    """From when to when each flow is on its way."""
    shown = answer.flows[:_ROWS]
    rows = tuple(f"{row.source} to {row.target}" for row in shown)
    spans = tuple(Span(n, 0, rows[n], row.start_s, row.finish_s) for n, row in enumerate(shown))
    more = len(answer.flows) - len(shown)
    remark = f"The first {len(shown)} flows; {more} more are not drawn." if more else ""
    end_s = max(row.finish_s for row in answer.flows)
    return Gantt("When each flow is on its way", rows, (Series("on its way", "compute"),), spans, end_s, remark)
