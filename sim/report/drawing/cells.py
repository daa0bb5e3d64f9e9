"""The cells of a table as text, a column at a time: one unit and the same digits down a column."""

from __future__ import annotations

from ..model import Column, Table
from ..quantities import Scale, Written, common_scale, written


def written_columns(table: Table) -> list[Written]:
    """Each column of a table as text; columns of one family share their unit, so that they can be compared."""
    found = []
    for number, column in enumerate(table.columns):
        values = [row.cells[number] for row in table.rows]
        if column.numeric:
            scale = _scale(table, column)
            found.append(written(values, column.quantity, scale=scale, digits=column.digits, signed=column.signed))
        else:
            found.append(Written("", tuple("" if value is None else str(value) for value in values)))
    return found


def _scale(table: Table, column: Column) -> Scale | None:
    """The unit of a column's family; None where it has none."""
    if not column.family:
        return None
    members = [number for number, other in enumerate(table.columns) if other.family == column.family]
    values = [row.cells[number] for row in table.rows for number in members]
    return common_scale([value for value in values if isinstance(value, int | float)], column.quantity)
