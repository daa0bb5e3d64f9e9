"""A training run, recorded as a trace: the compute time of each step, the payload of each exchange."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
from jax.sharding import Mesh

from sim.errors import InputError
from sim.trace.file import Header, Record, RunSummary, TraceWriter

from ..config.run import SYNC_EVERY, TrainConfig
from ..data.batches import Data, load_data
from ..model.transformer import Params
from ..parallel.mesh import make_mesh
from ..parallel.processes import is_first, together
from ..programs.roofline import Roofline
from ..training.costs import InnerCost, OuterCost, seen_by_all
from ..training.loop import Trainer
from ..training.profiling import PROFILED_STEPS, check_directory, profiled
from ..training.resume import Checkpoints, Progress, check_fingerprint, check_options, write
from .evaluations import Evaluations, no_evaluation
from .header import make_header
from .inventory import Payload, programs_of
from .records import inner_records, outer_records, recorded, summarize
from .trace_file import check_writable, open_trace


@dataclass(frozen=True)
class Summary:
    """A summary of a recorded run.

    Attributes:
      header: the first line of the trace.
      steps: inner steps.
      outer_steps: outer steps, all fragments together.
      times: distribution of the times, and utilisation of the device; None if nothing ran.
      gradient: payload of the exchange of gradients; None without one.
      outer: payload of each fragment's exchange; empty without exchanges.
      first_loss, last_loss: mean over the replicas [nats per token]; None if nothing ran.
      roofline: the time estimate of a compiled step; None if it ran, or if the device is unknown.
    """

    header: Header
    steps: int
    outer_steps: int
    times: RunSummary | None
    gradient: Payload | None
    outer: list[Payload]
    first_loss: float | None
    last_loss: float | None
    roofline: Roofline | None = None


@dataclass(frozen=True)
class Listener:
    """The functions that a run calls with its progress.

    Attributes:
      stage: called with the name of each stage before the first step.
      step: called after each step with its number, its mean loss [nats per token] and its mean compute time [s].
      note: called with a message for the user, for example on a damaged checkpoint.
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
    profile: Path | None = None,
    evaluations: Evaluations | None = None,
) -> Summary | None:
    """Trains and writes the trace; with several processes the first one writes it.

    Args:
      config: the run.
      output: the trace file.
      command: the command line, for the header.
      overwrite: whether an existing file is replaced.
      listener: receives the progress of the run.
      checkpoints: where the run saves its state, and whether it resumes from there; None: no checkpoints.
      processes: number of processes of the run.
      profile: a directory for a profile of a few steps before the run; None: no profile.
      evaluations: when and how the model is evaluated on held-out text; None: never.

    Returns:
      A summary; None in a process that writes no trace.

    Raises:
      InputError: the output cannot be written, there are too few devices or too little text, or a checkpoint belongs
        to another run.
    """
    check_options(config, checkpoints, profile)
    if processes > 1 and config.replicas_per_device > 1:
        raise InputError(
            f"--replicas-per-device {config.replicas_per_device}: is for a run of one process; leave out --processes"
        )
    mesh = make_mesh(config.rows, config.devices_per_replica, config.shards, processes=processes)
    config = config.on(mesh.devices.flat[0].platform)
    with checkpoints.locked() if checkpoints else nullcontext():
        return _recorded(config, output, mesh, command, overwrite, listener, checkpoints, profile, evaluations)


def _recorded(
    config: TrainConfig,
    output: Path,
    mesh: Mesh,
    command: str,
    overwrite: bool,
    listener: Listener,
    checkpoints: Checkpoints | None,
    profile: Path | None,
    evaluations: Evaluations | None,
) -> Summary | None:
    found = checkpoints.find(config, listener.note) if checkpoints else None

    def prepared() -> Data:
        if is_first() and found is None and not (checkpoints and checkpoints.resume):
            check_writable(output, overwrite=overwrite)
        if profile is not None:
            check_directory(profile)
        listener.stage("reading text")
        return load_data(config)

    data = together("text", prepared)
    check_fingerprint(data.fingerprint, found)
    listener.stage("compiling")
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    trainer = Trainer(config, data.batches.rows, mesh, alone=on_cpu)
    recorder = _Recorder(trainer, config)
    for note in recorder.programs.notes:
        listener.note(note)
    listener.stage("warming up")
    warmup = list(recorder.warm_up())
    if profile is not None:
        listener.stage("profiling")
        recorder.profile(profile)
    timing = _timing(config, on_cpu=on_cpu)
    header = make_header(config, mesh, recorder.programs, data=data.description, command=command, timing=timing)
    with ExitStack() as stack:
        writer = together("trace", lambda: open_trace(output, header, found, checkpoints, overwrite=overwrite))
        if writer is not None:
            stack.enter_context(writer)
        if found is None:
            for line in warmup:
                write(writer, line)
        state = trainer.restored(found.restore(trainer.snapshot_shapes(found.step))) if found else trainer.start()
        inner, outer = recorded(output) if found and writer else ([], [])
        run = Progress(found.step if found else 0, state, data.fingerprint, inner, outer)
        evaluate = evaluations.into(writer, config, data, listener.note) if evaluations else no_evaluation
        return recorder.run(writer, listener, header, run, checkpoints, evaluate)


