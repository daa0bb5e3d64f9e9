"""The answer of a sweep, which shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, brief
from ..questions.sweep.summary import Best, Effect, Summary
from ..questions.sweep.sweep import Swept
from ..report.answers.sweep import report
from ..report.model import Report
from .shown import Shown


@dataclass(frozen=True, repr=False)
class Sweep(Shown):
    """The answer of `sweep`: a row for each point and strategy, by `records`, `column` or `to_pandas`.

    Attributes:
      swept: the question, its points and rows.
      summary: what the rows say of the column that is looked at.
    """

    swept: Swept
    summary: Summary

    @property
    def best(self) -> Best | None:
        """The best row; None where no point has an answer."""
        return self.summary.best

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What each varied key does to the column that is looked at."""
        return self.summary.effects

    def column(self, name: str) -> Sequence[Any]:
        """The values of a column, a value for each row."""
        names = [column.name for column in self.swept.columns]
        if name not in names:
            raise InputError(f"column: there is none named {brief(name)}; known: {', '.join(names)}")
        return self.swept.rows.column(name)

    def report(self) -> Report:
        """As `simulate sweep` reports it."""
        return report(self.swept, self.summary)
