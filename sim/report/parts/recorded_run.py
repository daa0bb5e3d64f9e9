"""A recorded run beside its replay, as a table."""

from __future__ import annotations

from typing import Any

from ...simulation.recorded import AsRecorded
from ...units.in_words import human_seconds
from ..model import Block, Column, sentences, table
from ..quantities import DURATION, SHARE

EXCHANGES = "Exchanges: all but computing inner steps. What is marked as warm-up is left out."


def as_recorded(found: AsRecorded | None, topology: str) -> list[Block]:
    """The recorded run and the replay of as many steps, or why there is none; nothing where nothing was recorded."""
    if found is None:
        return []
    if found.why_not:
        took = "" if found.wall_clock_s is None else f" took {human_seconds(found.wall_clock_s)}"
        said = f"As recorded, {recorded_as(found)}{took}. It is not compared with a replay: {found.why_not}."
        return [sentences([said])]
    columns = (
        Column("Part"),
        Column("As recorded", DURATION, family="time"),
        Column("Replay", DURATION, family="time"),
        Column("Error", SHARE, signed=True),
    )
    rows = (
        ("Wall-clock", found.wall_clock_s, found.replayed_wall_clock_s, found.error),
        ("Computing", found.compute_s, found.replayed_compute_s, None),
        ("Exchanges", found.exchange_s, found.replayed_exchange_s, found.exchange_error),
    )
    remark = (
        f"The replay is of {found.label} on {found.chips} chips of {topology}: an error of crosshaul's only if that is "
        f"where the run was recorded. {EXCHANGES}"
    )
    return [table(columns, rows, title=f"As recorded: {recorded_as(found)}", remark=remark)]


def recorded_as(found: AsRecorded) -> str:
    """What was recorded, in words."""
    what = found.algorithm
    if found.sync_every:
        what += f" M={found.replicas} H={found.sync_every}"
    exchanges = f" with {found.outer_exchanges:,} exchanges" if found.outer_exchanges else ""
    return f"{found.steps:,} steps of {what}{exchanges}"


def recorded_record(found: AsRecorded | None, label: str) -> dict[str, Any]:
    """The columns of CSV: filled in the row whose replay is compared; none where none is."""
    if found is None or found.error is None:
        return {}
    own = label == found.label
    return {
        "recorded_steps": found.steps if own else None,
        "recorded_wall_clock_s": found.wall_clock_s if own else None,
        "recorded_exchange_s": found.exchange_s if own else None,
        "replayed_wall_clock_s": found.replayed_wall_clock_s if own else None,
        "replayed_exchange_s": found.replayed_exchange_s if own else None,
        "recorded_error": found.error if own else None,
        "recorded_exchange_error": found.exchange_error if own else None,
    }
