"""The question: how far from a recorded run is the replay of that same run?"""

from __future__ import annotations

from dataclasses import replace

from ..documents.validation import validate_copy
from ..scenario.model import Scenario
from ..simulation.recorded import AsRecorded
from ..simulation.results import Result, Run
from ..simulation.run import outcomes
from ..strategies import AbstractStrategy
from ..trace.file import UNKNOWN
from ..trace.series import read_recording, recording_path
from ..trace.totals import DATA_PARALLEL, Totals, read_totals
from ..workload.documents import TraceWorkload

COMPARED = (DATA_PARALLEL, "diloco")
_EXACT = 1e-9


def with_recorded(result: Result) -> Result:
    """The answer of the main job with the recorded run beside the one that is asked like it."""
    return replace(result, recorded=beside(result.scenario, result.runs))


def beside(scenario: Scenario, runs: tuple[Run, ...]) -> AsRecorded | None:
    """The recorded run of a scenario, and a replay of as many steps by the row that is of the same run.

    Args:
      scenario: whose workload may be a trace; its topology is taken as the place of the recording.
      runs: of its strategies, in their order.

    Returns:
      None where no trace is replayed, or none whose parts add up to the wall-clock of a run with exchanges.
    """
    workload = scenario.workload
    if not (isinstance(workload, TraceWorkload) and isinstance(workload.trace, str)):
        return None
    totals = read_totals(recording_path(workload.trace))
    if totals.header.origin is None and (totals.why_not or not _exchanges(totals)):
        return None
    found = of_totals(workload.trace, totals)
    why_not = found.why_not or _cannot(scenario)
    place = None if why_not else _same(totals, scenario, runs)
    if place is None:
        asked = f"no row has {in_words(totals)} on {' or '.join(map(str, sorted(totals.chips)))} chip(s), as recorded"
        return replace(found, why_not=why_not or asked)
    return against_replay(found, totals, scenario, place, runs[place].label)


def of_totals(trace: str, totals: Totals) -> AsRecorded:
    """What was recorded, before anything is replayed."""
    return AsRecorded(
        trace=trace,
        algorithm=totals.header.algorithm,
        replicas=totals.replicas,
        sync_every=totals.header.sync_every,
        steps=totals.steps,
        outer_exchanges=totals.outer_exchanges,
        wall_clock_s=totals.wall_clock_s,
        compute_s=totals.compute_s,
        exchange_s=totals.exchange_s,
        why_not=totals.why_not or not_told(totals),
    )


def in_words(totals: Totals) -> str:
    """What was recorded, such as `diloco M=2 H=30`."""
    h = totals.header.sync_every
    return totals.header.algorithm + (
        f" M={totals.replicas} H={h}" if totals.header.algorithm != DATA_PARALLEL and h else ""
    )


def not_told(totals: Totals) -> str:
    """What a trace would have to say so that its run could be replayed; empty where it says all."""
    algorithm = totals.header.algorithm
    if algorithm == UNKNOWN:
        return "it does not say its algorithm; record with algorithm=..., or import with --algorithm"
    if algorithm not in COMPARED:
        return f"only {' and '.join(COMPARED)} wait for all that they exchange; {algorithm} may not"
    if algorithm != DATA_PARALLEL and totals.header.sync_every is None:
        return "it does not say H; record with sync_every=..., or import with --sync-every"
    if not _exchanges(totals):
        return "no time of an exchange is told apart in it, and a replay repeats its steps as they are"
    return ""


def against_replay(
    found: AsRecorded, totals: Totals, scenario: Scenario, place: int, label: str | None = None
) -> AsRecorded:
    """The same beside a replay of as many steps, with as many exchanges, of one strategy of a scenario."""
    strategy = _with_exchanges(scenario.strategies[place], totals)
    if strategy is None:
        told = f"{totals.outer_exchanges} exchanges were recorded in {totals.steps} steps, and H is {found.sync_every}"
        return replace(found, why_not=told)
    own = scenario.replaced(strategies=(strategy,)).vary(steps=totals.steps)
    replayed = outcomes(own)[0]
    timeline, chips = replayed.timeline, replayed.job.setting.load.chips
    if chips not in totals.chips:
        return replace(found, why_not=f"{chips} chips would replay what {min(totals.chips)} did; say theirs in chips")
    wall_clock_s, compute_s = timeline.wall_clock_s, timeline.mean("compute_s")
    return replace(
        found,
        label=label or strategy.label,
        chips=chips,
        replayed_wall_clock_s=wall_clock_s,
        replayed_compute_s=compute_s,
        replayed_exchange_s=wall_clock_s - compute_s,
        error=wall_clock_s / found.wall_clock_s - 1 if found.wall_clock_s else None,
        exchange_error=(wall_clock_s - compute_s) / found.exchange_s - 1 if found.exchange_s else None,
    )


def _exchanges(totals: Totals) -> bool:
    """Whether any time of an exchange is told apart, among chips that have anybody to exchange with."""
    return max(totals.chips) > 1 and (totals.gradient_exchanges or bool(totals.outer_exchanges))


def _cannot(scenario: Scenario) -> str:
    """Why no row of a scenario can be of the recorded run; empty where one may be."""
    workload = scenario.workload
    if not (isinstance(workload, TraceWorkload) and isinstance(workload.trace, str)):
        return ""
    if workload.rescale:
        return "its seconds are rescaled to other chips"
    recording = read_recording(recording_path(workload.trace))
    if workload.payload_bits is not None and recording.counted:
        asked_bytes = recording.header.model.params * workload.payload_bits / 8
        if abs(asked_bytes / recording.outer_bytes - 1) > _EXACT:
            return f"an exchange sent {recording.outer_bytes:,.0f} bytes, and payload_bits asks for {asked_bytes:,.0f}"
    return "its run had the links to itself, and jobs: together shares them" if scenario.jobs == "together" else ""


def _same(totals: Totals, scenario: Scenario, runs: tuple[Run, ...]) -> int | None:
    """The row that is of the same run: its algorithm, M, H, chips, tokens a chip, and no payload of its own."""
    header = totals.header
    wanted = (header.algorithm, *((totals.replicas, header.sync_every) if header.algorithm != DATA_PARALLEL else ()))
    for place, (run, strategy) in enumerate(zip(runs, scenario.strategies, strict=True)):
        if strategy.payload_parameters():
            continue
        got = (run.strategy, *((run.replicas, run.sync_every) if run.strategy != DATA_PARALLEL else ()))
        tokens = run.batch_tokens / run.chips * header.chips / header.batch_tokens
        if got == wanted and run.chips in totals.chips and abs(tokens - 1) < _EXACT:
            return place
    return None


def _with_exchanges(strategy: AbstractStrategy, totals: Totals) -> AbstractStrategy | None:
    """The strategy with a last exchange or without, whichever makes as many as were recorded; None where neither does.

    Where nobody counted them, a run ends with its last whole round.
    """
    if not strategy.has_outer_steps:
        return strategy
    ends = [validate_copy(strategy, {"closing_exchange": closing}, source="recorded") for closing in (False, True)]
    counted = totals.outer_exchanges
    return next((each for each in ends if counted in (None, each.outer_steps(totals.steps))), None)
