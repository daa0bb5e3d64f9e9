"""`record-trace`: arguments, progress and exit codes. JAX is imported only when training begins."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sim.documents.validation import validate
from sim.errors import CrosshaulError, InputError, printable
from sim.laws.model_family import FAMILY, VOCAB
from sim.shell.printing import print_out, tell
from sim.shell.repeated_options import OnceCommand
from sim.units.in_words import human_seconds

from . import options
from .closing_words import closing
from .signals import Ending, ending

if TYPE_CHECKING:
    from ..config.run import TrainConfig
    from ..recording.recorder import Listener
    from ..training.resume import Checkpoints

_SHAPE = ("layers", "width", "heads", "hidden", "vocab")
_EXTRA = ("jax", "jaxlib", "optax", "sentencepiece")
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


def main(arguments: list[str] | None = None) -> None:
    """The console script; ends the process with the exit code."""
    with ending() as end:
        app(args=arguments, prog_name="record-trace", obj=end)


@app.command(cls=OnceCommand)
def record_trace(
    context: typer.Context,
    output: options.Output,
    config: options.Config = None,
    algorithm: options.Algorithm = None,
    steps: options.Steps = None,
    overtraining: options.Overtraining = None,
    model: options.Model = None,
    layers: options.Layers = None,
    width: options.Width = None,
    heads: options.Heads = None,
    hidden: options.Hidden = None,
    vocab: options.Vocab = None,
    replicas: options.Replicas = None,
    sync_every: options.SyncEvery = None,
    fragments: options.Fragments = None,
    pattern: options.Pattern = None,
    overlap_steps: options.OverlapSteps = None,
    mixing: options.Mixing = None,
    payload_bits: options.PayloadBits = None,
    error_feedback: options.ErrorFeedback = None,
    devices_per_replica: options.DevicesPerReplica = None,
    shards: options.Shards = None,
    sequence_length: options.SequenceLength = None,
    sequences: options.Sequences = None,
    microbatches: options.Microbatches = None,
    remat: options.Remat = None,
    precision: options.PrecisionName = None,
    schedule_steps: options.ScheduleSteps = None,
    learning_rate: options.LearningRate = None,
    learning_rate_warmup_steps: options.LearningRateWarmup = None,
    final_learning_rate: options.FinalLearningRate = None,
    weight_decay: options.WeightDecay = None,
    outer_learning_rate: options.OuterLearningRate = None,
    outer_momentum: options.OuterMomentum = None,
    clip_norm: options.ClipNorm = None,
    z_loss: options.ZLoss = None,
    seed: options.Seed = None,
    corpus: options.Corpus = None,
    tokenizer: options.TokenizerName = None,
    held_out: options.HeldOut = None,
    warmup_steps: options.WarmupSteps = None,
    overwrite: options.Overwrite = False,
    checkpoint: options.CheckpointDir = None,
    checkpoint_every: options.CheckpointEvery = 100,
    resume: options.Resume = False,
    coordinator: options.Coordinator = None,
    processes: options.Processes = None,
    process_id: options.ProcessId = None,
    profile: options.Profile = None,
    target: options.TargetName = None,
    no_run: options.NoRun = False,
    utilization: options.Utilization = 0.4,
) -> None:
    """Train a language model for real and record what its steps cost: seconds of compute, bytes to exchange."""
    end: Ending = context.obj
    end.left = _left(output)
    with exit_codes():
        run = _config(config, context.params)
        _check_target(target, no_run=no_run, profile=profile, checkpoint=checkpoint, resume=resume)
        if target is not None:
            _compile(run, config, context.params, target, output)
            return
        from ..parallel.processes import start  # JAX comes in here, behind the answer to a wrong option
        from ..training.resume import Checkpoints

        count = start(coordinator, processes, process_id, _give_up)
        end.watch()
        saved = Checkpoints(checkpoint, checkpoint_every, resume) if checkpoint else None
        _run(run, output, overwrite=overwrite, checkpoints=saved, processes=count, profile=profile)


def _check_target(
    target: str | None, *, no_run: bool, profile: Path | None, checkpoint: Path | None, resume: bool
) -> None:
    if resume and checkpoint is None:
        raise InputError("--resume: needs --checkpoint DIR, the folder that the run wrote its checkpoints to")
    if (target is None) == no_run:
        raise InputError(
            "--no-run: compiles for a target; name one with --target tpu:v5e:16x16, or leave --no-run out"
            if no_run
            else f"--target {target}: nothing can run on devices that are not there; add --no-run"
        )
    for option, given in (("--profile", profile), ("--checkpoint", checkpoint)):
        if no_run and given is not None:
            raise InputError(f"{option} {given}: nothing runs with --no-run; leave one of them out")


def _run(
    config: TrainConfig,
    output: Path,
    *,
    overwrite: bool,
    checkpoints: Checkpoints | None,
    processes: int,
    profile: Path | None,
) -> None:
    from ..recording.recorder import record
    from .backend_errors import device_failures

    command = shlex.join(["record-trace", *sys.argv[1:]])
    with device_failures(_give_up), _progress(config.steps) as listener:
        summary = record(
            config,
            output,
            command=command,
            overwrite=overwrite,
            listener=listener,
            checkpoints=checkpoints,
            processes=processes,
            profile=profile,
        )
    if summary is not None:
        _close(closing(config, summary, output))


def _compile(config: TrainConfig, path: Path | None, parameters: Mapping[str, Any], target: str, output: Path) -> None:
    """Compiles a run for a target, whose devices the replicas share evenly unless told otherwise."""
    from ..recording.compile_only import estimate, fitting_devices, parse_target, target_devices

    devices = target_devices(parse_target(target))
    given = config.devices_per_replica if "devices_per_replica" in config.model_fields_set else None
    each = fitting_devices(len(devices), config.replicas, given, config.shards)
    config = _config(path, {**parameters, "devices_per_replica": each})  # batch and steps follow from the devices
    command = shlex.join(["record-trace", *sys.argv[1:]])
    with _progress(config.steps) as listener:
        summary = estimate(
            config,
            devices,
            output,
            utilization=parameters["utilization"],
            command=command,
            overwrite=parameters["overwrite"],
            listener=listener,
        )
    _close(closing(config, summary, output))


def _close(words: str) -> None:
    if sys.stdout is not None:  # what they say is in the trace: who has closed it misses nothing
        print_out(f"{words}\n")


def _config(path: Path | None, parameters: Mapping[str, Any]) -> TrainConfig:
    """The run that the file of `--config` and the options beside it describe."""
    from ..config.run import TrainConfig, read_config

    given = {key: value for key, value in parameters.items() if value is not None}
    fields = {key: given[key] for key in (*TrainConfig.model_fields, "overtraining") if key in given}
    shape = {key: given[key] for key in _SHAPE if key in given}
    if path is None or shape or "model" in fields:
        fields["model"] = _model(fields.get("model"), shape, fields.get("tokenizer", "bpe"))
    if path is not None:
        return read_config(path, fields)
    return validate(TrainConfig, fields, source="options")


def _model(name: str | None, shape: dict[str, int], tokenizer: str) -> Any:
    """The model's shape from `--model`, or from the options of a model of one's own."""
    from ..config.run import BYTE_VOCAB, family_model

    if name is not None:
        family = family_model(name)
        if shape:
            own = " ".join(f"--{key} {value}" for key, value in family.model_dump(exclude={"name"}).items())
            raise InputError(
                f"--model {name} has a shape of its own; leave out --{next(iter(shape))}, "
                f"or leave out --model and change one of {own}"
            )
        return family.model_dump()
    missing = [f"--{key}" for key in ("layers", "width", "heads") if key not in shape]
    if missing:
        raise InputError(
            f"no model: write --model with one of {', '.join(FAMILY)}, or {', '.join(missing)} of your own"
        )
    return {"hidden": 4 * shape["width"], "vocab": BYTE_VOCAB if tokenizer == "bytes" else VOCAB, **shape}


def _left(output: Path) -> Callable[[], str]:
    """What an interrupted run leaves, asked for when it is."""
    before = _written_at(output)

    def left() -> str:
        if _written_at(output) == before:
            return "nothing was recorded yet"
        return f"{output} holds the steps so far" if output.stat().st_size else f"nothing was recorded yet in {output}"

    return left


@contextmanager
def exit_codes() -> Iterator[None]:
    """Wrong input ends with 2, one plain line and no traceback."""
    try:
        yield
    except ModuleNotFoundError as error:
        tell(f"error: {needed_extra(error)}")
        raise typer.Exit(InputError.exit_code) from None
    except CrosshaulError as error:
        tell(f"error: {error}")
        raise typer.Exit(error.exit_code) from None


def _give_up(message: str) -> None:
    """Ends the process from another thread, while this one waits where it cannot be reached."""
    tell(f"error: {message}")
    os._exit(InputError.exit_code)


def needed_extra(error: ModuleNotFoundError) -> str:
    """What to install where a library of the extra is missing; any other missing module is raised again."""
    missing = str(error.name).partition(".")[0]
    if missing not in _EXTRA:
        raise error
    return f"training needs {missing}, which is not installed; pip install 'crosshaul[trainer]'"


def _written_at(path: Path) -> int | None:
    """Tells a file that this run wrote from one that was there (and would have been replaced)."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


@contextmanager
def _progress(steps: int) -> Iterator[Listener]:
    """A progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ..recording.recorder import Listener

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=steps)

        def stage(name: str) -> None:
            bar.update(task, description=name)

        def step(number: int, loss: float, compute_s: float) -> None:
            bar.update(task, completed=number, description=f"loss {loss:.3f}, {human_seconds(compute_s)} a step")

        def note(line: str) -> None:
            bar.console.print(printable(f"note: {line}"), markup=False, highlight=False, soft_wrap=True)

        yield Listener(stage, step, note)
