"""The question: how do recorded runs compare, with each other and each with its replay, in seconds and in loss?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from ..scenario.loading import load_scenario
from ..shell.progress import UNWATCHED, Watch
from ..simulation.recorded import AsRecorded
from ..trace.series import recording_path
from ..trace.totals import DATA_PARALLEL, LossCurve, Totals, read_totals
from .recorded import against_replay, not_told, of_totals

_WINDOW = 20
"""Training losses are means over this part of the recorded steps."""
_POINTS = 200
"""Points of a curve at most."""
MOST_TRACES = 64


@dataclass(frozen=True)
class Ask:
    """Which recorded runs, and where they were recorded.

    Attributes:
      traces: names or paths.
      topology: name or path of the network on which all were recorded; None: nothing is replayed.
    """

    traces: tuple[str, ...]
    topology: str | None = None


@dataclass(frozen=True)
class Compared:
    """One recorded run.

    Attributes:
      run: its seconds, beside those of its replay.
      params, batch_tokens: of the model; tokens of a step of what the file is about.
      final_loss: the last one of the curve; None where there is none [nats per token].
      common_loss_s: when it first was at the loss that all runs reach; None where no wall-clock is known [s].
      curve: losses over the recorded wall-clock (s, nats per token).
    """

    run: AsRecorded
    params: int
    batch_tokens: int
    final_loss: float | None
    common_loss_s: float | None
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Comparison:
    """The answer.

    Attributes:
      topology: on which each was replayed; None where nothing was.
      common_loss: the lowest loss that every run with losses reached; None where fewer than two have any.
      held_out: whether losses are of held-out text; else of training.
      runs: in the order in which they were given.
      notes: what does not compare.
    """

    topology: str | None
    common_loss: float | None
    held_out: bool
    runs: tuple[Compared, ...]
    notes: tuple[str, ...]


def answer(ask: Ask, watch: Watch = UNWATCHED) -> Comparison:
    """Puts recorded runs side by side, and each beside the replay of as many of its steps.

    Args:
      ask: which runs.
      watch: is told how far the replays are.

    Raises:
      InputError: a trace cannot be read, or the topology cannot carry a run.
    """
    if len(ask.traces) > MOST_TRACES:
        raise InputError(f"{len(ask.traces)} traces are given; compare {MOST_TRACES} at most")
    totals = [read_totals(recording_path(trace)) for trace in ask.traces]
    held_out = all(each.held_out.losses for each in totals if _has_losses(each)) and any(map(_has_losses, totals))
    curves = [_curve(each, held_out=held_out) for each in totals]
    lowest = [min(curve.losses) for curve in curves if curve.losses]
    common = max(lowest) if len(lowest) > 1 else None
    runs = []
    for number, (trace, own, curve) in enumerate(zip(ask.traces, totals, curves, strict=True)):
        watch.doing(f"replaying {trace}", number, len(totals))
        runs.append(
            Compared(
                _beside(trace, own, ask.topology),
                own.header.model.params,
                own.header.batch_tokens,
                curve.losses[-1] if curve.losses else None,
                None if common is None else _first_at(curve, common),
                _thinned(curve),
            )
        )
    return Comparison(ask.topology, common, held_out, tuple(runs), tuple(_notes(runs, totals, held_out=held_out)))


def _has_losses(totals: Totals) -> bool:
    return bool(totals.wall_clock_s is not None and (totals.held_out.losses or totals.losses.losses))


def _curve(totals: Totals, *, held_out: bool) -> LossCurve:
    """The losses to compare: held-out ones as they are, those of training as means of a moving window."""
    if totals.wall_clock_s is None:
        return LossCurve()
    if held_out:
        return totals.held_out
    losses = totals.losses.losses
    window = max(1, len(losses) // _WINDOW)
    sums = [0.0]
    for loss in losses:
        sums.append(sums[-1] + loss)
    means = [(sums[end] - sums[end - window]) / window for end in range(window, len(sums))]
    return LossCurve(totals.losses.seconds[window - 1 :], means)


def _first_at(curve: LossCurve, loss: float) -> float | None:
    return next((when for when, each in zip(curve.seconds, curve.losses, strict=True) if each <= loss), None)


def _thinned(curve: LossCurve) -> tuple[tuple[float, float], ...]:
    points = list(zip(curve.seconds, curve.losses, strict=True))
    every = -(-len(points) // _POINTS) or 1
    return tuple(points[::-every][::-1])


def _beside(trace: str, totals: Totals, topology: str | None) -> AsRecorded:
    """What was recorded, beside its replay where a topology is given and the trace says enough."""
    found = of_totals(trace, totals)
    if topology is None:
        return replace(found, why_not=totals.why_not)
    if not_told(totals):
        return found
    kind = totals.header.algorithm
    if kind != DATA_PARALLEL:
        kind += f":replicas={totals.replicas},sync_every={totals.header.sync_every}"
    try:
        scenario = load_scenario(topology=topology, trace=trace, strategies=[kind])
        return against_replay(found, totals, scenario, 0)
    except InputError as error:
        raise error.within(Path(trace)) from None


def _notes(runs: Sequence[Compared], totals: Sequence[Totals], *, held_out: bool) -> list[str]:
    notes = []
    if len({each.params for each in runs}) > 1:
        notes.append("The models differ in size.")
    if len({each.header.data for each in totals}) > 1:
        notes.append("The recordings name different data: their losses may not compare.")
    if len({each.header.batch_tokens * each.replicas // each.header.replicas for each in totals}) > 1:
        notes.append(
            "The batches of the recordings differ; a file of one replica is taken to count that replica's tokens."
        )
    if any(each.curve for each in runs) and not held_out:
        notes.append(
            f"Losses are of training, each a mean over 1/{_WINDOW} of the steps, so that one lucky step counts little."
        )
    return notes
