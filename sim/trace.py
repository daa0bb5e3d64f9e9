"""The trace: what a recorded training run cost, and the only edge between `trainer/` and the simulator.

A trace is a file of JSON lines (gzip when the name ends in `.gz`): a header, then one record an inner step of a
replica, an outer step and an exchange, in the order in which they happened, and a summary when the run ends.
It is written append-only and flushed line by line, so a run that is killed leaves a readable file; it is read as a
stream, so a long one needs no memory.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError

from .document import Frozen, validate
from .errors import InputError
from .recorded import (
    Distribution,
    Exchange,
    OuterStep,
    RecordedCollective,
    RecordedDevice,
    RecordedMemory,
    RecordedModel,
    RecordedProgram,
    RunSummary,
    Step,
)

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "Distribution",
    "Exchange",
    "Header",
    "OuterStep",
    "Record",
    "RecordedCollective",
    "RecordedDevice",
    "RecordedMemory",
    "RecordedModel",
    "RecordedProgram",
    "RunSummary",
    "Step",
    "TraceWriter",
    "read_header",
    "read_records",
    "schema",
]

SCHEMA_VERSION: Literal[1] = 1
SCHEMA: Literal["crosshaul-trace"] = "crosshaul-trace"


class Header(Frozen):
    """The first line of a trace."""

    record: Literal["header"] = "header"
    schema_name: Literal["crosshaul-trace"] = Field(default=SCHEMA, alias="schema")
    schema_version: Literal[1] = SCHEMA_VERSION
    algorithm: str
    """The names of `sim/strategies`."""
    model: RecordedModel
    replicas: int = Field(gt=0)
    sync_every: int | None = Field(default=None, gt=0)
    """Inner steps H between outer steps; null where there are none."""
    steps: int = Field(gt=0)
    """Inner steps that the run was asked for."""
    batch_tokens: int = Field(gt=0)
    """Global batch B over all replicas [tokens]."""
    sequence_length: int = Field(gt=0)
    """Tokens in a training sequence [tokens]."""
    device: RecordedDevice
    libraries: dict[str, str] = Field(default_factory=dict)
    """Versions of python, jax, ..."""
    seed: int = 0
    data: str = ""
    """Where the text came from and how it became tokens."""
    times: Literal["measured", "estimated"] = "measured"
    """`estimated`: nothing ran; seconds follow from counted flops at a stated utilisation of the device's peak."""
    utilization: float | None = Field(default=None, gt=0, le=1)
    """The utilisation that estimated seconds were made with; null where they were measured."""
    step_flop: float | None = Field(default=None, gt=0)
    """Flops of one inner step on one device, counted (attention over the sequence included) [flop]."""
    rule_flop: float | None = Field(default=None, gt=0)
    """The same by the rule of 6 flops a parameter and token [flop]."""
    memory: RecordedMemory | None = None
    """Memory of one device; null where the compiler did not say."""
    programs: tuple[RecordedProgram, ...] = ()
    """The compiled programs: flops, memory, and bytes of each collective by mesh axis."""
    timing: str = ""
    """How time was measured: which clock, what is in it and what is not."""
    command: str = ""
    """The command line that made the trace."""
    recorded_at: str = ""
    """When the run began (ISO 8601)."""


_Lines = BinaryIO | gzip.GzipFile
Record = Step | Exchange | OuterStep | RunSummary
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="record")])


class TraceWriter:
    """Appends a trace line by line; every line is flushed when `write` returns.

    Args:
      path: the file; compressed where its name ends in `.gz`.
      header: its first line.
      overwrite: whether a file that is there is replaced.
      resume_at: a place that `mark` gave, to cut the file there and go on without another header.

    Raises:
      InputError: the file exists (unless `overwrite`), is shorter than `resume_at`, or cannot be written.
    """

    def __init__(self, path: Path, header: Header, *, overwrite: bool = False, resume_at: int | None = None) -> None:
        self._compressed = path.suffix == ".gz"
        self._gzip: gzip.GzipFile | None = None
        if resume_at is not None:
            self._raw = _cut(path, resume_at)
            return
        try:
            self._raw = path.open("wb" if overwrite else "xb", buffering=0)
        except FileExistsError:
            raise InputError(f"{path}: is there already; give another --output, or --overwrite to replace it") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); give another --output") from None
        self.write(header)

    def mark(self) -> int:
        """Puts everything so far on the disk and gives the place at which a later writer may go on [byte]."""
        self._end_member()
        os.fsync(self._raw.fileno())
        return self._raw.tell()

    def write(self, record: Header | Record) -> None:
        """Appends one record."""
        line = (record.model_dump_json(exclude_none=False) + "\n").encode()
        if not self._compressed:
            self._raw.write(line)
            return
        self._gzip = self._gzip or gzip.GzipFile(fileobj=self._raw, mode="wb", mtime=0)
        self._gzip.write(line)
        self._gzip.flush()

    def _end_member(self) -> None:
        # another compressed stream may follow in the file
        if self._gzip is not None:
            self._gzip.close()
            self._gzip = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_member()
        self._raw.close()


