"""Runs on mixtures of data: their shares and losses, from a table or from the traces of `record-trace`."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...documents.reading import read_text
from ...errors import InputError
from ...laws.beyond.mixing import least_rows

SHARE, LOSS = "share_", "loss_"
SUM = 1e-3
"""By how much the shares of a run may miss a sum of 1; they are divided by their sum."""
MOST_ROWS = 10_000


class Runs(NamedTuple):
    """Runs on mixtures.

    Attributes:
      domains: names of what is mixed.
      losses: names of the losses.
      shares: of each run, in the order of the domains; they sum to 1.
      measured: by loss, one for each run [nats per token].
    """

    domains: list[str]
    losses: list[str]
    shares: list[list[float]]
    measured: dict[str, list[float]]


def read_runs(paths: Sequence[Path]) -> Runs:
    """Runs from one table or from traces, which give the held-out loss on each corpus behind the last step.

    Args:
      paths: one `.csv` with a column `share_NAME` for each domain and `loss_NAME` for each loss, or a trace for each
        run.

    Raises:
      InputError: it is neither; the runs are too few, or were not trained alike.
    """
    if len(paths) == 1 and paths[0].suffix == ".csv":
        runs = _of_table(paths[0])
    elif tables := [path for path in paths if path.suffix == ".csv"]:
        raise InputError(
            f"{tables[0]}: a law of mixtures is fitted to one table, or to traces alone; leave out the rest"
        )
    else:
        runs = _of_traces(paths)
    domains, where = len(runs.domains), paths[0] if len(paths) == 1 else "these traces"
    if len(runs.shares) < least_rows(domains):
        raise InputError(
            f"{where}: {len(runs.shares)} mixtures of {domains} domains are too few: a law has {domains + 1} "
            f"coefficients, and one run is left out at a time; train {least_rows(domains)} mixtures or more"
        )
    return runs


def _of_table(path: Path) -> Runs:
    text = "\n".join(line for line in read_text(path, "table").splitlines() if not line.startswith("#"))
    reader = csv.DictReader(text.splitlines())
    there = reader.fieldnames or []
    domains = [name.removeprefix(SHARE) for name in there if name.startswith(SHARE)]
    names = [name.removeprefix(LOSS) for name in there if name.startswith(LOSS)]
    if len(domains) < 2 or not names:
        raise InputError(
            f"{path}: a law of mixtures asks for two columns share_NAME or more, such as share_web and share_code, and "
            "one or more loss_NAME, such as loss_code"
        )
    shares, measured = list[list[float]](), {name: list[float]() for name in names}
    for number, row in enumerate(reader, 1):
        if number > MOST_ROWS:
            raise InputError(f"{path}: more than {MOST_ROWS:,} rows; write fewer")
        own = [_number(path, number, f"{SHARE}{domain}", row, least=0.0) for domain in domains]
        if abs(sum(own) - 1) > SUM:
            raise InputError(f"{path}: row {number}: the shares sum to {sum(own):.4g}; write shares that sum to 1")
        shares.append([share / sum(own) for share in own])
        for name in names:
            measured[name].append(_number(path, number, f"{LOSS}{name}", row, least=1e-9))
    return Runs(domains, names, shares, measured)


def _number(path: Path, row: int, column: str, cells: Mapping[str, str | None], least: float) -> float:
    text = (cells[column] or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= least):
        what = "a share from 0 to 1" if column.startswith(SHARE) else "a loss above 0"
        raise InputError(f"{path}: row {row}: {column}: got {text!r}; write {what}")
    return value


def _of_traces(paths: Sequence[Path]) -> Runs:
    """Shares and last held-out losses of traces that were trained alike on the same corpora."""
    found = [_of_trace(path) for path in paths]
    first = found[0]
    for path, other in zip(paths, found, strict=True):
        if set(other.corpora) != set(first.corpora):
            raise InputError(
                f"{path}: mixes {', '.join(sorted(other.corpora))}, and {paths[0]} {', '.join(sorted(first.corpora))}; "
                "give runs on the same corpora, with a weight of 0 for what is left out"
            )
        for name, (_, fingerprint, _) in other.corpora.items():
            if fingerprint != first.corpora[name][1]:
                raise InputError(
                    f"{path}: the text of {name}, its split or the tokenizer is not that of {paths[0]}, so that their "
                    "losses do not compare; train all on the same files"
                )
        for what, value in other.alike.items():
            if value != first.alike[what]:
                raise InputError(
                    f"{path}: {what}: {value}, and {first.alike[what]} in {paths[0]}; give runs that differ in their "
                    "mixture alone"
                )
    names = list(first.corpora)
    shares = [[run.corpora[name][0] for name in names] for run in found]
    return Runs(
        names,
        names,
        [[share / sum(own) for share in own] for own in shares],
        {name: [run.corpora[name][2] for run in found] for name in names},
    )


class _Trace(NamedTuple):
    """A trace: by corpus its share, fingerprint and loss; and what must be alike between runs."""

    corpora: dict[str, tuple[float, str, float]]
    alike: dict[str, object]


def _of_trace(path: Path) -> _Trace:
    from ...trace.file import HeldOut, read_header, read_records

    header, last = read_header(path), None
    names = {each.name for each in header.corpora}
    if not header.corpora:
        raise InputError(
            f"{path}: was trained on one corpus; record mixtures: runs of record-trace on corpora with weights, such "
            "as A=0.7 and B=0.3"
        )
    for record in read_records(path):
        if isinstance(record, HeldOut) and record.corpora:
            last = record
    losses = {each.name: each.loss for each in last.corpora} if last else {}
    if last is None or header.steps is None or last.step < header.steps or {*losses} != names:
        raise InputError(
            f"{path}: has no held-out losses behind its last step; record it to its end, with evaluations during "
            "training"
        )
    return _Trace(
        {each.name: (each.share, each.fingerprint, losses[each.name]) for each in header.corpora},
        {
            "parameters": header.model.params,
            "tokens": header.steps * header.batch_tokens,
            "batch_tokens": header.batch_tokens,
            "sequence_length": header.sequence_length,
            "algorithm": header.algorithm,
            "replicas": header.replicas,
            "sync_every": header.sync_every,
        },
    )
