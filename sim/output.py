"""Where results go: standard output, or a file that is written whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from enum import StrEnum
from pathlib import Path

from .errors import InputError


class Format(StrEnum):
    """Renderers by name."""

    table = "table"
    json = "json"
    csv = "csv"


def deliver(text: str, output: Path | None) -> None:
    """Writes a result to the file asked for, or prints it."""
    if output is None:
        print_out(text)
        return
    write_atomically(output, text)
    sys.stderr.write(f"wrote {output}\n")


def print_out(text: str) -> None:
    """Writes to standard output; a reader that has seen enough (`| head`) is no fault."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_writable(path: Path) -> None:
    """Says before the work begins that a result could not be written.

    Raises:
      InputError: the path is a directory, or its folder is missing or not writable.
    """
    if path.is_dir():
        raise InputError(f"--output {path}: is a directory; give a file name inside it")
    if not path.parent.is_dir():
        raise InputError(f"--output {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise InputError(f"--output {path}: may not be written; choose another place")


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that a reader sees the old one or the whole new one.

    Raises:
      InputError: the file system refuses.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except OSError as error:
        raise InputError(f"--output {path}: cannot be written ({error.strerror}); choose another place") from None