def _cut(path: Path, length: int) -> FileIO:
    try:
        raw = path.open("r+b", buffering=0)
        if raw.seek(0, os.SEEK_END) >= length:
            raw.seek(raw.truncate(length))
            return raw
        raw.close()
    except FileNotFoundError:
        raise InputError(f"{path}: the trace to go on with is gone; begin again without --resume") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); check its permissions") from None
    raise InputError(f"{path}: is shorter than at its checkpoint ({length} bytes); begin again without --resume")


def read_header(path: Path) -> Header:
    """Reads the first line of a trace.

    Raises:
      InputError: not a trace, or of a schema version that this crosshaul does not read.
    """
    with _open(path) as lines:
        return _header(path, lines)


def read_records(path: Path) -> Iterator[Record]:
    """Streams the records behind the header, in file order, in bounded memory.

    Raises:
      InputError: a damaged or cut-off line, named by its number.
    """
    with _open(path) as lines:
        _header(path, lines)
        for number, line in _numbered(path, lines):
            try:
                yield _RECORD.validate_json(line)
            except ValidationError as error:
                raise InputError(_bad_line(path, number, line, error)) from None


def schema() -> dict[str, Any]:
    """The JSON schema of one line of a trace."""
    line: TypeAdapter[Any] = TypeAdapter(Annotated[Header | Record, Field(discriminator="record")])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a line of a trace",
        **line.json_schema(),
    }


@contextmanager
def _open(path: Path) -> Iterator[_Lines]:
    """The lines of a trace, unpacked where it is compressed (told by its first bytes, not its name)."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a directory; give the trace file inside it")
        raw = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such trace file; record one with record-trace") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    with raw:
        if raw.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked
        else:
            yield raw


def _numbered(path: Path, lines: _Lines) -> Iterator[tuple[int, bytes]]:
    number = 1
    try:
        for number, line in enumerate(lines, 2):
            yield number, line
    except (EOFError, OSError) as error:
        raise InputError(
            f"{path}:{number}: the compressed file is cut off or damaged ({error}); record it anew"
        ) from None


def _header(path: Path, lines: _Lines) -> Header:
    wanted = "give a file that record-trace wrote"
    try:
        first = lines.readline()
    except (EOFError, OSError) as error:
        raise InputError(f"{path}:1: not a readable gzip file ({error}); {wanted}") from None
    if not first.strip():
        raise InputError(f"{path}: the file is empty; {wanted}")
    try:
        data = json.loads(first)
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise InputError(f"{path}:1: not a trace (its first line is no JSON); {wanted}") from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputError(f'{path}:1: not a trace header (no "schema": "{SCHEMA}"); {wanted}')
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path}:1: schema_version: got {version!r}; this crosshaul reads version {SCHEMA_VERSION}: "
            "record the trace anew, or install the crosshaul that wrote it"
        )
    return validate(Header, data, source=f"{path}:1")


def _bad_line(path: Path, number: int, line: bytes, error: ValidationError) -> str:
    if not line.endswith(b"\n"):
        return f"{path}:{number}: the last line is cut off; delete it to use the {number - 1} lines before it"
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"{path}:{number}: a damaged line (not JSON); delete it or record the trace anew"
    field = ".".join(str(part) for part in first["loc"][1:]) or "record"
    message = f"{first['msg'][0].lower()}{first['msg'][1:]}"
    return f"{path}:{number}: {field}: {message}; delete the line or record the trace anew"
