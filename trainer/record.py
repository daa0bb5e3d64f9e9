"""A training run, recorded as a trace: what each step computed, what each exchange carried."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sim.errors import InputError
from sim.trace import Distribution, Exchange, Header, OuterStep, Record, RunSummary, Step, TraceWriter

from .config import TrainConfig
from .data import load_batches
from .header import make_header
from .mesh import make_mesh
from .profiling import PROFILED_STEPS, check_directory, profiled
from .program import programs_of
from .programs import Payload
from .train import InnerCost, OuterCost, Trainer


@dataclass(frozen=True)
class Summary:
    """What was recorded.

    Attributes:
      header: the first line of the trace.
      steps, outer_steps: how many were recorded.
      times: how their seconds spread and how well the device was used; None where nothing ran.
      gradient, outer: the payloads; None where nothing is exchanged.
      first_loss, last_loss: mean over the replicas [nats per token]; None where nothing ran.
    """

    header: Header
    steps: int
    outer_steps: int
    times: RunSummary | None
    gradient: Payload | None
    outer: Payload | None
    first_loss: float | None
    last_loss: float | None


@dataclass(frozen=True)
class Listener:
    """What a run tells whoever watches it.

    Attributes:
      stage: called with the name of each stage before the first step.
      step: called behind each step with its number, mean loss and mean compute seconds.
    """

    stage: Callable[[str], None]
    step: Callable[[int, float, float], None]


def record(
    config: TrainConfig,
    output: Path,
    *,
    command: str,
    overwrite: bool,
    listener: Listener,
    profile: Path | None = None,
) -> Summary:
    """Trains and writes the trace.

    Args:
      config: the run.
      output: the trace file.
      command: the command line, for the header.
      overwrite: whether an existing file is replaced.
      listener: is told how far the run is.
      profile: a directory for a profile of a few steps before the run; None for none.

    Returns:
      A summary of what was recorded.

    Raises:
      InputError: the output cannot be written, the devices or the text do not suffice.
    """
    check_writable(output, overwrite=overwrite)
    if profile is not None:
        check_directory(profile)
    mesh = make_mesh(config.replicas, config.devices_per_replica)
    listener.stage("reading text")
    batches, data = load_batches(config)
    listener.stage("compiling")
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    trainer = Trainer(config, batches, mesh, alone=on_cpu)
    recorder = _Recorder(trainer, config)
    listener.stage("warming up")
    warmup = list(recorder.warm_up())
    if profile is not None:
        listener.stage("profiling")
        recorder.profile(profile)
    timing = _timing(config, on_cpu=on_cpu)
    header = make_header(config, mesh, recorder.programs, data=data, command=command, timing=timing)
    with TraceWriter(output, header, overwrite=overwrite) as writer:
        for line in warmup:
            writer.write(line)
        return recorder.run(writer, listener, header)


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Finds out before any long work whether the trace can be written; leaves the path as it was.

    Raises:
      InputError: it cannot, or it would overwrite a file.
    """
    if path.is_dir():
        raise InputError(f"--output {path}: is a directory; give a file name inside it")
    there = path.exists()
    if there and not overwrite:
        raise InputError(f"--output {path}: is there already; give another name, or --overwrite to replace it")
    try:
        path.open("ab").close()
    except OSError as error:
        raise InputError(f"--output {path}: cannot be written ({error.strerror}); give another path") from None
    if not there:
        path.unlink()


class _Recorder:
    """Turns the steps of a trainer into records."""

    def __init__(self, trainer: Trainer, config: TrainConfig) -> None:
        self._trainer = trainer
        self._config = config
        self.programs = programs_of(trainer.inner[0], trainer.lanes[0], trainer.outer, trainer.mesh)
        self.programs.check_compute_alone()
        self.gradient = self.programs.payload("exchange")
        self.outer = self.programs.payload("outer exchange")

    def warm_up(self) -> Iterator[Record]:
        """Takes steps on a state that is thrown away, and an outer step behind them."""
        if not self._config.warmup_steps:
            return
        state = self._trainer.start()
        for _ in range(self._config.warmup_steps):
            state, cost = self._trainer.inner_step(state, 1)
            yield from inner_records(self._config, 0, cost, self.gradient, warmup=True)
        if self._trainer.outer:
            _, outer_cost = self._trainer.outer_step(state)
            yield from outer_records(0, outer_cost, self.outer, warmup=True)

    def profile(self, directory: Path) -> None:
        """Takes steps under the profiler, on a state that is thrown away, so that no recorded second is of them."""
        state, _ = self._trainer.inner_step(self._trainer.start(), 1)
        with profiled(directory):
            for step in range(1, PROFILED_STEPS + 1):
                state, _ = self._trainer.inner_step(state, step)
            if self._trainer.outer:
                self._trainer.outer_step(state)

    def run(self, writer: TraceWriter, listener: Listener, header: Header) -> Summary:
        """Takes the steps of the run and writes each as it ends, and a summary behind the last."""
        state = self._trainer.start()
        inner_costs: list[InnerCost] = []
        outer_costs: list[OuterCost] = []
        for step in range(1, self._config.steps + 1):
            state, cost = self._trainer.inner_step(state, step)
            inner_costs.append(cost)
            for line in inner_records(self._config, step, cost, self.gradient):
                writer.write(line)
            if self._trainer.algorithm.outer_step_follows(step):
                state, outer_cost = self._trainer.outer_step(state)
                outer_costs.append(outer_cost)
                for line in outer_records(step, outer_cost, self.outer):
                    writer.write(line)
            listener.step(step, statistics.fmean(cost.losses), statistics.fmean(cost.compute_s))
        times = summarize(header, inner_costs, outer_costs)
        writer.write(times)
        return Summary(
            header=header,
            steps=len(inner_costs),
            outer_steps=len(outer_costs),
            times=times,
            gradient=self.gradient,
            outer=self.outer,
            first_loss=statistics.fmean(inner_costs[0].losses),
            last_loss=statistics.fmean(inner_costs[-1].losses),
        )


