"""Evaluations of the global model during a run, as records of its trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sim.trace.file import HeldOut, TraceWriter

from ..algorithms import loop_steps
from ..config.run import TrainConfig
from ..data.texts import Data
from ..model.initial import Params
from ..training.resume import write

Evaluate: TypeAlias = Callable[[int, Callable[[], Params]], None]
"""(step, what gives one copy of its parameters) -> nothing; evaluates where it is due."""


@dataclass(frozen=True)
class Evaluations:
    """When the model of a run of one process is evaluated on held-out text, and how.

    Attributes:
      every: inner steps between two of them; there is one before the first step and one after the last, too.
      measure: (step, one copy of the parameters, the run, its text) -> the record.
    """

    every: int
    measure: Callable[[int, Params, TrainConfig, Data], HeldOut]

    def into(
        self, writer: TraceWriter | None, config: TrainConfig, data: Data, note: Callable[[str], None]
    ) -> Evaluate:
        """A function of a step and its parameters that evaluates where it is due, and writes the record.

        Args:
          writer: of the trace.
          config: the run.
          data: its text.
          note: called with a line on each loss.
        """
        last = loop_steps(config)

        def evaluate(step: int, params: Callable[[], Params]) -> None:
            if step % self.every == 0 or step == last:
                line = self.measure(step, params(), config, data)
                write(writer, line)
                note(f"held-out loss {in_words(line)} after step {step}")

        return evaluate


def in_words(line: HeldOut) -> str:
    """A held-out loss; of a mixture the mean, with the loss on each corpus behind it."""
    parts = ", ".join(f"{each.name} {each.loss:.4f}" for each in line.corpora)
    return f"{line.loss:.4f}" + (f" ({parts})" if parts else "")


def never(writer: TraceWriter | None) -> Evaluate:
    """What evaluates nothing."""
    return lambda step, params: None
