"""What a log of another program holds of a run: steps, and numbers about it, each with where it was read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import InputError

MOST_BYTES = 2**31
"""The longest log that is read; it is held in memory [byte]."""
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Asked:
    """What the user says of a log; None: to be recognised.

    Attributes:
      seconds: the column with the seconds of a step.
      clock: the column with a time of day, or with the seconds since some begin.
      step, loss: the columns with the number of the step, and the loss.
      exchange: the column with the seconds of a step that were waited for exchanges.
      replica: the column that says whose step it is.
      unit_s: what a number in `seconds`, `clock` and `exchange` is [s].
      tokens_per_step, chips: for logs that tell a rate of tokens [tokens], [-].
    """

    seconds: str | None = None
    clock: str | None = None
    step: str | None = None
    loss: str | None = None
    exchange: str | None = None
    replica: str | None = None
    unit_s: float | None = None
    tokens_per_step: float | None = None
    chips: float | None = None


@dataclass(frozen=True)
class LoggedStep:
    """A step as it was logged.

    Attributes:
      number: of the step.
      seconds: of the whole step [s].
      exchange_s: of these, the seconds that were waited for exchanges [s].
      loss: its training loss [nats per token].
      replica: whose step it was, in the log's own words.
      payload_bytes: what it exchanged; 0: not told [byte].
      group: how many exchanged with each other.
    """

    number: int
    seconds: float
    exchange_s: float = 0.0
    loss: float | None = None
    replica: str = ""
    payload_bytes: int = 0
    group: int = 0


@dataclass(frozen=True)
class Found:
    """A number that a log tells of its run.

    Attributes:
      value: the number, or a name.
      where: where it stands, in words.
      sure: whether the format defines its meaning; else the meaning was guessed from its name.
    """

    value: float | str
    where: str
    sure: bool = True


@dataclass(frozen=True)
class Collective:
    """A collective as a benchmark of the network measured it: seconds by size.

    Attributes:
      kind: `all_reduce`, ...
      ranks: how many took part; None: not told.
      bandwidth_bits_per_s: of a rank, one way, at the largest message [bit/s].
      latency_s: seconds of the smallest message [s].
      largest_bytes, smallest_bytes: their sizes [byte].
    """

    kind: str
    ranks: int | None
    bandwidth_bits_per_s: float
    latency_s: float
    largest_bytes: float
    smallest_bytes: float


@dataclass(frozen=True)
class Log:
    """What was taken from a log, and how.

    Attributes:
      steps: in the order of the log; empty where it holds none.
      found: numbers by name: `params`, `tokens_per_step`, `chips`, `chip`, `sync_every`, `algorithm`.
      took: what was read, in sentences.
      guessed: what was guessed, each with how to say otherwise.
      notes: what is in the log and was not taken, and what the numbers do not say.
      collectives: what a benchmark of the network measured.
    """

    steps: tuple[LoggedStep, ...] = ()
    found: Mapping[str, Found] = field(default_factory=dict)
    took: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    collectives: tuple[Collective, ...] = ()


@dataclass(frozen=True)
class LogFormat:
    """A format of logs.

    Attributes:
      name: as `--from` takes it.
      about: what writes it.
      signs: what its files are recognised by, in words.
      matches: whether the content of a file has these signs.
      read: reads the content of a file, whose path stands in messages.
    """

    name: str
    about: str
    signs: str
    matches: Callable[[bytes], bool]
    read: Callable[[Path, bytes, Asked], Log]


def content_of(path: Path) -> bytes:
    """The content of a log, decompressed if it begins like gzip.

    Raises:
      InputError: it cannot be read, or is too long.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give the log inside it")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: is longer than {MOST_BYTES >> 30} GB; give a part of it, with fewer steps")
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == _GZIP else content
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such log; check the name") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{path}: is cut off or damaged (gzip); unpack it with zcat, and give what is whole") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read ({error}); check its name and permissions") from None


def text_of(path: Path, content: bytes) -> str:
    """The content as text.

    Raises:
      InputError: it is none.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{line}: is no UTF-8 text; write the log as UTF-8") from None
