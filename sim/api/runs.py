"""What a scenario's strategies took: the runs, by label, as a table, and again with something changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

from ..documents.validation import nearest
from ..errors import InputError
from ..questions.bottleneck import bottlenecks
from ..questions.verdict import Verdict, fastest, lowest_loss, verdict
from ..report.render.json import render
from ..report.run import report
from ..scenario.model import Scenario
from ..simulation.results import Bottleneck, Result, Run
from ..simulation.run import run
from ..units.in_words import human_bytes, human_count, human_ratio, human_seconds
from .shown import Shown, Table, as_record


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

    def __len__(self) -> int:
        return len(self.result.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.result.runs)

    def table(self) -> Table:
        """What is shown of the runs: one line each."""
        columns = ("Strategy", "Chips", "Wall-clock", "Utilization", "Across sites", "Speed-up", "Overtraining")
        loss = self.lowest_loss is not None
        topology = self.scenario.topology.name
        first = self.result.runs[0]
        title = f"{human_count(first.params)} parameters, {human_count(first.tokens)} tokens on {topology}"
        return Table(title, (*columns, "Its loss") if loss else columns, tuple(self._line(each, loss) for each in self))

    def _line(self, each: Run, loss: bool) -> tuple[str, ...]:
        cells = (
            each.label,
            f"{each.chips:,}",
            human_seconds(each.wall_clock_s),
            f"{each.compute_utilization:.1%}",
            human_bytes(each.cross_datacenter_bytes),
            human_ratio(each.speedup),
            human_ratio(each.overtraining_multiple),
        )
        return (*cells, "-" if each.equal_time_loss is None else f"{each.equal_time_loss:.3f}") if loss else cells

    def records(self) -> Sequence[Mapping[str, Any]]:
        """A run each, without its sites and links."""
        return [as_record(each) for each in self]

    def to_json(self) -> str:
        """The whole answer with its bottlenecks, as `simulate --format json` prints it."""
        return render(report(replace(self.result, bottlenecks=self.bottlenecks)))