def summarize(header: Header, inner: list[InnerCost], outer: list[OuterCost]) -> RunSummary:
    """How the seconds of a run spread, and how well they used the device.

    Args:
      header: the first line of its trace: flops of a step and the device's peak.
      inner: its inner steps, at least one.
      outer: its outer steps.
    """
    compute = Distribution.of([seconds for cost in inner for seconds in cost.compute_s])
    if compute is None:
        raise ValueError("a run has at least one step")
    peak = header.device.peak_flop_per_s
    achieved = header.step_flop / compute.median_s if header.step_flop else None
    by_rule = header.rule_flop / compute.median_s if header.rule_flop else None
    return RunSummary(
        compute=compute,
        whole=Distribution.of([seconds for cost in inner for seconds in cost.whole_s if seconds is not None]),
        gradient_exchange=Distribution.of([cost.exchange_s for cost in inner if cost.exchange_s is not None]),
        outer_compute=Distribution.of([cost.compute_s for cost in outer]),
        outer_exchange=Distribution.of([cost.exchange_s for cost in outer if cost.exchange_s is not None]),
        flop_per_s=achieved,
        utilization=achieved / peak if achieved and peak else None,
        rule_utilization=by_rule / peak if by_rule and peak else None,
    )


def inner_records(
    config: TrainConfig, step: int, cost: InnerCost, payload: Payload | None, *, warmup: bool = False
) -> Iterator[Record]:
    """The records of one inner step: one a replica, and its exchange of gradients."""
    tokens = config.batch_tokens // config.replicas
    rows = zip(cost.compute_s, cost.whole_s, cost.losses, strict=True)
    for replica, (compute_s, whole_s, loss) in enumerate(rows):
        yield Step(
            step=step,
            replica=replica,
            compute_s=compute_s,
            whole_s=whole_s,
            tokens=tokens,
            loss=loss if math.isfinite(loss) else None,
            warmup=warmup,
        )
    yield from exchange_records(step, "gradient", payload, cost.exchange_s, warmup=warmup)


def outer_records(step: int, cost: OuterCost, payload: Payload | None, *, warmup: bool = False) -> Iterator[Record]:
    """The records of one outer step: its own arithmetic, and its exchange."""
    yield OuterStep(step=step, compute_s=cost.compute_s, whole_s=cost.whole_s, warmup=warmup)
    yield from exchange_records(step, "outer", payload, cost.exchange_s, warmup=warmup)


def exchange_records(
    step: int,
    kind: Literal["gradient", "outer"],
    payload: Payload | None,
    seconds: float | None,
    *,
    warmup: bool = False,
) -> Iterator[Record]:
    """The record of one exchange; none where nobody exchanges."""
    if payload is not None:
        yield Exchange(
            step=step,
            kind=kind,
            group_size=payload.group_size,
            payload_bytes=payload.payload_bytes,
            seconds=seconds,
            dtype=payload.dtype,
            asked_bytes=payload.asked_bytes,
            asked_dtype=payload.asked_dtype,
            warmup=warmup,
        )


def _timing(config: TrainConfig, *, on_cpu: bool) -> str:
    order = (
        "each replica computed alone, one after the other (turn about), on the cores that all forced host devices share"
        + (" (the devices of one replica at once)" if config.devices_per_replica > 1 else "")
        if on_cpu
        else "all replicas dispatched at once and blocked on in order, so a later one's seconds are an upper bound"
    )
    return (
        "monotonic host clock around compiled programs, blocking until ready; compute_s = gradients + update (clip "
        "and AdamW), float32, exchanges taken out; whole_s = the same with its exchange, one program behind the other, "
        f"so that nothing overlaps; {order}; compilation and data loading are in no record; an exchange's seconds are "
        "its own program's on this machine, the slowest replica's"
    )
