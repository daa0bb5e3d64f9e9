"""The steps of a compiled training run, turned into the records of a trace and a summary."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax

from sim.trace.file import Distribution, FusedClock, Header, Record, RunSummary, TraceWriter

from ..config.run import SYNC_EVERY, TrainConfig
from ..programs.program import Program, describe
from ..programs.roofline import Roofline
from ..training.costs import InnerCost, OuterCost, seen_by_all
from ..training.fused import measure_fused
from ..training.loop import Trainer
from ..training.profiling import PROFILED_STEPS, profiled
from ..training.resume import Checkpoints, Progress, write
from .evaluations import Evaluate
from .inventory import Payload, programs_of
from .records import inner_records, outer_records, summarize


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


class Recorder:
    """Turns the steps of a trainer into records.

    Args:
      trainer: the compiled run.
      config: the run.
      fused: its inner step as one program, for the first lane; None if only the split clock is wanted.
    """

    def __init__(self, trainer: Trainer, config: TrainConfig, fused: Program | None = None) -> None:
        self.trainer = trainer
        self.config = config
        self.saved_as = config
        """The run as checkpoints name it: before its microbatches were fitted to the memory of this device."""
        self.fused = fused
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

    def peak_bytes(self) -> int:
        """The memory that a device needs for the largest program of either clock, by the compiler [byte]."""
        return max(self.programs.memory().peak_bytes, self._fused_bytes())

    def _fused_bytes(self) -> int:
        if self.fused is None:
            return 0
        return describe("fused step", self.fused, self.trainer.lanes[0].mesh).peak_bytes

    def warm_up(self) -> Iterator[Record]:
        """Takes steps on a state that is discarded, and then an outer step of every fragment."""
        if not self.config.warmup_steps:
            return
        state = self.trainer.start()
        for _ in range(self.config.warmup_steps):
            state, cost = self.trainer.inner_step(state, 1)
            for whole in seen_by_all([cost]):
                yield from inner_records(self.config, 0, whole, self.gradient, warmup=True)
        # after the last step of a run every fragment is exchanged
        _, costs = self.trainer.outer_step(state, self.trainer.steps)
        yield from outer_records(0, costs, self.outer, len(self.trainer.outer), warmup=True)

    def measure_fused(self, steps: int, blocks: int) -> FusedClock | None:
        """Takes steps on the fused clock, on a state that is discarded; None if it is not wanted.

        Args:
          steps: of a block, behind which it waits.
          blocks: number of blocks.
        """
        if self.fused is None:
            return None
        times = Distribution.of(measure_fused(self.trainer, self.fused, steps=steps, blocks=blocks))
        if times is None:
            raise ValueError("the fused clock takes at least one block")
        return FusedClock(step=times, block_steps=steps, peak_bytes=self._fused_bytes())

    def profile(self, directory: Path) -> None:
        """Takes steps under the profiler, on a state that is discarded; none of them is recorded."""
        state, _ = self.trainer.inner_step(self.trainer.start(), 1)
        with profiled(directory):
            for step in range(1, PROFILED_STEPS + 1):
                state, _ = self.trainer.inner_step(state, step)
            self.trainer.outer_step(state, self.trainer.steps)

    def run(
        self,
        writer: TraceWriter | None,
        listener: Listener,
        header: Header,
        progress: Progress,
        checkpoints: Checkpoints | None,
        evaluate: Evaluate,
    ) -> Summary | None:
        """Takes the remaining steps of the run and writes them, with a summary after the last.

        A step is written at its end; with several processes, at the end of its round.
        """
        config, state, first = self.config, progress.state, progress.step + 1
        inner, outer = progress.inner, progress.outer
        pending: list[_Taken] = []
        if first == 1:
            evaluate(0, partial(self.trainer.global_params, state))
        if checkpoints and first == 1:
            checkpoints.save(self.trainer.snapshot(state), self.saved_as, 0, writer, progress.fingerprint)
        for step in range(first, self.trainer.steps + 1):
            state, cost = self.trainer.inner_step(state, step)
            state, parts = self.trainer.outer_step(state, step)
            pending.append(_Taken(step, cost, parts))
            saves = checkpoints is not None and checkpoints.due(step, self.trainer.steps)
            if saves or self._meets(step):
                inner += self._settle(writer, pending)
                outer += [part for taken in pending for part in taken.outer]
                pending.clear()
            evaluate(step, partial(self.trainer.global_params, state))
            if (
                step == self.trainer.steps and writer is not None
            ):  # before the last checkpoint, which notes the file's size
                writer.write(summarize(header, inner, outer))
            if checkpoints and saves:
                checkpoints.save(self.trainer.snapshot(state), self.saved_as, step, writer, progress.fingerprint)
            listener.step(step, cost.loss, statistics.fmean(cost.compute_s[replica] for replica in cost.here))
        if checkpoints:
            checkpoints.saver.wait()
        if writer is None:
            return None
        schedule = self.trainer.algorithm.schedule
        return Summary(
            header=header,
            steps=config.steps,
            outer_steps=schedule.exchanges() if schedule else 0,
            times=summarize(header, inner, outer),
            gradient=self.gradient,
            outer=self.outer,
            first_loss=inner[0].loss,
            last_loss=inner[-1].loss,
        )

    def _meets(self, step: int) -> bool:
        """Whether the costs of all processes are combined after a step: if the processes wait for each other anyway."""
        every = self.config.sync_every or SYNC_EVERY
        return jax.process_count() == 1 or step % every == 0 or step == self.trainer.steps

    def _settle(self, writer: TraceWriter | None, taken: list[_Taken]) -> list[InnerCost]:
        """Writes some steps, and returns their costs over all processes."""
        costs = seen_by_all([each.inner for each in taken])
        for each, cost in zip(taken, costs, strict=True):
            for line in inner_records(self.config, each.step, cost, self.gradient):
                write(writer, line)
            for line in outer_records(each.step, each.outer, self.outer, len(self.trainer.outer)):
                write(writer, line)
        return costs


@dataclass(frozen=True)
class _Taken:
    """A step, with its costs as measured by this process."""

    step: int
    inner: InnerCost
    outer: list[OuterCost]
