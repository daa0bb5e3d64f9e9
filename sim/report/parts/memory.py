"""What a chip holds in each run, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from ...simulation.results import Run
from .. import strategy_name
from ..model import Block, Column, Row, Table
from ..quantities import BYTES, SHARE

_PARTS = ("weights", "gradients", "optimizer", "outer", "buffers", "activations", "total")


def memory_table(runs: Sequence[Run]) -> list[Block]:
    """What a chip holds, where the workload says how."""
    held = [(run, run.memory) for run in runs if run.memory is not None]
    if not held:
        return []
    shown = [name for name in _PARTS if any(getattr(memory, name) for _, memory in held)]
    known = any(memory.capacity for _, memory in held)
    columns = (
        *strategy_name.COLUMNS,
        *(Column(name.capitalize(), BYTES, family="memory") for name in shown),
        *([Column("Of its memory", SHARE)] if known else []),
    )
    rows = [
        Row(
            (
                *strategy_name.parts(run.strategy, run.label),
                *(getattr(memory, name) for name in shown),
                *([memory.total / memory.capacity if memory.capacity else None] if known else []),
            )
        )
        for run, memory in held
    ]
    return [Table(columns, tuple(rows), "What a chip holds")]
