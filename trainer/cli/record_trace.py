"""`record-trace`: arguments, progress and exit codes. JAX is imported only when training begins."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sim.errors import CrosshaulError, InputError, printable
from sim.shell.option_groups import given, grouped
from sim.shell.options import in_options
from sim.shell.printing import print_out, tell
from sim.shell.repeated_options import OnceCommand
from sim.units.in_words import human_seconds

from . import options
from .closing_words import closing
from .configured import configured
from .signals import Ending, ending

if TYPE_CHECKING:
    from ..config.run import TrainConfig
    from ..recording.recorder import Listener
    from ..training.resume import Checkpoints

_EXTRA = ("jax", "jaxlib", "optax", "sentencepiece")
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


def main(arguments: list[str] | None = None) -> None:
    """The console script; ends the process with the exit code."""
    with ending() as end:
        app(args=arguments, prog_name="record-trace", obj=end)


def record_trace(
    context: typer.Context,
    output: options.Output,
    *,
    config: options.Config = None,
    training: options.Training,
    set_: options.Settings = None,
    session: options.Session,
    help_all: options.HelpAll = False,
) -> None:
    """Train a language model and record what its steps cost: seconds of compute, bytes to exchange."""
    end: Ending = context.obj
    end.left = _left(output)
    with exit_codes():
        run = configured(config, given(training), set_ or ())
        _check_target(session)
        if session.target is not None:
            _compile(run, config, given(training), set_ or (), session, output)
            return
        from ..parallel.processes import start  # imports JAX: only after the options were checked
        from ..training.resume import Checkpoints

        count = start(session.coordinator, session.processes, session.process_id, _give_up)
        end.watch()
        if session.compile_cache is not None:
            _keep_compiled(session.compile_cache)
        saved = None
        if session.checkpoint:
            saved = Checkpoints(session.checkpoint, session.checkpoint_every, session.resume)
            end.busy, end.finish = saved.saver.is_busy, saved.saver.join
        _run(run, output, session, checkpoints=saved, processes=count)


app.command(cls=OnceCommand)(grouped(record_trace))


def _check_target(session: options.Session) -> None:
    target, no_run = session.target, session.no_run
    if session.resume and session.checkpoint is None:
        raise InputError("--resume: needs --checkpoint DIR, the folder with the checkpoints of the run")
    if (target is None) == no_run:
        raise InputError(
            "--no-run: compiles for a target; write --target tpu:v5e:16x16, or leave --no-run out"
            if no_run
            else f"--target {target}: is only for compiling; add --no-run"
        )
    if session.clock not in {"split", "both"}:
        raise InputError(f"--clock: got {session.clock!r}; write split or both")
    if no_run and session.clock != "split":
        raise InputError(f"--clock {session.clock}: nothing is timed with --no-run; leave one of them out")
    beside = (
        ("--profile", session.profile),
        ("--checkpoint", session.checkpoint),
        ("--compile-cache", session.compile_cache),
        ("--eval-every", session.eval_every),
    )
    for option, value in beside:
        if no_run and value is not None:
            raise InputError(f"{option} {value}: nothing runs with --no-run; leave one of them out")


def _keep_compiled(directory: Path) -> None:
    """Lets JAX store every compiled program in a folder, and read it from there."""
    import jax

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--compile-cache {directory}: cannot be made ({error.strerror}); name another folder"
        ) from None
    settings: Any = jax.config
    settings.update("jax_compilation_cache_dir", str(directory))
    settings.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _run(
    config: TrainConfig, output: Path, session: options.Session, *, checkpoints: Checkpoints | None, processes: int
) -> None:
    from ..algorithms import loop_steps
    from ..evaluation.evaluate import held_out_record
    from ..recording.evaluations import Evaluations
    from ..recording.recorder import record
    from .backend_errors import device_failures

    if processes > 1 and session.eval_every is not None:
        raise InputError(f"--eval-every {session.eval_every}: is for a run of one process; leave it or --processes out")
    command = shlex.join(["record-trace", *sys.argv[1:]])
    with device_failures(_give_up), _progress(loop_steps(config)) as listener:
        _note_batch(config, listener)
        summary = record(
            config,
            output,
            command=command,
            overwrite=session.overwrite,
            listener=listener,
            checkpoints=checkpoints,
            processes=processes,
            profile=session.profile,
            evaluations=None if session.eval_every is None else Evaluations(session.eval_every, held_out_record),
            clock="both" if session.clock == "both" else "split",
        )
    if summary is not None:
        _close(closing(config, summary, output))


def _compile(
    config: TrainConfig,
    path: Path | None,
    asked: Mapping[str, Any],
    settings: Sequence[str],
    session: options.Session,
    output: Path,
) -> None:
    """Compiles a run for a target; the replicas share its devices evenly unless devices_per_replica is given."""
    from ..recording.compile_only import estimate, fitting_devices
    from ..recording.targets import parse_target, target_devices

    target = parse_target(str(session.target))
    devices = target_devices(target)
    own = config.devices_per_replica if "devices_per_replica" in config.model_fields_set else None
    each = fitting_devices(len(devices), config.rows, own, config.shards)
    config = configured(
        path, {**asked, "devices_per_replica": each}, settings
    )  # batch and steps follow from the devices
    command = shlex.join(["record-trace", *sys.argv[1:]])
    with _progress(config.steps) as listener:
        _note_batch(config, listener)
        summary = estimate(
            config,
            devices,
            output,
            utilization=session.utilization,
            command=command,
            overwrite=session.overwrite,
            listener=listener,
            libraries=target.libraries,
        )
    _close(closing(config, summary, output))


def _note_batch(config: TrainConfig, listener: Listener) -> None:
    from ..config.batch_note import batch_note

    note = batch_note(config)
    if note is not None:
        listener.note(note)


def _close(words: str) -> None:
    if sys.stdout is not None:  # a closed one is no error: the trace holds the same numbers
        print_out(f"{words}\n")


def _left(output: Path) -> Callable[[], str]:
    """A function that says what an interrupted run leaves behind."""
    before = _written_at(output)

    def left() -> str:
        if _written_at(output) == before:
            return "nothing was recorded yet"
        return f"{output} holds the steps so far" if output.stat().st_size else f"nothing was recorded yet in {output}"

    return left


@contextmanager
def exit_codes() -> Iterator[None]:
    """Ends the command with exit code 2, one line and no traceback if the input is wrong."""
    try:
        yield
    except ModuleNotFoundError as error:
        tell(f"error: {needed_extra(error)}")
        raise typer.Exit(InputError.exit_code) from None
    except CrosshaulError as error:
        tell(f"error: {in_options(error)}")
        raise typer.Exit(error.exit_code) from None


def _give_up(message: str) -> None:
    """Ends the process at once; another thread may call it while the main one is blocked inside JAX."""
    tell(f"error: {message}")
    os._exit(InputError.exit_code)


def needed_extra(error: ModuleNotFoundError) -> str:
    """The message for a missing library of the extra; raises the error again for any other module."""
    missing = str(error.name).partition(".")[0]
    if missing not in _EXTRA:
        raise error
    return f"training needs {missing}, which is not installed; pip install 'crosshaul[trainer]'"


def _written_at(path: Path) -> int | None:
    """The time of the last change, which tells a file of this run from one that was there before; None if missing."""
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
