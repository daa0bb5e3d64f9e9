"""Checks of the trace file before a run: whether it can be written, and whether a resumed run may continue it."""

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

_MAY_DIFFER = {
    *("libraries", "command", "recorded_at", "device", "step_flop", "memory", "programs", "shards", "timing", "fused"),
}
"""Fields of a header that may differ when a run is resumed; the check of the configuration covers those that matter."""


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Makes sure before any long work that the trace can be written; leaves the path as it was.

    Raises:
      InputError: it cannot be written, or exists and must not be overwritten.
    """
    try:
        if path.is_dir():
            raise InputError(f"--output {path}: is a directory; give a file name inside it")
        if not path.exists():
            tempfile.TemporaryFile(dir=path.parent).close()  # not the file itself: another run may be creating it
            return
        if overwrite:
            os.close(os.open(path, os.O_WRONLY))
            return
    except OSError as error:
        raise InputError(f"--output {path}: cannot be written ({error.strerror}); give another path") from None
    raise InputError(f"--output {path}: exists already; give another name, or --overwrite to replace it")


def open_trace(
    output: Path, header: Header, found: Checkpoint | None, checkpoints: Checkpoints | None, *, overwrite: bool
) -> TraceWriter | None:
    """A writer of a new trace, or of the trace that a resumed run continues; None in a process that writes no trace."""
    if not is_first():
        return None
    if found is not None:
        check_trace(output, header, found)
    resume_at = found.facts["trace_bytes"] if found else None
    replaced = overwrite or _replaces(checkpoints, output, header)
    return TraceWriter(output, header, overwrite=replaced, resume_at=resume_at)


def _replaces(checkpoints: Checkpoints | None, output: Path, header: Header) -> bool:
    """Whether an existing trace is from this run, which was killed before its first checkpoint."""
    if checkpoints is None or not checkpoints.resume or not output.is_file():
        return False
    if output.stat().st_size == 0:
        return True
    try:
        there = read_header(output)
    except InputError:
        return False
    return _fixed(there) == _fixed(header)


def _fixed(header: Header) -> dict[str, Any]:
    """The fields of a header that stay the same when a run is resumed."""
    return header.model_dump(exclude=_MAY_DIFFER)


def check_trace(output: Path, header: Header, found: Checkpoint) -> None:
    """Makes sure that a trace belongs to a checkpoint; nothing is written to it.

    Args:
      output: the trace.
      header: the header of the resumed run.
      found: the checkpoint from which it resumes.

    Raises:
      InputError: the file is not a trace, belongs to another run, or has changed since the checkpoint.
    """
    length = found.facts["trace_bytes"]
    if not output.exists():
        raise InputError(f"{output}: the trace of the run is gone; begin again without --resume")
    other = f"{output} is the trace of another run"
    try:
        there, own = _fixed(read_header(output)), _fixed(header)
        for key in own:
            if own[key] != there[key]:
                raise InputError(f"{other} ({key}: {there[key]!r} there, {own[key]!r} here)")
        if output.stat().st_size < length:
            raise InputError(f"{output} is shorter than at its checkpoint ({length} bytes)")
        last = _last_step(output, length)
        if last != found.step:
            raise InputError(f"{other} (its last step is {last}, and that of {found.path} is {found.step})")
        digest = found.facts.get("trace_sha256")  # older checkpoints have none
        if digest is not None and digest != _sha256(output, length):
            raise InputError(f"{output} has changed since {found.path} was saved")
    except InputError as error:
        raise InputError(
            f"--resume: {error}; nothing was changed: give the --output of the run in {found.path.parent}, or begin "
            "again without --resume, with another --output and --checkpoint"
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
