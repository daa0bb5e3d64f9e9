"""A cache in the user's cache directory, for files that are slow to make and always the same."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_directory() -> Path:
    """`crosshaul` under XDG_CACHE_HOME, or under ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "crosshaul"


def cached(name: str, make: Callable[[], bytes]) -> bytes:
    """Returns the cached file; makes it first if it is missing.

    The name must hold everything on which the content depends (as a hash). The file is written atomically, so that two
    processes at once, or a killed one, leave no partial file. A directory that cannot be written is no error: nothing
    is kept then.

    Args:
      name: file name in the cache directory.
      make: makes the content.

    Returns:
      The content.
    """
    try:
        return (cache_directory() / name).read_bytes()
    except OSError:
        content = make()
    keep(name, content)
    return content


def keep(name: str, content: bytes) -> bool:
    """Writes a file of the cache atomically; returns whether it was written."""
    path = cache_directory() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{name}.")
    except OSError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        return False
    return True
