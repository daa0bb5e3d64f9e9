"""A training run, recorded as a trace: the compute time of each step, the payload of each exchange."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Literal

from jax.sharding import Mesh

from sim.errors import InputError
from sim.trace.file import RecordedCorpus, TraceWriter

from ..config.run import TrainConfig
from ..data.batches import Rows
from ..data.texts import Data, load_data, recorded_corpora
from ..parallel.chips import usable_bytes
from ..parallel.mesh import make_lanes, make_mesh
from ..parallel.processes import is_first, together
from ..programs.inner_step import compile_fused
from ..training.checkpoint import Checkpoint
from ..training.fused import BLOCKS, STEPS
from ..training.loop import Trainer
from ..training.profiling import check_directory
from ..training.resume import Checkpoints, Progress, check_fingerprint, check_options, write
from .evaluations import Evaluate, Evaluations, never
from .header import make_header
from .memory_advice import fitted
from .records import recorded
from .session import Listener, Recorder, Summary
from .trace_file import check_writable, open_trace

__all__ = ["Clock", "Listener", "Summary", "compile_run", "record", "take"]
Clock = Literal["split", "both"]
"""`split` measures the parts of a step, each waited for; `both` whole steps without waiting, too."""


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
    clock: Clock = "split",
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
      clock: `both` takes a few steps on the fused clock, too, before the run.
      evaluations: when and how the model is evaluated on held-out text; None: never.

    Returns:
      A summary; None in a process that writes no trace.

    Raises:
      InputError: the output cannot be written, there are too few devices or too little text, or a checkpoint belongs
        to another run.
    """
    check_options(config, checkpoints, profile, clock)
    if processes > 1 and config.replicas_per_device > 1:
        raise InputError(
            f"--replicas-per-device {config.replicas_per_device}: is for a run of one process; leave out --processes"
        )
    mesh = make_mesh(config.rows, config.devices_per_replica, config.shards, processes=processes)
    adapts, config = config.microbatches is None, config.on(mesh.devices.flat[0].platform)
    with checkpoints.locked() if checkpoints else nullcontext():
        return _recorded(
            config, output, mesh, command, overwrite, listener, checkpoints, profile, clock, adapts, evaluations
        )


