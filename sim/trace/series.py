"""A trace as numbers: the seconds of every recorded step, dealt out to the workers of a run and cycled over it."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .file import Exchange, Header, OuterStep, RunSummary, read_header, read_records

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Series:
    """Seconds of one worker's steps: a recorded cycle, entered at some step.

    Attributes:
      cumulative_s: sums of the first 0, 1, ..., L recorded steps, shape (L + 1,) [s].
      entry: the recorded step that the run's step 0 replays.
    """

    cumulative_s: NDArray[np.float64]
    entry: int = 0

    @property
    def mean_s(self) -> float:
        """Mean of the recorded steps [s]."""
        return float(self.cumulative_s[-1]) / (len(self.cumulative_s) - 1)

    def seconds(self, first: int, count: int) -> float:
        """Sum of `count` steps of the run from step `first`, the recording cycled [s]."""
        sums = self.cumulative_s
        length = len(sums) - 1
        whole, rest = divmod(count, length)
        start = (first + self.entry) % length
        end = start + rest
        part = sums[end] - sums[start] if end <= length else sums[length] - sums[start] + sums[end - length]
        return float(whole * sums[length] + part)


@dataclass(frozen=True)
class Recording:
    """What a trace says, without its warm-up.

    Attributes:
      header: the first line of the trace.
      replicas: seconds of each recorded replica, cut to the steps that all of them have.
      gradient_bytes, outer_bytes: payload of an exchange as counted, of all shards of a copy together; where the run
        had only one kind, the other carries the same parameters and so the same bytes [byte].
      counted: whether any exchange was recorded (a run on one device has none: then 32 bits a parameter).
      outer_step_s: mean seconds of the outer optimizer's own arithmetic over the whole model, between one exchange of
        each parameter and its next; 0 where no outer step was recorded [s].
      given: whether somebody wrote the seconds out, and no trace was read.
    """

    header: Header
    replicas: tuple[Series, ...]
    gradient_bytes: float
    outer_bytes: float
    counted: bool
    outer_step_s: float = 0.0
    given: bool = False

    @property
    def steps(self) -> int:
        """Recorded steps that count, L."""
        return len(self.replicas[0].cumulative_s) - 1

    @property
    def mean_s(self) -> float:
        """Mean seconds of a step over all replicas [s]."""
        return sum(series.mean_s for series in self.replicas) / len(self.replicas)

    @property
    def tokens_per_chip(self) -> float:
        """Tokens of a batch on one recorded device [tokens]."""
        return self.header.batch_tokens / self.header.device.count

    @property
    def flop_per_token(self) -> float:
        """6 flops for each parameter that works on a token."""
        return 6.0 * (self.header.model.active_params or self.header.model.params)

    @property
    def chip_flop_per_s(self) -> float:
        """Speed that the recorded device reached [flop/s]."""
        return self.flop_per_token * self.tokens_per_chip / self.mean_s

    def spread(self, workers: int) -> tuple[Series, ...]:
        """One series a worker: the recorded replicas in turn, entered at different steps where workers share one."""
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
    """The file of a recording that ships, by name, or of any other trace, by path."""
    return Path(str(_shipped() / f"{name_or_path}.jsonl")) if name_or_path in recording_names() else Path(name_or_path)


def read_recording(path: Path) -> Recording:
    """Reads a trace into a recording (once for a file that does not change).

    Raises:
      InputError: the file is damaged, or holds no step that counts.
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
    for record in read_records(path):
        if isinstance(record, RunSummary) or record.warmup:
            continue
        if isinstance(record, OuterStep):
            outer_s.setdefault(record.fragment, []).append(record.compute_s)
        elif isinstance(record, Exchange):
            parts[record.kind, record.fragment] = record.payload_bytes * header.shards
            sent[record.fragment] += record.kind == "outer"
        elif record.replica >= header.replicas:
            raise InputError(
                f"{path}: a step of replica {record.replica}, where the header says {header.replicas} replicas"
            )
        else:
            seconds.setdefault(record.replica, array("d")).append(record.compute_s)
    steps = min(map(len, seconds.values())) if len(seconds) == header.replicas else 0
    if steps == 0:
        raise InputError(f"{path}: no replica-complete inner step is in it; let record-trace run for a step at least")
    replicas = tuple(Series(cumulative(seconds[replica], steps)) for replica in range(header.replicas))
    payload: dict[str, int] = {}
    for (kind, _), size in parts.items():  # the fragments of a model add up to all of it
        payload[kind] = payload.get(kind, 0) + size
    default = 4.0 * header.model.params
    gradient = payload.get("gradient", payload.get("outer", default))
    outer = payload.get("outer", payload.get("gradient", default))
    # an exchange that overlaps has two records: its beginning, and the use of its result
    outer_step_s = sum(math.fsum(each) / (sent[fragment] or len(each)) for fragment, each in outer_s.items())
    return Recording(header, replicas, float(gradient), float(outer), bool(payload), outer_step_s)


def cumulative(seconds: Sequence[float], steps: int) -> NDArray[np.float64]:
    """Sums of the first 0, 1, ..., `steps` of some seconds, shape (steps + 1,) [s]."""
    import numpy as np

    return np.concatenate(([0.0], np.cumsum(np.asarray(seconds, dtype=np.float64)[:steps])))


def _shipped() -> Any:
    return resources.files("sim.trace") / "shipped"
