"""Delivery of results: to standard output, or to a file that is written atomically."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ..documents.reading import was_read
from ..errors import InputError
from .printing import print_out, tell

_DESCRIPTOR = re.compile(r"/dev/(?P<name>stdout|stderr)|(?:/dev/fd|/proc/self/fd)/(?P<number>[0-9]{1,6})")
"""Paths that name an open file descriptor of the process, among them those of process substitution."""


_PATIENCE_S = 5.0
"""Time for which a named pipe without a reader is tried; opening it would block for ever [s]."""


def deliver(text: str | bytes, output: Path | None) -> None:
    """Writes a result to the file asked for, or prints it; what is no text only goes into files.

    Raises:
      InputError: as for `deliver_file`.
    """
    if output is None:
        if isinstance(text, str):
            print_out(text)
        return
    deliver_file(text, output)
    tell(f"wrote {output}")


def deliver_file(content: str | bytes, path: Path, option: str = "--output") -> None:
    """Writes a result to a file.

    Args:
      content: the result.
      path: the file.
      option: what named it, for messages.

    Raises:
      InputError: the file cannot be written, or the result was made from it.
    """
    if was_read(path):
        _refuse_input(path, option)
    write_atomically(path, content, option)


def check_writable(path: Path, *inputs: Path | str | None, option: str = "--output") -> None:
    """Refuses a path to which the result could not be written, or which is an input; called before the work begins.

    Args:
      path: the path of the result.
      inputs: files that are read, or names.
      option: what named the path, for messages.

    Raises:
      InputError: the path is a directory or one of the inputs, its folder is missing, or it is not writable.
    """
    if _DESCRIPTOR.fullmatch(str(path)):
        return
    try:
        real = path.resolve()  # links are followed
        if real.is_dir():
            raise InputError(f"{option} {path}: is a directory; give a file name inside it")
        if not real.parent.is_dir():
            raise InputError(f"{option} {path}: there is no folder {real.parent}; make it first")
        if not os.access(real if real.exists() else real.parent, os.W_OK):
            raise InputError(f"{option} {path}: there is no permission to write it; choose another place")
    except (OSError, RuntimeError) as error:  # the name is too long, or links form a loop
        raise InputError(f"{option} {path}: cannot be written ({error}); choose another place") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{option} {path}: no file can have this name; choose another") from None
    if any(given is not None and _is_same_file(real, given) for given in inputs):
        _refuse_input(path, option)


def _is_same_file(path: Path, other: Path | str) -> bool:
    with suppress(OSError, ValueError):
        return path.is_file() and path.samefile(other)
    return False


def write_atomically(path: Path, text: str | bytes, option: str = "--output") -> None:
    """Writes a file so that a reader sees either the old content or the whole new one.

    Links are followed, and mode and owner stay the same. A device or a pipe is written to and never replaced. A file
    with further hard links, and one whose owner cannot be restored, is written in place.

    Args:
      path: the file.
      text: what it shall hold.
      option: what named the path, for messages.

    Raises:
      InputError: the file cannot be written.
    """
    data = text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
    try:
        if found := _DESCRIPTOR.fullmatch(str(path)):
            number = {"stdout": 1, "stderr": 2}.get(found["name"] or "") or int(found["number"])
            with os.fdopen(os.dup(number), "wb") as file:
                file.write(data)
        elif not _replaced(path.resolve(), data):
            with os.fdopen(_opened(path, option), "wb") as file:
                file.write(data)
    except BrokenPipeError:
        return  # the reader has closed the pipe
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{option} {path}: cannot be written ({reason}); choose another place") from None


def _opened(path: Path, option: str) -> int:
    """Opens an existing file for writing; the reader of a pipe may open it a little later."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > until:
                raise InputError(f"{option} {path}: nobody reads from this pipe; start its reader first") from None
            time.sleep(0.05)
            continue
        os.set_blocking(handle, True)
        return handle


def _replaced(path: Path, data: bytes) -> bool:
    """Writes a temporary file and renames it; False if that would lose hard links, the owner or the file's kind."""
    before = path.stat() if path.exists() else None
    if before and (not stat.S_ISREG(before.st_mode) or before.st_nlink > 1 or not os.access(path.parent, os.W_OK)):
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".crosshaul-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if before and not _owned_alike(handle, before):
                return False
            os.fchmod(handle, stat.S_IMODE(before.st_mode) if before else 0o666 & ~_umask())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)  # missing after the rename
    return True


def _owned_alike(handle: int, before: os.stat_result) -> bool:
    now = os.fstat(handle)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(handle, before.st_uid, before.st_gid)
        except PermissionError:
            return False
    return True


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _refuse_input(path: Path, option: str) -> NoReturn:
    raise InputError(f"{option} {path}: the result is made from this file; choose another place")
