"""The trace file of a run before its first line: whether it can be written, and whether it is the one to go on with."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.trace.file import Header, Step, TraceWriter, read_header, read_records

from ..parallel.processes import is_first
from ..training.checkpoint import Checkpoint
from ..training.resume import Checkpoints

_OF_ITS_OWN = {"libraries", "command", "recorded_at", "device", "step_flop", "memory", "programs", "shards", "timing"}
"""What a header may say otherwise when a run is gone on with; the configuration says what counts of it."""


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Finds out before any long work whether the trace can be written; leaves the path as it was.

    Raises:
      InputError: it cannot, or it would overwrite a file.
    """
    try:
        if path.is_dir():
            raise InputError(f"--output {path}: is a directory; give a file name inside it")
        if not path.exists():
            tempfile.TemporaryFile(dir=path.parent).close()  # not the file itself, which another run may make just now
            return
        if overwrite:
            os.close(os.open(path, os.O_WRONLY))
            return
    except OSError as error:
        raise InputError(f"--output {path}: cannot be written ({error.strerror}); give another path") from None
    raise InputError(f"--output {path}: is there already; give another name, or --overwrite to replace it")


def open_trace(
    output: Path, header: Header, found: Checkpoint | None, checkpoints: Checkpoints | None, *, overwrite: bool
) -> TraceWriter | None:
    """The trace to write, or to go on with; None in a process that writes none."""
    if not is_first():
        return None
    if found is not None:
        check_trace(output, header, found)
    resume_at = found.facts["trace_bytes"] if found else None
    replaced = overwrite or _replaces(checkpoints, output, header)
    return TraceWriter(output, header, overwrite=replaced, resume_at=resume_at)


def _replaces(checkpoints: Checkpoints | None, output: Path, header: Header) -> bool:
    """Whether a trace that is there is what this run left behind when it was killed before its first checkpoint."""
    if checkpoints is None or not checkpoints.resume or not output.is_file():
        return False
    if output.stat().st_size == 0:
        return True
    try:
        there = read_header(output)
    except InputError:
        return False
    return _said(there) == _said(header)


def _said(header: Header) -> dict[str, Any]:
    """What the header of a run says whenever it is begun or gone on with."""
    return header.model_dump(exclude=_OF_ITS_OWN)


def check_trace(output: Path, header: Header, found: Checkpoint) -> None:
    """Makes sure that a trace is the one to go on with; nothing is written to it.

    Args:
      output: the trace.
      header: the first line of the run.
      found: the checkpoint to go on from.

    Raises:
      InputError: it is no trace, or another run's, or not what it was at the checkpoint.
    """
    length = found.facts["trace_bytes"]
    if not output.exists():
        raise InputError(f"{output}: the trace to go on with is gone; begin again without --resume")
    other = f"{output} is the trace of another run"
    try:
        there, own = _said(read_header(output)), _said(header)
        for key in own:
            if own[key] != there[key]:
                raise InputError(f"{other} ({key}: {there[key]!r} there, {own[key]!r} here)")
        if output.stat().st_size < length:
            raise InputError(f"{output} is shorter than at its checkpoint ({length} bytes)")
        last = _last_step(output, length)
        if last != found.step:
            raise InputError(f"{other} (step {last} stands where {found.path} says step {found.step})")
        digest = found.facts.get("trace_sha256")  # older checkpoints have none
        if digest is not None and digest != _sha256(output, length):
            raise InputError(f"{output} is not the trace that {found.path} was saved beside")
    except InputError as error:
        raise InputError(
            f"--resume: {error}; it is left as it is: give the --output of the run in {found.path.parent}, or begin "
            "again without --resume, with other names"
        ) from None


def _last_step(trace: Path, until: int) -> int:
    last = 0
    for record in read_records(trace, until):
        if isinstance(record, Step) and not record.warmup:
            last = record.step
    return last


def _sha256(path: Path, length: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while length and (block := file.read(min(length, 2**20))):
            digest.update(block)
            length -= len(block)
    return digest.hexdigest()
