"""`record-trace`: arguments, progress and exit codes. JAX is imported only when training begins."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.document import validate
from sim.errors import CrosshaulError, InputError
from sim.models import FAMILY, VOCAB
from sim.units import human_bytes, human_count, human_seconds

if TYPE_CHECKING:
    from .config import TrainConfig
    from .record import Listener, Payload, Summary

INTERRUPTED = 130
_EXTRA = ("jax", "jaxlib", "optax", "sentencepiece")
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


def main(arguments: list[str] | None = None) -> None:
    """The console script; ends the process with the exit code."""
    app(args=arguments, prog_name="record-trace")


@app.command()
def record_trace(
    output: Annotated[Path, typer.Option(help="The trace file to write; .gz at its end compresses it.")],
    algorithm: Annotated[str, typer.Option(help="data-parallel or diloco.")],
    steps: Annotated[int, typer.Option(help="Inner steps to train.")] = 60,
    model: Annotated[str | None, typer.Option(help=f"A model of the family: {', '.join(FAMILY)}.")] = None,
    layers: Annotated[int | None, typer.Option(help="Layers of a model of your own.")] = None,
    width: Annotated[int | None, typer.Option(help="Its model dimension.")] = None,
    heads: Annotated[int | None, typer.Option(help="Its attention heads.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Its feed-forward dimension [default: 4 x width].")] = None,
    vocab: Annotated[int | None, typer.Option(help=f"Its vocabulary [default: {VOCAB}, or 257 with bytes].")] = None,
    replicas: Annotated[int, typer.Option(help="DiLoCo replicas.")] = 1,
    sync_every: Annotated[
        int | None, typer.Option(help="DiLoCo's inner steps between outer steps [default: 30].")
    ] = None,
    devices_per_replica: Annotated[int, typer.Option(help="Data-parallel devices inside a replica.")] = 1,
    sequence_length: Annotated[int, typer.Option(help="Tokens in a sequence.")] = 256,
    sequences: Annotated[int, typer.Option(help="Sequences of each device in a step.")] = 4,
    learning_rate: Annotated[float, typer.Option(help="Peak inner learning rate.")] = 4e-3,
    outer_learning_rate: Annotated[float, typer.Option(help="DiLoCo's outer learning rate.")] = 0.6,
    seed: Annotated[int, typer.Option(help="Decides parameters and batches.")] = 0,
    corpus: Annotated[
        str, typer.Option(help="auto, packages, docstrings, c4, dolma, or a file, folder or pattern of text.")
    ] = "auto",
    tokenizer: Annotated[str, typer.Option(help="bpe (trained on the text, cached), bytes, or a file.")] = "bpe",
    warmup_steps: Annotated[int, typer.Option(help="Steps thrown away before the run.")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output if it is there.")] = False,
) -> None:
    """Train a language model for real and record what its steps cost: seconds of compute, bytes to exchange."""
    shape = {"layers": layers, "width": width, "heads": heads, "hidden": hidden, "vocab": vocab}
    with _exit_codes(output):
        data: dict[str, Any] = {
            "model": _model(model, shape, tokenizer),
            "algorithm": algorithm,
            "steps": steps,
            "replicas": replicas,
            "sync_every": _sync_every(algorithm, sync_every),
            "devices_per_replica": devices_per_replica,
            "sequence_length": sequence_length,
            "sequences": sequences,
            "learning_rate": learning_rate,
            "outer_learning_rate": outer_learning_rate,
            "seed": seed,
            "corpus": corpus,
            "tokenizer": tokenizer,
            "warmup_steps": warmup_steps,
        }
        _run(data, output, overwrite=overwrite)


def _run(data: dict[str, Any], output: Path, *, overwrite: bool) -> None:
    from .config import TrainConfig

    config = validate(TrainConfig, data, source="options")
    from .record import record  # JAX comes in here, behind the answer to a wrong option

    command = shlex.join(["record-trace", *sys.argv[1:]])
    with _progress(config.steps) as listener:
        summary = record(config, output, command=command, overwrite=overwrite, listener=listener)
    print(_closing(config, summary, output))


def _model(name: str | None, shape: dict[str, int | None], tokenizer: str) -> Any:
    """The model's shape from `--model`, or from the options of a model of one's own."""
    from .config import BYTE_VOCAB, family_model

    given = {key: value for key, value in shape.items() if value is not None}
    if name is not None:
        family = family_model(name)
        if given:
            own = " ".join(f"--{key} {value}" for key, value in family.model_dump(exclude={"name"}).items())
            raise InputError(
                f"--model {name} has a shape of its own; leave out --{next(iter(given))}, "
                f"or leave out --model and change one of {own}"
            )
        return family.model_dump()
    missing = [f"--{key}" for key in ("layers", "width", "heads") if key not in given]
    if missing:
        raise InputError(
            f"no model: write --model with one of {', '.join(FAMILY)}, or {', '.join(missing)} of your own"
        )
    return {"hidden": 4 * given["width"], "vocab": BYTE_VOCAB if tokenizer == "bytes" else VOCAB, **given}


def _sync_every(algorithm: str, given: int | None) -> int | None:
    from .config import SYNC_EVERY

    return SYNC_EVERY if given is None and algorithm == "diloco" else given


@contextmanager
def _exit_codes(output: Path) -> Iterator[None]:
    """Wrong input ends with 2 and an interrupt with 130, each with one plain line and no traceback."""
    before = _written_at(output)
    try:
        yield
    except KeyboardInterrupt:
        left = f"{output} holds the steps so far" if _written_at(output) != before else "nothing was recorded yet"
        print(f"interrupted; {left}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in _EXTRA:
            raise
        print(
            f"error: training needs {missing}, which is not installed; pip install 'crosshaul[trainer]'",
            file=sys.stderr,
        )
        raise typer.Exit(InputError.exit_code) from None
    except CrosshaulError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from None


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

    from .record import Listener

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=steps)

        def stage(name: str) -> None:
            bar.update(task, description=name)

        def step(number: int, loss: float, compute_s: float) -> None:
            bar.update(task, completed=number, description=f"loss {loss:.3f}, {human_seconds(compute_s)} a step")

        yield Listener(stage, step)


def _closing(config: TrainConfig, summary: Summary, output: Path) -> str:
    replicas = (
        f"{config.replicas} replica{'s' if config.replicas > 1 else ''} of {config.devices_per_replica} device(s)"
    )
    outer_steps = ""
    if summary.outer_compute_s is not None:
        arithmetic = f"{human_seconds(summary.outer_compute_s)} of arithmetic each, in no record"
        outer_steps = f"\n  outer steps      {summary.outer_steps} ({arithmetic})"
    lines = [
        f"{config.algorithm}, {replicas}, {human_count(summary.params)} parameters",
        f"  compute          {human_seconds(summary.compute_s)} a step of a replica (median of {summary.steps} steps)",
        f"  gradient payload {_payload(summary.gradient)}",
        f"  outer payload    {_payload(summary.outer)}{outer_steps}",
        f"  loss             {summary.first_loss:.3f} -> {summary.last_loss:.3f} nats per token",
        f"wrote {output}; replay it with",
        f"  {shlex.join(['simulate', '--topology', 'low-bw', '--trace', str(output)])}",
    ]
    return "\n".join(lines)


def _payload(payload: Payload | None) -> str:
    if payload is None:
        return "none (nobody to exchange with)"
    return f"{human_bytes(payload.payload_bytes)} a device among {payload.group_size}, as {payload.dtype}, counted"
