"""Locks on files, for one writer at a time; a lock ends with its process, also if that is killed."""

from __future__ import annotations

import os
import sys
from io import FileIO
from pathlib import Path

from ..errors import InputError

if sys.platform != "win32":
    import fcntl


def lock(handle: int) -> bool:
    """Takes the lock of an open file until it is closed.

    Args:
      handle: its descriptor.

    Returns:
      Whether this process holds the lock now; False if another process does.

    Limits: on Windows, and on file systems without locks (Lustre without `-o flock`), every process gets it.
    """
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def claim(path: Path, file: FileIO) -> None:
    """Makes sure that no other process writes to an open file until it is closed.

    Raises:
      InputError: another process does; the file is closed, and unchanged.
    """
    if not lock(file.fileno()):
        file.close()
        raise InputError(f"{path}: another record-trace is writing to it; wait for its end, or give another --output")


def cut(path: Path, length: int) -> FileIO:
    """Opens a file with a lock, cuts it to its first bytes, and returns it for writing after these.

    Raises:
      InputError: it is gone or shorter than that, or another process writes to it; it is unchanged.
    """
    try:
        raw = path.open("r+b", buffering=0)
        claim(path, raw)
        if raw.seek(0, os.SEEK_END) >= length:
            raw.seek(raw.truncate(length))
            return raw
        raw.close()
    except FileNotFoundError:
        raise InputError(f"{path}: the trace of the run is gone; begin again without --resume") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); check its permissions") from None
    raise InputError(f"{path}: is shorter than at its checkpoint ({length} bytes); begin again without --resume")
