"""Flows and the links under them, as text for people and as data for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.table import Table

from ..questions.flows import FlowRow, FlowsAnswer
from ..units.in_words import human_bytes, human_quantity
from ..units.quantities import BANDWIDTH
from .plain import as_csv, as_json, plain, text_console

SCHEMA_VERSION = 1
_WIDTH = 100


def flows_json(answer: FlowsAnswer) -> str:
    """The whole answer; keys are stable within a schema version."""
    document = {
        "topology": answer.topology,
        "flows": [_flow(row) | {"route": list(row.route)} for row in answer.flows],
        "links": [asdict(row) for row in answer.links],
        "notes": list(answer.notes),
    }
    return as_json(SCHEMA_VERSION, document)


def flows_csv(answer: FlowsAnswer) -> str:
    """One line a flow under a header line; the nodes of a route are joined by ` > ` (links: see the JSON)."""
    rows = [_flow(row) for row in answer.flows]
    return as_csv(rows, list(rows[0]))


def flows_text(answer: FlowsAnswer) -> str:
    """Two tables: the flows, and the links that carried anything."""
    flows = _table("from", "to", "start_s", "finish_s", "bytes", "mean rate", "route")
    for row in answer.flows:
        flows.add_row(
            row.source,
            row.target,
            f"{row.start_s:.6g}",
            f"{row.finish_s:.6g}",
            human_bytes(row.bytes),
            human_quantity(row.mean_rate_bits_per_s, BANDWIDTH) if row.mean_rate_bits_per_s else "at once",
            " > ".join(row.route),
        )
    links = _table("link", "bandwidth", "bytes", "busy", "full", "peak")
    for link in answer.links:
        if link.bytes:
            links.add_row(
                link.link,
                human_quantity(link.bandwidth_bits_per_s, BANDWIDTH),
                human_bytes(link.bytes),
                f"{link.busy_share:.1%}",
                f"{link.full_share:.1%}",
                f"{link.peak_utilization:.1%}",
            )
    idle = sum(not link.bytes for link in answer.links)
    console = text_console(_WIDTH)
    with console.capture() as captured:
        console.print(f"{len(answer.flows)} flows over {answer.topology}", markup=False, highlight=False)
        console.print(flows)
        console.print(links)
        if idle:
            console.print(f"{idle} {'link' if idle == 1 else 'links'} carried nothing", highlight=False)
        for note in answer.notes:
            console.print(note, markup=False, highlight=False)
    return plain(captured.get())


def _flow(row: FlowRow) -> dict[str, Any]:
    plain = asdict(row)
    renamed = {"from": plain.pop("source"), "to": plain.pop("target")} | plain
    return renamed | {"route": " > ".join(row.route)}


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    left = {"from", "to", "route", "link"}
    for head in heads:
        table.add_column(head, justify="left" if head in left else "right", overflow="fold")
    return table


FLOWS_RENDERERS: dict[str, Callable[[FlowsAnswer], str]] = {
    "table": flows_text,
    "json": flows_json,
    "csv": flows_csv,
}
