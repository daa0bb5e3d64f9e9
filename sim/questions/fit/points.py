"""Losses to fit laws to: from traces of one's own, or from a table of runs."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...documents.reading import read_text
from ...errors import ArgumentError, InputError

NAMES = {
    "params": ("params", "N", "size", "parameters"),
    "tokens": ("tokens", "D"),
    "batch_tokens": ("batch_tokens", "batch", "B"),
    "loss": ("loss", "held_out_loss", "eval_loss", "L"),
    "run": ("run", "name"),
}
"""What a column of a table is for, and how it may be called."""
_CURVE_POINTS = 24
"""Points that are taken of the steps of a trace, evenly in the logarithm of the tokens."""
_NEARLY = 0.97
"""Share of the steps asked for after which a trace counts as whole: its last loss is one before a step, or earlier."""
MOST_ROWS = 100_000


@dataclass(frozen=True)
class Point:
    """A measured loss.

    Attributes:
      run: to which it belongs.
      params, tokens: N, and D so far [tokens].
      batch_tokens: B; None where nobody says [tokens].
      loss: [nats per token].
      final: whether the run ended there, and its schedule of learning rates with it.
    """

    run: str
    params: float
    tokens: float
    batch_tokens: float | None
    loss: float
    final: bool = True

    @property
    def steps(self) -> float:
        """S, of a point with a batch."""
        return self.tokens / (self.batch_tokens or math.nan)


def read_points(files: Sequence[Path]) -> list[Point]:
    """All losses of some files, the end of each run marked.

    Args:
      files: traces (`.jsonl`, `.jsonl.gz`), or tables (`.csv`).

    Raises:
      InputError: a file cannot be read, or has no losses.
    """
    _check_mixtures([path for path in files if path.suffix != ".csv"])
    found = [point for path in files for point in (_of_table(path) if path.suffix == ".csv" else _of_trace(path))]
    return _ended(found)


def _check_mixtures(traces: Sequence[Path]) -> None:
    """Refuses traces of different mixtures, whose losses are means by different shares."""
    from ...trace.file import read_header

    mixed = [{each.name: each.share for each in read_header(path).corpora} for path in traces]
    for path, shares in zip(traces, mixed, strict=True):
        if shares != mixed[0]:
            told = (
                "{path}: mixes other corpora, or in other shares, than {first}, so that their losses do not compare; "
                "give runs on one mixture, or write {form:mixture} for a law of the shares"
            )
            raise ArgumentError(told, path=path, first=traces[0])


def _ended(points: Iterable[Point]) -> list[Point]:
    """The points, the last of each run marked as its end."""
    runs: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        runs[point.run].append(point)
    ordered = [sorted(own, key=lambda point: point.tokens) for own in runs.values()]
    return [point for own in ordered for point in (*(replace(each, final=False) for each in own[:-1]), own[-1])]


def _of_table(path: Path) -> list[Point]:
    text = "\n".join(line for line in read_text(path, "table").splitlines() if not line.startswith("#"))
    reader = csv.DictReader(text.splitlines())
    there = reader.fieldnames or []
    columns = {what: next((name for name in names if name in there), None) for what, names in NAMES.items()}
    for what in ("params", "tokens", "loss"):
        if columns[what] is None:
            raise InputError(f"{path}: no column {what}; write one named {' or '.join(NAMES[what])}")
    found = []
    for number, row in enumerate(reader, 2):
        if number > MOST_ROWS:
            raise InputError(f"{path}: more than {MOST_ROWS:,} rows; write fewer")
        values = {what: _number(path, number, what, row, column) for what, column in columns.items() if what != "run"}
        params, tokens, loss = values["params"], values["tokens"], values["loss"]
        assert params is not None
        assert tokens is not None
        assert loss is not None  # their columns are there
        name = row[columns["run"]] if columns["run"] else f"row {number}"
        found.append(Point(f"{path.name} {name}", params, tokens, values["batch_tokens"], loss))
    if not found:
        raise InputError(f"{path}: no rows; write a line for each run")
    return found


def _number(path: Path, row: int, what: str, cells: dict[str, str], column: str | None) -> float | None:
    if column is None:
        return None
    text = (cells[column] or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{path}: line {row}: {column}: got {text!r}; write a number above 0, or leave the line out")
    return value


def _of_trace(path: Path) -> list[Point]:
    """The held-out losses of a trace, or where it has none those of training, averaged over replicas and windows."""
    from ...trace.file import HeldOut, read_header, read_records
    from ...trace.records import Step

    header = read_header(path)
    held_out: list[tuple[int, float]] = []
    trained: dict[int, list[float]] = defaultdict(list)
    for record in read_records(path):
        if isinstance(record, HeldOut):
            held_out.append((record.step, record.loss))
        elif isinstance(record, Step) and record.loss is not None:
            trained[record.step].append(record.loss)  # before the step, so after as many as its number
    if not held_out and not trained:
        raise InputError(
            f"{path}: no losses in it; let record-trace evaluate during the run, or record losses of steps"
        )
    batch = float(header.batch_tokens)
    pairs = held_out or _windows({step: sum(own) / len(own) for step, own in trained.items() if step})
    run, params = str(path), float(header.model.params)
    # a log does not say how long its schedule was
    whole = header.steps is not None and max((steps for steps, _ in pairs), default=0) >= _NEARLY * header.steps
    return [Point(run, params, steps * batch, batch, loss, whole) for steps, loss in pairs if steps]


def _windows(losses: dict[int, float]) -> list[tuple[int, float]]:
    """Means of the losses of neighbouring steps, in windows that grow with the steps, each at its last step."""
    last = max(losses)
    edges = sorted({round(last ** (place / _CURVE_POINTS)) for place in range(_CURVE_POINTS + 1)})
    found = []
    for low, high in zip([0, *edges], edges, strict=False):
        own = [loss for step, loss in losses.items() if low < step <= high]
        found += [(high, sum(own) / len(own))] if own else []
    return found
