"""What is known by name, as a report."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Column, Records, Report, table


def report(kind: str, rows: Sequence[tuple[str, str]]) -> Report:
    """Names beside their descriptions.

    Args:
      kind: what is listed, such as `topologies`.
      rows: name and description.
    """
    records = [{"name": name, "description": description} for name, description in rows]
    columns = (Column("Name"), Column("Description"))
    return Report(
        title=kind.capitalize(),
        blocks=(table(columns, rows),),
        document={kind: records},
        records=Records(("name", "description"), records),
    )
