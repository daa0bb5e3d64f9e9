"""Flows and the links under them, as a report."""

from __future__ import annotations

from typing import Any

from ...questions.flows import FlowRow, FlowsAnswer
from ..model import Column, Records, Report, Table, sentences, table
from ..quantities import BANDWIDTH, BYTES, SECONDS, SHARE


def report(answer: FlowsAnswer) -> Report:
    """The flows, and the links that carried anything."""
    rows = [_record(row) for row in answer.flows]
    return Report(
        title=f"{len(answer.flows)} flow{'s'[: len(answer.flows) > 1]} over {answer.topology}",
        blocks=(_flows(answer), _links(answer), sentences(answer.notes, "quiet")),
        document={
            "topology": answer.topology,
            "flows": [_record(row) | {"route": row.route} for row in answer.flows],
            "links": answer.links,
            "notes": answer.notes,
        },
        records=Records(list(rows[0]), rows),
    )


def _flows(answer: FlowsAnswer) -> Table:
    columns = (
        Column("Flow"),
        Column("Start", SECONDS),
        Column("Finish", SECONDS),
        Column("Bytes", BYTES),
        Column("Mean rate", BANDWIDTH),
    )
    rows = [
        (" > ".join(row.route), row.start_s, row.finish_s, row.bytes, row.mean_rate_bits_per_s or "at once")
        for row in answer.flows
    ]
    return table(columns, rows)


def _links(answer: FlowsAnswer) -> Table:
    columns = (
        Column("Link"),
        Column("Bandwidth", BANDWIDTH),
        Column("Bytes", BYTES),
        Column("Busy", SHARE),
        Column("Full", SHARE),
        Column("Peak", SHARE),
    )
    rows = [
        (link.link, link.bandwidth_bits_per_s, link.bytes, link.busy_share, link.full_share, link.peak_utilization)
        for link in answer.links
        if link.bytes
    ]
    idle = len(answer.links) - len(rows)
    return table(columns, rows, remark=f"{idle} {'link' if idle == 1 else 'links'} carried nothing" if idle else "")


def _record(row: FlowRow) -> dict[str, Any]:
    """A flow under the names of its file, the nodes of its route joined by ` > `."""
    rest = {name: value for name, value in vars(row).items() if name not in ("source", "target")}
    return {"from": row.source, "to": row.target} | rest | {"route": " > ".join(row.route)}
