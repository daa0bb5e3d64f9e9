"""Predictions of all runs: their scenarios through the product's own replay, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sim.documents.validation import validate
from sim.scenario.model import Scenario
from sim.simulation.run import run as simulate

from . import diloco_measured, ft_diloco, hivemind
from .runs import Run, Terms

SOURCES = (hivemind, diloco_measured, ft_diloco)
STAGES = {
    "plain": Terms(),
    "streams": Terms(streams=True),
    "endpoints": Terms(streams=True, endpoints=True),
    "messages": Terms(streams=True, endpoints=True, messages=True),
    "first": Terms(streams=True, endpoints=True, messages=True, first=True),
    "buffers": Terms(streams=True, endpoints=True, messages=True, first=True, buffers=True),
    "drops": Terms(streams=True, endpoints=True, messages=True, first=True, buffers=True, drops=True),
}
"""Stages of the model, each with one term more."""


@dataclass(frozen=True)
class Prediction:
    """What a replay says of a run.

    Attributes:
      run: it.
      exchange_s: a mean exchange between sites; None where the run has none [s].
      wall_s: a part of the run (a batch, a round), or all of it [s].
    """

    run: Run
    exchange_s: float | None
    wall_s: float

    def error(self, what: str) -> float | None:
        """Predicted over measured less one, of `exchange_s` or `wall_s`; None where nothing is known [-]."""
        ours, theirs = getattr(self, what), self.run.measured.get(what)
        return None if ours is None or theirs is None else ours / theirs - 1


def all_runs(terms: Terms) -> list[Run]:
    """The runs of all sources."""
    return [run for source in SOURCES for run in source.runs(terms)]


def predict(run: Run) -> Prediction:
    """The replay of a run's scenario."""
    (found,) = simulate(validate(Scenario, run.document, source=run.id)).runs
    exchange_s = found.exposed_across_s / run.exchanges if run.exchanges else None
    return Prediction(run, exchange_s, found.wall_clock_s / run.parts + run.start_s)


def predictions(runs: Iterable[Run]) -> list[Prediction]:
    """The predictions of some runs."""
    return [predict(run) for run in runs]