def _recorded(
    config: TrainConfig,
    output: Path,
    mesh: Mesh,
    command: str,
    overwrite: bool,
    listener: Listener,
    checkpoints: Checkpoints | None,
    profile: Path | None,
    clock: Clock,
    adapts: bool,
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
    if adapts:
        there = usable_bytes(mesh.devices.flat[0])
        compile_it = partial(compile_run, mesh=mesh, rows=data.batches.rows, clock=clock)
        _, recorder = fitted(config, compile_it, Recorder.peak_bytes, there, listener.note)
        recorder.saved_as = config
    else:
        recorder = compile_run(config, mesh, data.batches.rows, clock)
    return take(
        recorder,
        output,
        data=data.description,
        corpora=recorded_corpora(data),
        fingerprint=data.fingerprint,
        command=command,
        overwrite=overwrite,
        listener=listener,
        found=found,
        checkpoints=checkpoints,
        profile=profile,
        evaluate=partial(evaluations.into, config=config, data=data, note=listener.note) if evaluations else never,
    )


def compile_run(config: TrainConfig, mesh: Mesh, rows: Rows, clock: Clock = "split") -> Recorder:
    """Compiles a run; nothing runs yet.

    Args:
      config: the run, as it suits the platform of its devices (`TrainConfig.on`).
      mesh: the devices.
      rows: its batches.
      clock: `both` for the inner step as one program, too.

    Raises:
      InputError: a sharded model has no fused step.
    """
    alone = _on_cpu(mesh)
    if clock == "split":
        return Recorder(Trainer(config, rows, mesh, alone=alone), config)
    if config.shards > 1 or config.fully_sharded:
        raise InputError(
            f"--clock {clock}: is for models that are not sharded; write --clock split, or leave out --shards and "
            "--fully-sharded"
        )
    lane = make_lanes(mesh, alone=alone, share=config.replicas_per_device)[0].mesh
    with ThreadPoolExecutor(1) as beside:  # the programs of both clocks take about as long to compile
        fused = beside.submit(compile_fused, config, lane)
        return Recorder(Trainer(config, rows, mesh, alone=alone), config, fused.result())


def take(
    recorder: Recorder,
    output: Path,
    *,
    data: str,
    corpora: tuple[RecordedCorpus, ...] = (),
    fingerprint: str,
    command: str,
    overwrite: bool,
    listener: Listener,
    found: Checkpoint | None = None,
    checkpoints: Checkpoints | None = None,
    profile: Path | None = None,
    fused_steps: int = STEPS,
    fused_blocks: int = BLOCKS,
    evaluate: Callable[[TraceWriter | None], Evaluate] = never,
) -> Summary | None:
    """Runs what was compiled, from the warm-up to the last line of its trace.

    Args:
      recorder: the compiled run.
      output: the trace file.
      data: the text, in words.
      corpora: those of a mixture, for the header.
      fingerprint: its hash, which checkpoints keep.
      command: the command line, for the header.
      overwrite: whether an existing file is replaced.
      listener: receives the progress of the run.
      found: the checkpoint from which the run resumes.
      checkpoints: where it saves its state.
      profile: a directory for a profile of a few steps before the run.
      fused_steps: steps of a block of the fused clock.
      fused_blocks: number of its blocks.
      evaluate: what evaluates the model during the run, into a trace.

    Returns:
      A summary; None in a process that writes no trace.
    """
    config, trainer, mesh = recorder.config, recorder.trainer, recorder.trainer.mesh
    for note in recorder.programs.notes:
        listener.note(note)
    listener.stage("warming up")
    warmup = list(recorder.warm_up())
    fused = recorder.measure_fused(fused_steps, fused_blocks)
    if profile is not None:
        listener.stage("profiling")
        recorder.profile(profile)
    timing = _timing(config, on_cpu=_on_cpu(mesh))
    header = make_header(
        config, mesh, recorder.programs, data=data, command=command, timing=timing, fused=fused, corpora=corpora
    )
    with ExitStack() as stack:
        writer = together("trace", lambda: open_trace(output, header, found, checkpoints, overwrite=overwrite))
        if writer is not None:
            stack.enter_context(writer)
        if found is None:
            for line in warmup:
                write(writer, line)
        state = trainer.restored(found.restore(trainer.snapshot_shapes(found.step))) if found else trainer.start()
        inner, outer = recorded(output) if found and writer else ([], [])
        run = Progress(found.step if found else 0, state, fingerprint, inner, outer)
        return recorder.run(writer, listener, header, run, checkpoints, evaluate(writer))


def _on_cpu(mesh: Mesh) -> bool:
    return str(mesh.devices.flat[0].platform) == "cpu"


def _timing(config: TrainConfig, *, on_cpu: bool) -> str:
    order = (
        "each replica computed alone, one after the other (turn about)"
        + (", on the cores that all forced host devices share" if on_cpu else "")
        + (f"; {config.replicas_per_device} replicas on a device" if config.replicas_per_device > 1 else "")
        + (" (the devices of one replica at once)" if on_cpu and config.devices_per_replica > 1 else "")
        if on_cpu or config.replicas_per_device > 1
        else "all replicas dispatched at once and blocked on in order, so a later one's seconds are an upper bound"
    )
    gathered = "gathering the parameters belongs to the exchange; " if config.fully_sharded else ""
    return (
        "monotonic host clock around compiled programs, blocking until ready; compute_s = gradients + update (clip "
        f"and AdamW), {config.precision}, exchanges taken out; whole_s = the same with its exchange, one program "
        f"behind the other, so that nothing overlaps; {gathered}{order}; compilation and data loading are in no "
        "record; an exchange's seconds are its own program's on this machine, the slowest replica's"
    )
