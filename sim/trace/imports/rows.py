"""Rows of a table as steps, once it is known which column holds the time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from ...errors import InputError, brief
from .log import Asked, LoggedStep
from .names import with_unit

Row = tuple[int, Mapping[str, object]]
"""The number of a line, and its values by column."""
_MOST_STEPS = 10_000_000


@dataclass(frozen=True)
class Time:
    """How a row tells its seconds.

    Attributes:
      column: where they stand.
      how: `seconds` of the step, `rate` (a number over it), or `clock`.
      factor: the unit, or the number over the rate [s].
      took, guessed: what was taken, and what was guessed.
    """

    column: str
    how: str
    factor: float
    took: str
    guessed: tuple[str, ...] = ()


class Rows:
    """Makes steps of rows, and notes what it could not take."""

    def __init__(self, path: Path, time: Time, asked: Asked, step: str | None, loss: str | None) -> None:
        self.path, self.time, self.asked, self.step, self.loss = path, time, asked, step, loss
        self.notes: list[str] = []

    def by_row(self, rows: Sequence[Row]) -> tuple[LoggedStep, ...]:
        """A step a row."""
        steps: list[LoggedStep] = []
        numbers: list[int] = []
        empty = 0
        for line, row in rows:
            value = number_of(self.path, line, self.time.column, row.get(self.time.column))
            if value is None:
                empty += 1
                continue
            if value <= 0:
                raise InputError(
                    f"{self.path}:{line}: {self.time.column}: got {value:g}; a step takes more than nothing"
                )
            seconds = value * self.time.factor if self.time.how == "seconds" else self.time.factor / value
            steps.append(self._step(line, row, len(steps) + 1, seconds))
            numbers.append(steps[-1].number)
        self._say(empty)
        gaps = {later - sooner for sooner, later in pairwise(numbers)} - {0, 1}
        if gaps and not self.asked.replica:
            self.notes.append("some steps were not logged, or stand more than once: each row counts as one step")
        return tuple(steps)

    def by_clock(self, rows: Sequence[Row]) -> tuple[LoggedStep, ...]:
        """The time between two rows of a replica, shared by the steps between them."""
        before: dict[str, tuple[float, int]] = {}
        steps: list[LoggedStep] = []
        empty = breaks = shared = 0
        for position, (line, row) in enumerate(rows, 1):
            now_s = self._moment(line, row.get(self.time.column))
            if now_s is None:
                empty += 1
                continue
            one = self._step(line, row, position, 1.0)
            then_s, number = before.get(one.replica, (now_s, one.number))
            before[one.replica] = now_s, one.number
            count = one.number - number
            if count < 1 or now_s <= then_s:
                breaks += (now_s, one.number) != (then_s, number)
                continue
            if len(steps) + count > _MOST_STEPS:
                raise InputError(
                    f"{self.path}:{line}: more than {_MOST_STEPS:,} steps; --step-column names another column"
                )
            shared += count > 1
            each = LoggedStep(one.number, (now_s - then_s) / count, one.exchange_s / count, one.loss, one.replica)
            steps += [
                LoggedStep(number + 1 + n, each.seconds, each.exchange_s, None, each.replica) for n in range(count - 1)
            ] + [each]
        self._say(empty)
        self.notes.append("the time before the first row is not known: its step is left out")
        if shared:
            self.notes.append(
                "some rows are several steps apart: each of these counts as an equal part of the time between"
            )
        if breaks:
            self.notes.append(
                f"the clock or the step goes back {breaks} times (a restart?): these intervals are left out"
            )
        return tuple(steps)

    def _step(self, line: int, row: Mapping[str, object], otherwise: int, seconds: float) -> LoggedStep:
        def read(column: str | None) -> float | None:
            return number_of(self.path, line, column, row.get(column)) if column else None

        number = read(self.step)
        if number is not None and (number < 0 or number != int(number)):
            raise InputError(f"{self.path}:{line}: {self.step}: got {number:g}; the number of a step is whole")
        exchange_s = (read(self.asked.exchange) or 0.0) * self._exchange_unit_s()
        if self.time.how != "clock" and not 0 <= exchange_s < seconds:
            raise InputError(
                f"{self.path}:{line}: {self.asked.exchange}: got {exchange_s:g} s of a step of {seconds:g} s; give a "
                "column with a part of the step, or leave out --exchange-column"
            )
        whose = str(row.get(self.asked.replica, "")) if self.asked.replica else ""
        return LoggedStep(otherwise if number is None else int(number), seconds, exchange_s, read(self.loss), whose)

    def _exchange_unit_s(self) -> float:
        return self.asked.unit_s or with_unit(self.asked.exchange or "")[1] or 1.0

    def _moment(self, line: int, value: object) -> float | None:
        """A time of day (ISO 8601), or a number of the unit [s]."""
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
            try:
                moment = datetime.fromisoformat(value.strip())
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            except ValueError:
                pass  # said below, as of any other column
        number = number_of(self.path, line, self.time.column, value)
        return None if number is None else number * self.time.factor

    def _say(self, empty: int) -> None:
        if empty:
            self.notes.append(f"{empty} rows without {self.time.column} are left out")


def number_of(path: Path, line: int, name: str, value: object) -> float | None:
    """A value as a number; None where there is none.

    Raises:
      InputError: it is something else.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "null", "none", "nan")):
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value.strip() if isinstance(value, str) else value)  # type: ignore[arg-type]
        if not math.isfinite(number):
            return None
    except (TypeError, ValueError):
        raise InputError(f"{path}:{line}: {name}: got {brief(value)}; write a number, or leave it empty") from None
    return number
