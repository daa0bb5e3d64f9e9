"""Where results go: standard output, or a file that is written whole or not at all."""

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
"""Files that stand for what the process has open already, process substitution among them."""


_PATIENCE_S = 5.0
"""For the reader of a pipe: without one, opening it would wait for ever."""


def deliver(text: str, output: Path | None) -> None:
    """Writes a result to the file asked for, or prints it.

    Raises:
      InputError: it cannot be written there, or the file is one that the result was made from.
    """
    if output is None:
        print_out(text)
        return
    if was_read(output):
        _refuse_input(output)
    write_atomically(output, text)
    tell(f"wrote {output}")


def check_writable(path: Path, *inputs: Path | str | None) -> None:
    """Says before the work begins that a result could not be written, or that it would replace what it is made from.

    Args:
      path: where the result shall go.
      inputs: files that are read, or names.

    Raises:
      InputError: the path is a directory, one of the inputs, or it or its folder is missing or not writable.
    """
    if _DESCRIPTOR.fullmatch(str(path)):
        return
    try:
        real = path.resolve()  # a link is followed, as by every other program
        if real.is_dir():
            raise InputError(f"--output {path}: is a directory; give a file name inside it")
        if not real.parent.is_dir():
            raise InputError(f"--output {path}: there is no folder {real.parent}; make it first")
        if not os.access(real if real.exists() else real.parent, os.W_OK):
            raise InputError(f"--output {path}: may not be written; choose another place")
    except (OSError, RuntimeError) as error:  # a name that is too long; links that go round in circles
        raise InputError(f"--output {path}: cannot be written ({error}); choose another place") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"--output {path}: no file can have this name; choose another") from None
    if any(given is not None and _is_same_file(real, given) for given in inputs):
        _refuse_input(path)


def _is_same_file(path: Path, other: Path | str) -> bool:
    with suppress(OSError, ValueError):
        return path.is_file() and path.samefile(other)
    return False


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that a reader sees the old one or the whole new one.

    Links are followed, and mode and owner stay. What is no regular file (a device, a pipe) is written to and never
    replaced; so is a file that has other names, too, or that only its owner may own: these are written in place.

    Raises:
      InputError: the file system refuses.
    """
    data = text.encode("utf-8", "backslashreplace")
    try:
        if found := _DESCRIPTOR.fullmatch(str(path)):
            number = {"stdout": 1, "stderr": 2}.get(found["name"] or "") or int(found["number"])
            with os.fdopen(os.dup(number), "wb") as file:
                file.write(data)
        elif not _replaced(path.resolve(), data):
            with os.fdopen(_opened(path), "wb") as file:
                file.write(data)
    except BrokenPipeError:
        return  # its reader has seen enough
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"--output {path}: cannot be written ({reason}); choose another place") from None


def _opened(path: Path) -> int:
    """Opens what is there already to write; a pipe's reader may come a little later than we do."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > until:
                raise InputError(f"--output {path}: nobody reads from this pipe; start its reader first") from None
            time.sleep(0.05)
            continue
        os.set_blocking(handle, True)
        return handle


def _replaced(path: Path, data: bytes) -> bool:
    """Writes beside a regular file and renames; False where that would lose what the file is."""
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
        Path(name).unlink(missing_ok=True)  # gone already if all went well
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


def _refuse_input(path: Path) -> NoReturn:
    raise InputError(f"--output {path}: is a file that the result is made from; choose another place")
