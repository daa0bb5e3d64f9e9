"""A training run, recorded as a trace: what each step computed, what each exchange carried."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jax.sharding import Mesh

from sim.errors import CrosshaulError, InputError
from sim.trace import Exchange, Step, TraceWriter

from .config import TrainConfig
from .data import load_batches
from .distributed import is_first
from .header import make_header
from .hlo import collectives
from .mesh import MODEL_AXIS, make_mesh
from .program import Compiled
from .resume import Checkpoints, Progress, recorded, write
from .train import InnerCost, OuterCost, Trainer


@dataclass(frozen=True)
class Payload:
    """What one exchange program carries, counted from its collectives.

    Attributes:
      payload_bytes: what each device contributes [byte].
      group_size: devices in a group.
      dtype: element types, as compiled.
    """

    payload_bytes: int
    group_size: int
    dtype: str


@dataclass(frozen=True)
class Summary:
    """What was recorded.

    Attributes:
      params: parameters N.
      steps, outer_steps: how many were recorded.
      compute_s: median compute seconds of a replica's step [s].
      outer_compute_s: median arithmetic of an outer step since the run was last begun, which is in no record [s]; None
        without outer steps.
      gradient: its payload; None where nothing is exchanged.
      outer: the payload of each fragment; empty where nothing is exchanged.
      first_loss, last_loss: mean over the replicas [nats per token].
    """

    params: int
    steps: int
    outer_steps: int
    compute_s: float
    outer_compute_s: float | None
    gradient: Payload | None
    outer: list[Payload]
    first_loss: float
    last_loss: float


@dataclass(frozen=True)
class Listener:
    """What a run tells whoever watches it.

    Attributes:
      stage: called with the name of each stage before the first step.
      step: called behind each step with its number, mean loss and mean compute seconds.
      note: called with what a person should know, such as a damaged checkpoint.
    """

    stage: Callable[[str], None]
    step: Callable[[int, float, float], None]
    note: Callable[[str], None] = lambda line: None


def record(
    config: TrainConfig,
    output: Path,
    *,
    command: str,
    overwrite: bool,
    listener: Listener,
    checkpoints: Checkpoints | None = None,
    processes: int = 1,
) -> Summary | None:
    """Trains and writes the trace (of several processes the first one does).

    Args:
      config: the run.
      output: the trace file.
      command: the command line, for the header.
      overwrite: whether an existing file is replaced.
      listener: is told how far the run is.
      checkpoints: where the run saves its state, and whether it goes on from there; None for nowhere.
      processes: processes that this one is one of.

    Returns:
      A summary of what was recorded; None in a process that records nothing.

    Raises:
      InputError: the output cannot be written, the devices or the text do not suffice, a checkpoint does not fit.
    """
    mesh = make_mesh(config.replicas, config.devices_per_replica, config.shards, processes=processes)
    config = config.on(mesh.devices.flat[0].platform)
    found = checkpoints.find(config, listener.note) if checkpoints else None
    if is_first() and found is None and not (checkpoints and checkpoints.resume):
        check_writable(output, overwrite=overwrite)
    listener.stage("reading text")
    batches, data = load_batches(config)
    listener.stage("compiling")
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    trainer = Trainer(config, batches, mesh, alone=on_cpu)
    recorder = _Recorder(trainer, config)
    listener.stage("warming up")
    warmup = list(recorder.warm_up())
    header = make_header(config, mesh, data=data, command=command, on_cpu=on_cpu)
    with ExitStack() as stack:
        writer = None
        if is_first():
            resume_at = found.facts["trace_bytes"] if found else None
            replaced = overwrite or (checkpoints is not None and checkpoints.replaces(output, header))
            writer = stack.enter_context(TraceWriter(output, header, overwrite=replaced, resume_at=resume_at))
        if found is None:
            for line in warmup:
                write(writer, line)
        state = trainer.restored(found.restore(trainer.snapshot_shapes(found.step))) if found else trainer.start()
        run = Progress(found.step if found else 0, state, recorded(output) if found and writer else [])
        return recorder.run(writer, listener, run, checkpoints)


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


def count_payload(program: Compiled, mesh: Mesh) -> Payload:
    """Counts an exchange program's collectives.

    Raises:
      CrosshaulError: it has none, or they differ in their groups' size, which a trace cannot say.
    """
    found = collectives(program.as_text() or "", mesh)
    sizes = {len(group) for collective in found for group in collective.groups}
    if len(sizes) != 1:
        raise CrosshaulError(f"an exchange must have collectives of one group size, and this one has {sorted(sizes)}")
    total = sum(collective.payload_bytes * collective.times for collective in found)
    return Payload(total, sizes.pop(), "+".join(dict.fromkeys(collective.dtype for collective in found)))


class _Recorder:
    """Turns the steps of a trainer into records."""

    def __init__(self, trainer: Trainer, config: TrainConfig) -> None:
        self._trainer = trainer
        self._config = config
        lane, inner = trainer.lanes[0].mesh, trainer.inner[0]
        for program in (inner.gradients, inner.update):
            # along the model axis the arithmetic of one copy is shared, and its exchanges are part of it
            if any(each.axis != MODEL_AXIS for each in collectives(program.as_text() or "", lane)):
                raise CrosshaulError("the compute programs exchange, so their seconds would not be compute alone")
        exchanges = [programs.exchange for programs in trainer.outer if programs.exchange]
        self.gradient = count_payload(inner.exchange, lane) if inner.exchange else None
        self.outer = [count_payload(exchange, trainer.mesh) for exchange in exchanges]

    def warm_up(self) -> Iterator[Step | Exchange]:
        """Takes steps on a state that is thrown away, and an outer step of every fragment behind them."""
        if not self._config.warmup_steps:
            return
        state = self._trainer.start()
        for _ in range(self._config.warmup_steps):
            state, cost = self._trainer.inner_step(state, 1)
            yield from self._inner(0, cost, warmup=True)
        # every fragment is exchanged behind the last step
        _, outer_costs = self._trainer.outer_step(state, self._config.steps)
        yield from self._outer(0, outer_costs, warmup=True)

    def run(
        self, writer: TraceWriter | None, listener: Listener, progress: Progress, checkpoints: Checkpoints | None
    ) -> Summary | None:
        """Takes the steps of the run that are missing and writes each as it ends."""
        state, inner_costs, first = progress.state, progress.costs, progress.step + 1
        outer_costs: list[OuterCost] = []
        if checkpoints and first == 1:
            checkpoints.save(self._trainer.snapshot(state), self._config, 0, writer)
        for step in range(first, self._config.steps + 1):
            state, cost = self._trainer.inner_step(state, step)
            inner_costs.append(cost)
            for line in self._inner(step, cost):
                write(writer, line)
            state, parts = self._trainer.outer_step(state, step)
            outer_costs += parts
            for line in self._outer(step, parts):
                write(writer, line)
            if checkpoints and checkpoints.due(step, self._config):
                checkpoints.save(self._trainer.snapshot(state), self._config, step, writer)
            listener.step(step, statistics.fmean(cost.losses), statistics.fmean(cost.compute_s))
        if writer is None:
            return None
        schedule = self._trainer.algorithm.schedule
        return Summary(
            params=self._config.model.params,
            steps=self._config.steps,
            outer_steps=schedule.exchanges() if schedule else 0,
            compute_s=statistics.median(seconds for cost in inner_costs for seconds in cost.compute_s),
            outer_compute_s=statistics.median(cost.compute_s for cost in outer_costs) if outer_costs else None,
            gradient=self.gradient,
            outer=self.outer,
            first_loss=statistics.fmean(inner_costs[0].losses),
            last_loss=statistics.fmean(inner_costs[-1].losses),
        )

    def _inner(self, step: int, cost: InnerCost, *, warmup: bool = False) -> Iterator[Step | Exchange]:
        tokens = self._config.batch_tokens // self._config.replicas
        for replica, (seconds, loss) in enumerate(zip(cost.compute_s, cost.losses, strict=True)):
            finite = loss if math.isfinite(loss) else None
            yield Step(step=step, replica=replica, compute_s=seconds, tokens=tokens, loss=finite, warmup=warmup)
        yield from _exchange(step, "gradient", self.gradient, cost.exchange_s, warmup=warmup)

    def _outer(self, step: int, costs: list[OuterCost], *, warmup: bool = False) -> Iterator[Exchange]:
        for cost in costs:
            payload = self.outer[cost.fragment] if self.outer and cost.sent else None
            fragment = cost.fragment if len(self.outer) > 1 else None
            yield from _exchange(step, "outer", payload, cost.exchange_s, warmup=warmup, fragment=fragment)


def _exchange(
    step: int,
    kind: Literal["gradient", "outer"],
    payload: Payload | None,
    seconds: float | None,
    *,
    warmup: bool,
    fragment: int | None = None,
) -> Iterator[Exchange]:
    if payload is not None:
        yield Exchange(
            step=step,
            fragment=fragment,
            kind=kind,
            group_size=payload.group_size,
            payload_bytes=payload.payload_bytes,
            seconds=seconds,
            dtype=payload.dtype,
            warmup=warmup,
        )