class _Recorder:
    """Turns the steps of a trainer into records."""

    def __init__(self, trainer: Trainer, config: TrainConfig) -> None:
        self._trainer = trainer
        self._config = config
        schedule = trainer.algorithm.schedule
        self.programs = programs_of(
            trainer.inner[0],
            trainer.lanes[0].mesh,
            trainer.outer,
            trainer.mesh,
            schedule,
            share=config.replicas_per_device,
        )
        self.programs.check_compute_alone()
        self.gradient = self.programs.payload("exchange")
        self.outer = self.programs.outer_payloads()

    def warm_up(self) -> Iterator[Record]:
        """Takes steps on a state that is discarded, and then an outer step of every fragment."""
        if not self._config.warmup_steps:
            return
        state = self._trainer.start()
        for _ in range(self._config.warmup_steps):
            state, cost = self._trainer.inner_step(state, 1)
            for whole in seen_by_all([cost]):
                yield from inner_records(self._config, 0, whole, self.gradient, warmup=True)
        # after the last step of a run every fragment is exchanged
        _, costs = self._trainer.outer_step(state, self._config.steps)
        yield from outer_records(0, costs, self.outer, len(self._trainer.outer), warmup=True)

    def profile(self, directory: Path) -> None:
        """Takes steps under the profiler, on a state that is discarded; none of them is recorded."""
        state, _ = self._trainer.inner_step(self._trainer.start(), 1)
        with profiled(directory):
            for step in range(1, PROFILED_STEPS + 1):
                state, _ = self._trainer.inner_step(state, step)
            self._trainer.outer_step(state, self._config.steps)

    def run(
        self,
        writer: TraceWriter | None,
        listener: Listener,
        header: Header,
        progress: Progress,
        checkpoints: Checkpoints | None,
        evaluate: Callable[[int, Callable[[], Params]], None],
    ) -> Summary | None:
        """Takes the remaining steps of the run and writes them, with a summary after the last.

        A step is written at its end; with several processes, at the end of its round.
        """
        config, state, first = self._config, progress.state, progress.step + 1
        inner, outer = progress.inner, progress.outer
        pending: list[_Taken] = []
        if first == 1:
            evaluate(0, partial(self._trainer.global_params, state))
        if checkpoints and first == 1:
            checkpoints.save(self._trainer.snapshot(state), config, 0, writer, progress.fingerprint)
        for step in range(first, config.steps + 1):
            state, cost = self._trainer.inner_step(state, step)
            state, parts = self._trainer.outer_step(state, step)
            pending.append(_Taken(step, cost, parts))
            saves = checkpoints is not None and checkpoints.due(step, config)
            if saves or self._meets(step):
                inner += self._settle(writer, pending)
                outer += [part for taken in pending for part in taken.outer]
                pending.clear()
            evaluate(step, partial(self._trainer.global_params, state))
            if step == config.steps and writer is not None:  # before the last checkpoint, which notes the file's size
                writer.write(summarize(header, inner, outer))
            if checkpoints and saves:
                checkpoints.save(self._trainer.snapshot(state), config, step, writer, progress.fingerprint)
            here = [replica for replica, count in enumerate(cost.seen) if count]
            loss, compute_s = (statistics.fmean(each[r] for r in here) for each in (cost.losses, cost.compute_s))
            listener.step(step, loss, compute_s)
        if checkpoints:
            checkpoints.saver.wait()
        if writer is None:
            return None
        schedule = self._trainer.algorithm.schedule
        return Summary(
            header=header,
            steps=config.steps,
            outer_steps=schedule.exchanges() if schedule else 0,
            times=summarize(header, inner, outer),
            gradient=self.gradient,
            outer=self.outer,
            first_loss=statistics.fmean(inner[0].losses),
            last_loss=statistics.fmean(inner[-1].losses),
        )

    def _meets(self, step: int) -> bool:
        """Whether the costs of all processes are combined after a step: if the processes wait for each other anyway."""
        every = self._config.sync_every or SYNC_EVERY
        return jax.process_count() == 1 or step % every == 0 or step == self._config.steps

    def _settle(self, writer: TraceWriter | None, taken: list[_Taken]) -> list[InnerCost]:
        """Writes some steps, and returns their costs over all processes."""
        costs = seen_by_all([each.inner for each in taken])
        for each, cost in zip(taken, costs, strict=True):
            for line in inner_records(self._config, each.step, cost, self.gradient):
                write(writer, line)
            for line in outer_records(each.step, each.outer, self.outer, len(self._trainer.outer)):
                write(writer, line)
        return costs


@dataclass(frozen=True)
class _Taken:
    """A step, with its costs as measured by this process."""

    step: int
    inner: InnerCost
    outer: list[OuterCost]


def _timing(config: TrainConfig, *, on_cpu: bool) -> str:
    order = (
        "each replica computed alone, one after the other (turn about), on the cores that all forced host devices share"
        + (f"; {config.replicas_per_device} replicas on a device" if config.replicas_per_device > 1 else "")
        + (" (the devices of one replica at once)" if config.devices_per_replica > 1 else "")
        if on_cpu or config.replicas_per_device > 1
        else "all replicas dispatched at once and blocked on in order, so a later one's seconds are an upper bound"
    )
    return (
        "monotonic host clock around compiled programs, blocking until ready; compute_s = gradients + update (clip "
        f"and AdamW), {config.precision}, exchanges taken out; whole_s = the same with its exchange, one program "
        f"behind the other, so that nothing overlaps; {order}; compilation and data loading are in no record; an "
        "exchange's seconds are its own program's on this machine, the slowest replica's"
    )
