"""The question of a sweep, and the rows that answer it at a point. All of it can be sent to another process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ...errors import CrosshaulError, InputError
from ...scenario.loading import look_up
from ...scenario.model import Scenario
from ...scenario.sweep import Answer
from ...simulation.jobs import jobs
from ...trace.given import GivenSeconds
from ...trace.series import recording_path
from ...workload.documents import TraceWorkload
from ..plan.options import Ask
from .asks import Asks
from .columns import ERROR, IGNORED, POINT, Answered, Axis, Column, axes, columns_of
from .scenarios import Base, Scenarios, check
from .space import Space

Row = tuple[Any, ...]
_LAYOUT = 1
"""Of the file: changed with what its columns mean."""


@dataclass(frozen=True)
class Asked:
    """A question at many points.

    Attributes:
      answer: which question.
      base: the scenario that is varied; for a plan, what is asked.
      space: the points.
      options: arguments of the question that are the same at all points.
    """

    answer: Answer
    base: Base | Ask
    space: Space
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of_losses(self) -> bool:
        """Whether the rows say when losses are reached, and not what a budget buys."""
        return bool(self.options.get("target_losses"))

    def identity(self) -> str:
        """All that the rows depend on, as JSON: two sweeps with the same one have the same rows."""
        whole = [
            (key, each) for key in ("topology", "workload") if key in self.space.keys for each in self.space.values(key)
        ]
        named = {f"{key}={each}": look_up(key, each, open_up=True) for key, each in whole}
        told = {
            "layout": _LAYOUT,
            "crosshaul": version("crosshaul"),
            "answer": self.answer,
            "options": self.options,
            "base": self.base,
            "named": named,
            "values": self.space.settings(),
            "recordings": self._recordings([*named.values()]),
        }
        return json.dumps(told, default=_jsonable, sort_keys=True)

    def _recordings(self, named: Sequence[Any]) -> dict[str, str]:
        """A sum over each recorded trace, which may be another file tomorrow under the same name."""
        traces = {each["trace"] for each in named if isinstance(each, Mapping) and isinstance(each.get("trace"), str)}
        traces |= {each for key in self.space.keys if key == "workload.trace" for each in self.space.values(key)}
        if isinstance(self.base, Base) and isinstance(own := self.base.scenario.workload, TraceWorkload):
            traces |= set() if isinstance(own.trace, GivenSeconds) else {own.trace}
        paths = {name: Path(str(recording_path(name))) for name in sorted(traces)}
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items() if path.is_file()}


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(value)


class Work:
    """The points of a question, answered one by one.

    Args:
      asked: the question.

    Raises:
      InputError: a key is unknown.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.axes: Sequence[Axis] = axes(asked.space)
        self._points = (
            Scenarios(asked.base, asked.space) if isinstance(asked.base, Base) else Asks(asked.base, asked.space)
        )
        self.answered = answered(asked.answer, of_losses=asked.of_losses)
        self.columns: tuple[Column, ...] = (
            Column(POINT, "int64"),
            *(axis.column for axis in self.axes),
            *self.answered.columns,
            Column(IGNORED, "string"),
            Column(ERROR, "string"),
        )

    def check(self) -> None:
        """Refuses values that no point can have, and what fails everywhere, before any point is answered.

        Raises:
          InputError: a value makes no scenario; or the first, the middle and the last point fail in the same way.
        """
        space = self._asked.space
        check(self._points, space)
        if isinstance(self._asked.base, Base):
            told = {self._why_not(number) for number in (0, space.count // 2, space.count - 1)}
            if len(told) == 1 and (why := told.pop()):
                raise InputError(why)

    def _why_not(self, number: int) -> str | None:
        """Why a point cannot be answered, as far as that is seen without a replay."""
        try:
            there, _ = self._points.at(self._asked.space.point(number))
            if isinstance(there, Scenario):
                jobs(there)
        except InputError as error:
            return str(error)
        return None

    def rows(self, number: int) -> list[Row]:
        """The rows of a point: one for each strategy (rule, loss, target); of one that fails, a row with its error."""
        values = self._asked.space.point(number)
        used: Mapping[str, Any] = values
        try:
            there, used = self._points.at(values)
            found, notes = _answer(self._asked.answer, there, self._asked.options)
        except CrosshaulError as error:
            return [self._failed(number, values, str(error))]
        except Exception as error:  # a defect of ours at one point must not take the others with it
            return [self._failed(number, values, f"{type(error).__name__}: {error}; a defect of crosshaul")]
        front = number, *(axis.value(used.get(axis.key)) for axis in self.axes)
        ignored = "\n".join(each for each in notes if each.startswith("without effect")) or None
        return [(*front, *self.answered.plain(each), ignored, None) for each in found]

    def _failed(self, number: int, values: Mapping[str, Any], why: str) -> Row:
        front = number, *(axis.value(values.get(axis.key)) for axis in self.axes)
        return (*front, *(None for _ in self.answered.columns), None, why)

    def lost(self, number: int, why: str) -> list[Row]:
        """The row of a point whose worker ended without an answer."""
        return [self._failed(number, self._asked.space.point(number), why)]


@cache
def answered(kind: Answer, *, of_losses: bool = False) -> Answered:
    """The columns of an answer; of a budget those of the times to reach losses, where some are asked for."""
    match kind:
        case "run":
            from ...simulation.results import Run

            return columns_of(Run)
        case "bandwidth":
            from ..bandwidth.bandwidth import Need

            return columns_of(Need)
        case "budget":
            from ..budget.budget import BudgetRow, LossRow

            return columns_of(LossRow if of_losses else BudgetRow)
        case "plan":
            from ..plan.replay import Entry

            return columns_of(Entry)


def _answer(kind: Answer, there: Any, options: Mapping[str, Any]) -> tuple[Iterable[Any], Iterable[str]]:
    """The rows of an answer, and its notes."""
    match kind:
        case "run":
            from ...simulation.run import run

            result = run(there)
            return result.runs, result.notes
        case "bandwidth":
            from ..bandwidth.bandwidth import answer as needs

            needed = needs(there, **options)
            return needed.rows, needed.notes
        case "budget":
            from ..budget.budget import answer as budgets

            afforded = budgets([there], **options)
            if not afforded.rows:
                raise InputError(f"budget: no strategy has a row here: {'; '.join(afforded.notes)}")
            return afforded.times if options.get("target_losses") else afforded.rows, afforded.notes
        case "plan":
            from ..plan.plan import answer as plan

            planned = plan(there)
            return [planned.best], planned.notes
