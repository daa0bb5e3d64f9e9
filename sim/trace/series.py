"""A trace as numbers: the compute times of the recorded steps, assigned to the workers of a run and cycled over it."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from ..errors import InputError
from .file import Exchange, Header, HeldOut, OuterStep, RunSummary, read_header, read_records


@dataclass(frozen=True)
class Series:
    """The compute times of one worker's steps: a recorded cycle, entered at some step.

    Attributes:
      cumulative_s: sums of the first 0, 1, ..., L recorded steps, shape (L + 1,) [s].
      entry: the recorded step that the run's step 0 replays.
    """

    cumulative_s: Sequence[float]
    entry: int = 0

    @property
    def mean_s(self) -> float:
        """Mean of the recorded steps [s]."""
        return self.cumulative_s[-1] / (len(self.cumulative_s) - 1)

    def seconds(self, first: int, count: int) -> float:
        """Sum over `count` steps of the run from step `first`; the recording is cycled [s]."""
        sums = self.cumulative_s
        length = len(sums) - 1
        whole, rest = divmod(count, length)
        start = (first + self.entry) % length
        end = start + rest
        part = sums[end] - sums[start] if end <= length else sums[length] - sums[start] + sums[end - length]
        return whole * sums[length] + part


@dataclass(frozen=True)
class Recording:
    """The content of a trace, without its warm-up.

    Attributes:
      header: the first line of the trace.
      replicas: compute times of each recorded replica, cut to the steps that all of them have.
      gradient_bytes, outer_bytes: payload of an exchange as counted, of all shards of a copy together; if the run had
        only one kind, the other has the same parameters and so the same bytes. Where an algorithm sends something else
        than a number for each parameter, what such an exchange would take [byte].
      counted: whether any exchange was recorded; without one (a run on one device) the payload is 32 bits a parameter.
      outer_step_s: mean time of the outer optimizer's arithmetic for one exchange of the whole model; 0 if none was
        recorded [s].
      given: whether the times were written out in a document, and no trace was read.
      whole_steps: whether a step contains its exchange of gradients, as one that somebody logged from outside does.
    """

    header: Header
    replicas: tuple[Series, ...]
    gradient_bytes: float
    outer_bytes: float
    counted: bool
    outer_step_s: float = 0.0
    given: bool = False
    whole_steps: bool = False

    @property
    def steps(self) -> int:
        """Recorded steps without the warm-up, L."""
        return len(self.replicas[0].cumulative_s) - 1

    @property
    def mean_s(self) -> float:
        """Mean compute time of a step over all replicas [s]."""
        return sum(series.mean_s for series in self.replicas) / len(self.replicas)

    @property
    def tokens_per_chip(self) -> float:
        """Tokens of a batch on one chip, as if every replica had chips of its own [tokens]."""
        return self.header.batch_tokens / self.header.chips

    @property
    def tokens_of_a_microbatch(self) -> float:
        """Tokens that a chip computed at a time; all of a step in older traces [tokens]."""
        execution = self.header.execution
        return self.tokens_per_chip / (execution.microbatches if execution else 1)

    @property
    def flop_per_token(self) -> float:
        """6 flops for each parameter that is active for a token [flop]."""
        return 6.0 * (self.header.model.active_params or self.header.model.params)

    @property
    def chip_flop_per_s(self) -> float:
        """Speed that the recorded device reached [flop/s]."""
        return self.flop_per_token * self.tokens_per_chip / self.mean_s

    def spread(self, workers: int) -> tuple[Series, ...]:
        """A series for each worker: the recorded replicas in turn; workers with the same one enter at other steps."""
        recorded = len(self.replicas)
        turns = -(-workers // recorded)
        return tuple(
            Series(self.replicas[w % recorded].cumulative_s, (w // recorded) * self.steps // turns)
            for w in range(workers)
        )


def recording_names() -> list[str]:
    """Names of the recordings that ship."""
    return sorted(path.name.removesuffix(".jsonl") for path in _shipped().iterdir() if path.name.endswith(".jsonl"))


def recording_path(name_or_path: str) -> Path:
    """The file of a recording that ships, by its name, or of any other trace, by its path."""
    return Path(str(_shipped() / f"{name_or_path}.jsonl")) if name_or_path in recording_names() else Path(name_or_path)


def read_recording(path: Path) -> Recording:
    """Reads a trace into a recording; cached while the file does not change.

    Raises:
      InputError: the file is damaged, or holds no steps besides its warm-up.
    """
    status = path.stat() if path.is_file() else None
    return _read(path, (status.st_mtime_ns, status.st_size) if status else None)


@lru_cache(maxsize=4)
def _read(path: Path, version: tuple[int, int] | None) -> Recording:
    header = read_header(path)
    seconds: dict[int, array[float]] = {}
    parts: dict[tuple[str, int | None], int] = {}
    outer_s: dict[int | None, list[float]] = {}
    sent: Counter[int | None] = Counter()
    taken_out = False
    for record in read_records(path):
        if isinstance(record, RunSummary | HeldOut) or record.warmup:
            continue
        if isinstance(record, OuterStep):
            outer_s.setdefault(record.fragment, []).append(record.compute_s)
        elif isinstance(record, Exchange):
            parts[record.kind, record.fragment] = (record.dense_bytes or record.payload_bytes) * header.shards
            sent[record.fragment] += record.kind == "outer"
        elif record.replica >= header.replicas:
            raise InputError(
                f"{path}: a step of replica {record.replica}, where the header says {header.replicas} replicas"
            )
        else:
            taken_out = taken_out or record.whole_s not in (None, record.compute_s)
            seconds.setdefault(record.replica, array("d")).append(record.compute_s)
    steps = min(map(len, seconds.values())) if len(seconds) == header.replicas else 0
    if steps == 0:
        raise InputError(f"{path}: has no inner step of all replicas; let record-trace run for at least one step")
    replicas = tuple(Series(cumulative(seconds[replica], steps)) for replica in range(header.replicas))
    payload: dict[str, int] = {}
    for (kind, _), size in parts.items():  # the payload of a model is the sum over its fragments
        payload[kind] = payload.get(kind, 0) + size
    said_bytes = header.payload_bits / 8 if header.payload_bits else None
    default = (said_bytes or (header.execution.parameter_bytes if header.execution else 4.0)) * header.model.params
    gradient = payload.get("gradient", payload.get("outer", default))
    outer = payload.get("outer", payload.get("gradient", default))
    # an exchange with overlap has two records: its start, and the use of its result
    # replicas that take turns on a device make their outer steps one after the other, and its seconds are of them all
    in_turn = header.chips / header.device.count
    outer_step_s = sum(math.fsum(each) / (sent[fragment] or len(each)) for fragment, each in outer_s.items()) / in_turn
    kinds = {kind for kind, _ in parts}
    whole = header.origin is not None and "gradient" not in kinds and ("outer" in kinds or not taken_out)
    return Recording(header, replicas, float(gradient), float(outer), bool(payload), outer_step_s, whole_steps=whole)


def cumulative(seconds: Sequence[float], steps: int) -> tuple[float, ...]:
    """Sums of the first 0, 1, ..., `steps` times, shape (steps + 1,) [s]."""
    return tuple(accumulate(islice(seconds, steps), initial=0.0))


def _shipped() -> Any:
    return resources.files("sim.trace") / "shipped"
