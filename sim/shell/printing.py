"""What a command says: results on standard output, words for people on standard error; nobody may be there to read."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from ..errors import InputError, printable


def print_out(text: str) -> None:
    """Writes to standard output; a reader that has seen enough (`| head`) is no fault.

    Raises:
      InputError: standard output is closed, or has no room.
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
    """Sends what is left for standard output nowhere, so that the interpreter does not fail on it once more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def tell(text: str, *, red: bool = False) -> None:
    """A line for people on standard error."""
    if sys.stderr is None:
        return
    coloured = red and sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    line = printable(text)
    with suppress(OSError, ValueError):
        line = line.encode(sys.stderr.encoding or "ascii", "backslashreplace").decode(sys.stderr.encoding or "ascii")
        sys.stderr.write(f"\x1b[31m{line}\x1b[0m\n" if coloured else f"{line}\n")
        sys.stderr.flush()
