"""The trace: the costs of a recorded training run, and the only interface between `trainer/` and the simulator.

A trace is a file of JSON lines (gzip if the name ends in `.gz`): a header, then one record for each inner step of a
replica, each outer step and each exchange, in the order of time, and a summary at the end of the run. It is written
append-only and flushed line by line, so a run that is killed leaves a readable file, compressed or not. It is read as a
stream, so a long one needs little memory. While a writer has it open, no other process can write to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, ValidationError

from ..documents.lock import claim, cut
from ..documents.validation import validate
from ..errors import InputError, brief, shortened
from .header import SCHEMA, SCHEMA_VERSION, UNKNOWN, Header
from .held_out import HeldOut, HeldOutCorpus, RecordedCorpus
from .lines import lines_of, opened
from .records import (
    Distribution,
    Exchange,
    FusedClock,
    OuterStep,
    RecordedCollective,
    RecordedDevice,
    RecordedExecution,
    RecordedMemory,
    RecordedModel,
    RecordedProgram,
    RunSummary,
    Step,
)

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "UNKNOWN",
    "Distribution",
    "Exchange",
    "FusedClock",
    "Header",
    "HeldOut",
    "HeldOutCorpus",
    "OuterStep",
    "Record",
    "RecordedCollective",
    "RecordedCorpus",
    "RecordedDevice",
    "RecordedExecution",
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

Record = Step | Exchange | OuterStep | HeldOut | RunSummary
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="record")])


class TraceWriter:
    """Appends a trace line by line; every line is in the file when `write` returns.

    Args:
      path: the file; it is compressed if its name ends in `.gz`.
      header: its first line.
      overwrite: whether an existing file is replaced.
      resume_at: a position from `mark`, at which the file is cut and continued without another header [byte].

    Raises:
      InputError: the file exists (unless `overwrite`), is shorter than `resume_at`, cannot be written, or another
        process writes to it. Then it is unchanged.
    """

    def __init__(self, path: Path, header: Header, *, overwrite: bool = False, resume_at: int | None = None) -> None:
        self._path = path
        self._compressed = path.suffix == ".gz"
        self._packer: Any = None
        self._digest = hashlib.sha256()
        if resume_at is not None:
            self._raw = cut(path, resume_at)
            self._raw.seek(0)
            self._digest = hashlib.file_digest(self._raw, "sha256")
            return
        try:
            self._raw = path.open("ab" if overwrite else "xb", buffering=0)
            claim(path, self._raw)
            if stat.S_ISREG(os.fstat(self._raw.fileno()).st_mode):
                self._raw.seek(self._raw.truncate(0))
        except FileExistsError:
            raise InputError(f"{path}: exists already; give another --output, or --overwrite to replace it") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); give another --output") from None
        self.write(header)

    def mark(self) -> int:
        """Syncs the file to the disk, and returns the position at which a later writer may continue [byte]."""
        self._end_member()
        try:
            os.fsync(self._raw.fileno())
            return self._raw.tell()
        except OSError as error:
            raise self._refused(error) from None

    def sha256(self) -> str:
        """Digest of everything in the file so far, hexadecimal."""
        return self._digest.hexdigest()

    def write(self, record: Header | Record) -> None:
        """Appends one record.

        Raises:
          InputError: it cannot be written; the file ends with the record before.
        """
        line = (record.model_dump_json(exclude_none=False) + "\n").encode()
        if self._compressed:
            self._packer = self._packer or zlib.compressobj(9, wbits=31)
            line = self._packer.compress(line) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        self._append(line)

    def _append(self, content: bytes) -> None:
        """Writes all of the content, also in several parts; or nothing."""
        left = memoryview(content)
        try:
            while left:
                left = left[self._raw.write(left) or 0 :]
        except OSError as error:
            self._packer = None  # its stream would lack the content
            written = len(content) - len(left)
            if written:
                self._raw.truncate(self._raw.tell() - written)
            raise self._refused(error) from None
        self._digest.update(content)

    def _refused(self, error: OSError) -> InputError:
        return InputError(
            f"{self._path}: cannot be written ({error.strerror}); it holds the steps so far: make room, and continue "
            "with --resume if there are checkpoints"
        )

    def _end_member(self) -> None:
        # another compressed stream may follow in the file
        if self._packer is not None:
            end = self._packer.flush()
            self._packer = None
            self._append(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end_member()
        finally:
            self._raw.close()


def read_header(path: Path) -> Header:
    """Reads the first line of a trace.

    Raises:
      InputError: it is not a trace, or of a schema version that this crosshaul does not read.
    """
    with opened(path) as stream:
        return _header(path, lines_of(path, stream))


def read_records(path: Path, until: int | None = None) -> Iterator[Record]:
    """Streams the records after the header, in file order, in bounded memory.

    Args:
      path: the trace.
      until: the position from `mark` at which to stop; None: the end [byte].

    Raises:
      InputError: a line is damaged or cut off; the message names its number.
    """
    with opened(path, until) as stream:
        lines = lines_of(path, stream)
        _header(path, lines)
        for number, line in lines:
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


def _header(path: Path, lines: Iterator[tuple[int, bytes]]) -> Header:
    wanted = "give a file that record-trace wrote, or make one of a log with simulate import"
    _, first = next(lines, (1, b""))
    if not first.strip():
        raise InputError(f"{path}: the file is empty, or its first line is; {wanted}")
    try:
        data = json.loads(first)
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise InputError(f"{path}:1: not a trace (its first line is not JSON); {wanted}") from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputError(f'{path}:1: not a trace header (no "schema": "{SCHEMA}"); {wanted}')
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path}:1: schema_version: got {brief(version)}; this crosshaul reads version {SCHEMA_VERSION}: "
            "record the trace anew, or install the crosshaul that wrote it"
        )
    return validate(Header, data, source=f"{path}:1")


def _bad_line(path: Path, number: int, line: bytes, error: ValidationError) -> str:
    if not line.endswith(b"\n"):
        before = f"to use the {number - 1} lines before it"
        how = f"zcat {path} | head -n {number - 1} > whole.jsonl," if path.suffix == ".gz" else "delete it"
        return f"{path}:{number}: the last line is cut off; {how} {before}"
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"{path}:{number}: a damaged line (not JSON); delete it or record the trace anew"
    field = ".".join(shortened(str(part)) for part in first["loc"][1:]) or "record"
    message = f"{first['msg'][0].lower()}{first['msg'][1:]}"
    if first["type"] == "union_tag_invalid":
        message = f"got {brief(first['ctx']['tag'])}, which is not a kind of record"
    return f"{path}:{number}: {field}: {message}; delete the line or record the trace anew"
