"""The lines of a trace: decompressed, numbered, and of bounded length."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    Stream = io.BufferedReader[Any] | gzip.GzipFile

MAX_LINE_BYTES = 2**24
"""The longest line that is accepted; the header of a model with a hundred fragments has a fiftieth of it [byte]."""
_BLOCK_BYTES = 2**16


@contextmanager
def opened(path: Path, until: int | None = None) -> Iterator[Stream]:
    """The bytes of a trace, decompressed if its first bytes (and not its name) say that it is compressed."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a directory; give the trace file inside it")
        raw = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such trace file; record one with record-trace") from None
    except (OSError, ValueError) as error:  # the latter for a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); check its name and permissions") from None
    with raw:
        part = raw if until is None else io.BufferedReader(_Beginning(raw, until))
        if part.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=part) as unpacked:
                yield unpacked
        else:
            yield part


class _Beginning(io.RawIOBase):
    """A file of the first bytes of another file."""

    def __init__(self, file: io.BufferedReader, length: int) -> None:
        self._file, self._left = file, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        content = self._file.read(min(len(view), self._left))
        view[: len(content)] = content
        self._left -= len(content)
        return len(content)


def lines_of(path: Path, stream: Stream) -> Iterator[tuple[int, bytes]]:
    """The lines of a trace with their numbers; the last line may be incomplete.

    A compressed file without its end comes from a killed run; its content is read.
    """
    number, rest, block = 1, b"", b"-"
    while block:
        try:
            block = stream.read1(_BLOCK_BYTES)
        except EOFError:
            block = b""
        except (OSError, zlib.error) as error:
            raise InputError(f"{path}:{number}: cannot be read or is damaged ({error}); record it anew") from None
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield number, line + b"\n"
            number += 1
        if len(rest) > MAX_LINE_BYTES:
            raise InputError(
                f"{path}:{number}: a line of more than {MAX_LINE_BYTES >> 20} MB, too long for a trace; give a file "
                "that record-trace wrote"
            )
    if rest:
        yield number, rest
