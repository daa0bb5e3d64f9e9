"""The command that evaluates a trained model: arguments, exit codes, and the numbers as table, JSON or CSV.

`evaluate-checkpoint` reads the model from a checkpoint; `evaluation_app` makes the same command for any other reader.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from sim.errors import InputError
from sim.shell.delivery import check_writable, deliver
from sim.shell.formats import Format, chosen
from sim.shell.repeated_options import OnceCommand

from .record_trace import exit_codes
from .signals import ending

if TYPE_CHECKING:
    from ..config.run import TrainConfig
    from ..evaluation.evaluate import Evaluation
    from ..evaluation.question_sets import Kind

Loader: TypeAlias = "Callable[[Path], tuple[Any, TrainConfig, str]]"
"""Reads one copy of the parameters, the configuration of their run, and the fingerprint of its text."""
_FORMATS = (Format.table, Format.json, Format.csv)
Row: TypeAlias = dict[str, str | float | int | None]


def rows_of(found: Evaluation) -> list[Row]:
    """An evaluation as rows.

    Returns:
      Rows of `set`, `measure`, `value`, `standard_error`, `baseline` and `items`. The baseline is the value of an
      untrained model: chance for questions, and the loss of the unigram model (token frequencies) for text. Of a run
      on several corpora `held-out` is their mean by shares, and `held-out NAME` that of one.
    """

    def row(name: str, measure: str, value: float, error: float | None, baseline: float | None, items: int) -> Row:
        numbers: Row = {"value": value, "standard_error": error, "baseline": baseline, "items": items}
        return {"set": name, "measure": measure, **numbers}

    text, loss = "held-out", found.held_out
    rows = [
        row(text, "nats_per_token", loss.loss, loss.loss_error, found.unigram_loss, loss.tokens),
        row(text, "bits_per_byte", loss.bits_per_byte, None, None, loss.tokens),
    ]
    own = {f"{text} {name}": each for name, each in found.by_corpus.items()}
    for name, (other, unigram) in (own | found.elsewhere).items():
        rows.append(row(name, "nats_per_token", other.loss, other.loss_error, unigram, other.tokens))
        rows.append(row(name, "bits_per_byte", other.bits_per_byte, None, None, other.tokens))
    for name, score in found.zero_shot.items():
        both = (
            ("accuracy", score.accuracy, score.accuracy_error),
            ("accuracy_by_bytes", score.normalized_accuracy, score.normalized_accuracy_error),
        )
        rows += [row(name, measure, value, error, score.chance, score.questions) for measure, value, error in both]
    return rows


def rendered(rows: Sequence[Row], form: Format) -> str:
    """Rows as text; JSON and CSV have all digits, a table four decimals."""
    if form == "json":
        return json.dumps({"evaluation": list(rows)}, indent=2) + "\n"
    if form == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()
    table = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table)
    return "\n".join(lines) + "\n"


def _cell(value: str | float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def evaluation_app(load: Loader) -> typer.Typer:
    """The command for a reader of models.

    Args:
      load: the reader, called with the command's argument.
    """
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)

    @app.command(cls=OnceCommand)
    def evaluate_checkpoint(
        checkpoint: Annotated[Path, typer.Argument(help="The folder of record-trace --checkpoint.")],
        hellaswag: Annotated[Path | None, typer.Option(help="A file with the questions of HellaSwag.")] = None,
        piqa: Annotated[Path | None, typer.Option(help="A file with the questions of PIQA.")] = None,
        arc_easy: Annotated[Path | None, typer.Option(help="A file with the questions of ARC-Easy.")] = None,
        corpus: Annotated[
            str | None,
            typer.Option(help="Another text, whose documents all count: a name or files as in record-trace."),
        ] = None,
        batch_tokens: Annotated[int, typer.Option(min=1, help="Tokens in a batch of the evaluation.")] = 4096,
        form: Annotated[
            str | None,
            typer.Option("--format", help="table, json or csv [default: by the ending of --output, else table]."),
        ] = None,
        output: Annotated[Path | None, typer.Option(help="Write the numbers to a file instead.")] = None,
    ) -> None:
        """Evaluate a trained model: loss on held-out text, and zero-shot answers to multiple choice."""
        given: dict[Kind, Path | None] = {"hellaswag": hellaswag, "piqa": piqa, "arc-easy": arc_easy}
        sets = {kind: path for kind, path in given.items() if path is not None}
        with exit_codes():
            shape = _format(form, output)
            texts = [] if corpus is None else [corpus]
            deliver(_evaluated(load, checkpoint, sets, batch_tokens, shape, texts), output)

    return app


def _format(asked: str | None, output: Path | None) -> Format:
    """The format asked for, else by the file's ending; a file that cannot be written is refused before the work."""
    if asked is not None and asked not in _FORMATS:
        raise InputError(f"--format: got {asked!r}; write {', '.join(_FORMATS)}")
    if output:
        check_writable(output)
    return chosen(Format(asked) if asked else None, output, _FORMATS)


def _evaluated(
    load: Loader,
    checkpoint: Path,
    sets: Mapping[Kind, Path],
    batch_tokens: int,
    form: Format,
    texts: Sequence[str],
) -> str:
    from ..data.texts import load_data
    from ..evaluation.evaluate import evaluate  # imports JAX: only after the options were checked

    params, config, fingerprint = load(checkpoint)
    data = load_data(config)
    if data.fingerprint != fingerprint:
        raise InputError(
            f"{checkpoint}: the text {_named(config)} or the tokenizer differs from that of the run, so the held-out "
            "text may be text of its training; put the same files back"
        )
    return rendered(rows_of(evaluate(params, config, sets, data=data, batch_tokens=batch_tokens, texts=texts)), form)


def _named(config: TrainConfig) -> str:
    return repr(config.corpus) if isinstance(config.corpus, str) else " and ".join(map(repr, config.corpus))


def _from_checkpoint(directory: Path) -> tuple[Any, TrainConfig, str]:
    from ..training.resume import read_model

    model = read_model(directory)
    return model.params, model.config, model.fingerprint


def main(arguments: list[str] | None = None) -> None:
    """The console script; ends the process with the exit code."""
    with ending():
        evaluation_app(_from_checkpoint)(args=arguments, prog_name="evaluate-checkpoint")
