"""What a scenario's strategies took: the runs, by label, as a table, and again with something changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, overload

from ..documents.validation import nearest
from ..errors import InputError, brief
from ..questions.bottleneck import bottlenecks
from ..questions.recorded import with_recorded
from ..questions.verdict import Verdict, fastest, lowest_loss, verdict
from ..report.answers.run import report
from ..report.model import Report
from ..report.render.json import render
from ..report.timeline import check_timeline, encoded
from ..scenario.model import Scenario
from ..shell.delivery import check_writable, deliver_file
from ..simulation.observe import observe
from ..simulation.recorded import AsRecorded
from ..simulation.results import Bottleneck, Result, Run
from ..simulation.run import run
from .shown import Shown


class UnknownRunError(InputError, KeyError):
    """There is no run of that label."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError alone shows its message in quotes


@dataclass(frozen=True, repr=False)
class Runs(Shown, Sequence[Run]):
    """The answer of `run`: a run for each strategy, in the order that was asked for.

    `runs[0]`, `runs["DiLoCo M=4 H=30"]` by label, or `runs["diloco"]` by kind where there is only one of it.

    Attributes:
      result: the scenario, its runs and the assumptions behind them.
    """

    result: Result

    @property
    def scenario(self) -> Scenario:
        """What was asked, with every default filled in."""
        return self.result.scenario

    @property
    def notes(self) -> tuple[str, ...]:
        """The assumptions behind the numbers."""
        return self.result.notes

    @property
    def best(self) -> Run:
        """The run with the shortest wall-clock."""
        return fastest(self.result.runs)

    @property
    def lowest_loss(self) -> Run | None:
        """The run that reaches the lowest loss in Data-Parallel's wall-clock; None where no loss is predicted."""
        return lowest_loss(self.result.runs)

    @property
    def verdict(self) -> Verdict:
        """Which run is fastest, by how much, and what it still loses time to."""
        return verdict(self.result.runs)

    @cached_property
    def bottlenecks(self) -> tuple[Bottleneck, ...]:
        """What the fastest run waits for, and what half or twice as much of it would change (some replays more)."""
        return tuple(bottlenecks(self.result, self.best))

    @cached_property
    def recorded(self) -> AsRecorded | None:
        """The recorded run beside its replay; None where no trace with exchanges is replayed (a replay more)."""
        return with_recorded(self.result).recorded

    def vary(self, **changes: Any) -> Runs:
        """The same question with something changed, answered again.

        Args:
          changes: as of `Scenario.vary`: `bandwidth_across=2` makes the links between datacenters twice as wide.

        Raises:
          InputError: there is no such change, or its result is not possible.
        """
        varied: Scenario = self.scenario.vary(**changes)
        return Runs(run(varied))

    @overload
    def __getitem__(self, key: int | str) -> Run: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Run]: ...
    def __getitem__(self, key: int | str | slice) -> Run | Sequence[Run]:
        if not isinstance(key, str):
            return self.result.runs[key]
        found = [each for each in self if key == each.label] or [each for each in self if key == each.strategy]
        if len(found) == 1:
            return found[0]
        labels = [each.label for each in self]
        if found:
            raise UnknownRunError(
                f"there are {len(found)} runs of {key!r}; write the label of one: {', '.join(labels)}"
            )
        raise UnknownRunError(f"there is no run {key!r}; {nearest(key, labels)}")

    def timeline(self, path: str | Path, rounds: int | Literal["all"] = 1) -> None:
        """Draws what the runs do, moment by moment, into a file for ui.perfetto.dev, as `simulate --timeline` does.

        Args:
          path: a `.pftrace` (Perfetto; needs the extra `timeline`) or a `.json` (Chrome's trace events).
          rounds: how many it shows of the beginning, or all: H inner steps and their exchanges each; a step each for
            Data-Parallel; of replicas at their own pace, so many of the slowest.

        Raises:
          InputError: it cannot be written there, or there is too much to draw, or too little.
        """
        file = Path(path)
        check_timeline(file)
        check_writable(file, option="timeline")
        if rounds != "all" and (isinstance(rounds, bool) or not isinstance(rounds, int)):
            raise InputError(f"rounds: got {brief(rounds)}; write a whole number from 1 on, or 'all'")
        observed = observe(self.scenario, None if rounds == "all" else rounds)
        deliver_file(encoded(observed, file), file, "timeline")

    def __len__(self) -> int:
        return len(self.result.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.result.runs)

    def report(self) -> Report:
        """As `simulate` reports them, but for the bottlenecks, which take replays of their own."""
        return report(replace(self.result, recorded=self.recorded))

    def to_json(self) -> str:
        """The whole answer with its bottlenecks, as `simulate --format json` prints it."""
        return render(report(replace(self.result, bottlenecks=self.bottlenecks, recorded=self.recorded)))
