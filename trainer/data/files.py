"""Documents from the user's own files: plain text, JSON lines, Parquet; compressed or not; folders and patterns.

A document is a text file, or the field `text` of a JSON line or of a Parquet row, as in C4 and Dolma. Files are read as
streams, in the order of their names, so a corpus may be larger than memory.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from sim.errors import InputError
from sim.units.in_words import human_bytes

FIELD = "text"
_TEXT = (".txt",)
_LINES = (".jsonl", ".ndjson", ".json")
_PARQUET = (".parquet",)
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_KNOWN = (*_TEXT, *_LINES, *_PARQUET)
_MAX_TEXT_CHARACTERS = 256_000_000
"""The largest text file; it is one document, and is held in memory as a whole."""
MAX_LINE_CHARACTERS = 64_000_000
"""The longest line of a file of lines, which is held in memory, too; those of C4 and Dolma have up to a fiftieth."""
MAX_PACKED = 200
"""The largest ratio of an unpacked row group to its Parquet file; 10 is already high for language."""
MAX_PART_BYTES = 2**28
"""Row groups that unpack to no more than this are exempt from that ratio [byte]."""
_BLOCK_BYTES = 2**20
_ROWS = 64
"""Rows of a Parquet file that are read at a time; fewer where they may be long."""


def find_files(spec: str) -> list[Path]:
    """The files of a path: the file itself, those in a folder, or those that match a pattern.

    Args:
      spec: a file, a folder (searched to any depth for files with a known ending), or a pattern with `*`, `?` or `[`.

    Raises:
      InputError: there are no such files.
    """
    path = expanded(spec, f"--corpus {spec}")
    endings = f"{', '.join(_KNOWN)}, each also with {', '.join(_COMPRESSED)}"
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if _kind(file) in _KNOWN and file.is_file())
        if not found:
            raise InputError(f"--corpus {spec}: the folder holds no text ({endings}); put text there, or give one file")
        return found
    if path.is_file():
        return [path]
    if path.exists():
        raise InputError(f"--corpus {spec}: a device or a pipe, and a text is read more than once; save it to a file")
    if any(mark in spec for mark in "*?["):
        anchor = Path(path.anchor)
        found = sorted(file for file in anchor.glob(str(path.relative_to(anchor))) if file.is_file())
        if not found:
            raise InputError(f"--corpus {spec}: no file matches; try the pattern with ls")
        return found
    raise InputError(
        f"--corpus {spec}: there is no such file or folder; "
        "write auto, packages, docstrings, c4, dolma, or the path of a text"
    )


def expanded(spec: str, what: str) -> Path:
    """A path as a user writes it, with `~` for the home directory.

    Args:
      spec: the path.
      what: option and path, for an error message.

    Raises:
      InputError: the path cannot exist or cannot be read.
    """
    try:
        path = Path(spec).expanduser()
        path.stat()
    except FileNotFoundError:
        return path
    except PermissionError as error:
        raise InputError(f"{what}: cannot be read ({error.strerror}); check its permissions") from None
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise InputError(f"{what}: cannot be read ({error.strerror}); write another path") from None
        return path
    except RuntimeError:
        raise InputError(f"{what}: there is no such user; write the path in full") from None
    except ValueError as error:
        raise InputError(f"{what}: not a path ({error}); write another one") from None
    return path


def digest_files(paths: Sequence[Path]) -> str:
    """Hash of the content of files and of the way in which each is read, hexadecimal; names of folders do not count.

    Raises:
      InputError: a file cannot be read.
    """
    whole = hashlib.sha256()
    for path in paths:
        part = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    part.update(block)
        except OSError as error:
            raise _unreadable(path, error) from None
        whole.update(f"{_kind(path)} {_compression(path)} {part.hexdigest()}\n".encode())
    return whole.hexdigest()


def read_files(paths: Sequence[Path]) -> Iterator[str]:
    """The documents of files, in order.

    Raises:
      InputError: a file cannot be read, or its content does not fit its ending.
    """
    for path in paths:
        try:
            yield from _read(path)
        except UnicodeDecodeError as error:
            raise InputError(f"--corpus {path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
        except damages() as error:
            raise InputError(f"--corpus {path}: damaged or cut short ({error}); fetch it again") from None
        except MemoryError:
            raise InputError(f"--corpus {path}: there is not enough memory to unpack it; compress it less") from None
        except OSError as error:
            raise _unreadable(path, error) from None


def _read(path: Path) -> Iterator[str]:
    kind = _kind(path)
    if kind in _PARQUET:
        yield from _rows(path)
        return
    with opened(path) as binary, io.TextIOWrapper(cast(IO[bytes], binary), encoding="utf-8") as file:
        if kind in _LINES:
            yield from _json_lines(path, file)
        else:
            text = file.read(_MAX_TEXT_CHARACTERS + 1)
            if len(text) > _MAX_TEXT_CHARACTERS:
                limit = f"{_MAX_TEXT_CHARACTERS:,} characters"
                raise InputError(f"--corpus {path}: larger than {limit}; split it into several files, or use .jsonl")
            yield text


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _compression(path: Path) -> str:
    suffix = path.suffix.lower()
    return suffix if suffix in _COMPRESSED else ""


def opened(path: Path) -> Any:
    """The bytes of a file, decompressed by its ending; reading them may raise OSError or one of `damages`."""
    match _compression(path):
        case ".gz":
            return gzip.open(path, "rb")
        case ".bz2":
            return bz2.open(path, "rb")
        case ".xz":
            return lzma.open(path, "rb")
        case ".zst":
            return _zstandard(path)
        case _:
            return path.open("rb")


def _zstandard(path: Path) -> Any:
    try:
        import zstandard
    except ModuleNotFoundError:
        raise _missing(path, "zstandard") from None

    # parallel compressors write many frames; all of them must be read
    return zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True, closefd=True)


def damages() -> tuple[type[Exception], ...]:
    """The exceptions that decompressors raise for damaged files."""
    try:
        import zstandard
    except ModuleNotFoundError:
        return (EOFError, lzma.LZMAError, zlib.error)
    return (EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError)


def bounded_lines(path: Path, file: IO[str]) -> Iterator[str]:
    """The lines of a file, each of bounded length, so that a highly compressed line cannot fill the memory.

    Raises:
      InputError: a line is too long.
    """
    while line := file.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS and not line.endswith("\n"):
            limit = f"{MAX_LINE_CHARACTERS:,} characters"
            raise InputError(f"{path}: has a line of more than {limit}; write one document on each line")
        yield line


def _json_lines(path: Path, lines: IO[str]) -> Iterator[str]:
    for number, line in enumerate(bounded_lines(path, lines), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):  # the latter for deeply nested brackets
            raise InputError(
                f"--corpus {path}:{number}: not JSON; write one object on each line, or delete that line"
            ) from None
        if not isinstance(record, dict) or not isinstance(record.get(FIELD), str):
            raise InputError(f'--corpus {path}:{number}: has no "{FIELD}"; write {{"{FIELD}": "..."}} on each line')
        yield record[FIELD]


def _rows(path: Path) -> Iterator[str]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise _missing(path, "pyarrow") from None

    try:
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BLOCK_BYTES) as file:
            names = file.schema_arrow.names
            kind = file.schema_arrow.field(FIELD).type if FIELD in names else None
            if kind not in (pyarrow.string(), pyarrow.large_string()):
                has = f"has the columns {', '.join(names)}" if kind is None else f"holds {kind} in {FIELD}"
                raise InputError(f'--corpus {path}: {has}; give the documents as a column "{FIELD}" of strings')
            for group in range(file.num_row_groups):
                size = _unpacked_bytes(path, file.metadata.row_group(group))
                # a dictionary-encoded text may be as large as the whole row group, and each row may repeat it
                rows = max(1, min(_ROWS, MAX_PART_BYTES // max(size, 1)))
                for batch in file.iter_batches(rows, row_groups=[group], columns=[FIELD]):
                    yield from _bounded(path, (text or "" for text in batch.column(0).to_pylist()))
    except (pyarrow.ArrowException, OverflowError) as error:
        raise InputError(f"--corpus {path}: not Parquet, or damaged ({error}); fetch it again") from None


def _unpacked_bytes(path: Path, group: Any) -> int:
    """Unpacked bytes of a row group; refuses a compression ratio that no language reaches."""
    size, packed = int(group.total_byte_size), path.stat().st_size  # a damaged column's own figures may end Python
    if size > MAX_PART_BYTES and size > MAX_PACKED * packed:
        raise InputError(
            f"--corpus {path}: a row group unpacks to {human_bytes(size)}, more than {MAX_PACKED} times the file; "
            f"write groups of at most {human_bytes(MAX_PART_BYTES)}, or .jsonl.zst"
        )
    return size


def _bounded(path: Path, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if len(text) > MAX_LINE_CHARACTERS:
            limit = f"{MAX_LINE_CHARACTERS:,} characters"
            raise InputError(f"--corpus {path}: has a row of more than {limit}; write one document in each row")
        yield text


def _missing(path: Path, package: str) -> InputError:
    return InputError(f"{path}: reading it needs {package}; pip install 'crosshaul[files]'")


def _unreadable(path: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    return InputError(f"--corpus {path}: cannot be read ({reason}); check its permissions, or fetch it again")
