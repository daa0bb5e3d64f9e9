"""Printing: results to standard output, messages to standard error; both may be closed."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from ..errors import InputError, printable


def print_out(text: str) -> None:
    """Writes to standard output; a reader that stops early (`| head`) is no error.

    Raises:
      InputError: standard output is closed, or cannot be written.
    """
    if sys.stdout is None:
        raise InputError("standard output is closed; leave it open, or send it to a file")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
    except OSError as error:
        abandon_stdout()
        raise InputError(f"standard output cannot be written ({error.strerror}); write to another place") from None


def abandon_stdout() -> None:
    """Redirects standard output to the null device, so that the interpreter does not fail on it again at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def tell(text: str, *, red: bool = False) -> None:
    """Prints a message to standard error."""
    if sys.stderr is None:
        return
    coloured = red and sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    line = printable(text)
    with suppress(OSError, ValueError):
        line = line.encode(sys.stderr.encoding or "ascii", "backslashreplace").decode(sys.stderr.encoding or "ascii")
        sys.stderr.write(f"\x1b[31m{line}\x1b[0m\n" if coloured else f"{line}\n")
        sys.stderr.flush()
