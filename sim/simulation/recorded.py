"""A recorded run beside its replay, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AsRecorded:
    """A recorded run beside its replay; what was not said or cannot be compared is None.

    Attributes:
      trace: name or path of the trace.
      algorithm, replicas, sync_every: what was recorded: kind, M and H (null where the file does not say H).
      steps, outer_exchanges: counted steps, without the warm-up; exchanges of parameters.
      wall_clock_s, compute_s, exchange_s: as recorded; the last is all but computing inner steps [s].
      label: of the strategy whose replay is compared.
      chips: of the replay.
      replayed_wall_clock_s, replayed_compute_s, replayed_exchange_s: of as many steps, replayed [s].
      error, exchange_error: replayed over recorded - 1 [-].
      why_not: why there is no replay beside it, or no wall-clock; empty where there are both.
    """

    trace: str
    algorithm: str
    replicas: int
    sync_every: int | None
    steps: int
    outer_exchanges: int | None
    wall_clock_s: float | None
    compute_s: float
    exchange_s: float | None
    label: str | None = None
    chips: int | None = None
    replayed_wall_clock_s: float | None = None
    replayed_compute_s: float | None = None
    replayed_exchange_s: float | None = None
    error: float | None = None
    exchange_error: float | None = None
    why_not: str = ""
