"""Files and YAML as plain data: bounded in size, and every mistake named by file and line.

YAML is 1.2 (`1e-3` is a number, `no` is text), loaded safely; a duplicate key is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from ..errors import InputError

MOST_BYTES = 64 << 20
"""Of a file that is read as a whole: a measured bandwidth of some million points."""
MOST_YAML_BYTES = 4 << 20
"""Of a YAML document: some ten thousand links, written out."""
MOST_COPIES = 100_000
"""Values that the aliases of a document may add to it."""


_READ: ContextVar[set[tuple[int, int]] | None] = ContextVar("_READ", default=None)
"""Device and number of every regular file that the command at work has read; None where there is no command."""


@contextmanager
def noting_reads() -> Iterator[None]:
    """Notes which files are read, so that none of them is overwritten with what was made from it."""
    before = _READ.set(set())
    try:
        yield
    finally:
        _READ.reset(before)


def note_read(path: Path) -> None:
    """Notes that a file is read, by whatever name."""
    read = _READ.get()
    with suppress(OSError, ValueError):
        if read is not None and path.is_file():
            read.add(_identity(path))


def was_read(path: Path) -> bool:
    """Whether a file has been read, by whatever name."""
    with suppress(OSError, ValueError):
        return _identity(path) in (_READ.get() or ())
    return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def exists(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have has none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_text(path: Path, what: str, most_bytes: int = MOST_BYTES) -> str:
    """Reads a text file, or says in one line why it cannot be read.

    Args:
      path: the file.
      what: it should be, for messages.
      most_bytes: what is read at the most; a device may have no end.

    Raises:
      InputError: missing, a directory, not permitted, not text, empty, or far too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such {what} file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory; give the {what} file inside it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its name and its permissions") from None
    except ValueError:  # a zero byte, or half a character
        raise InputError(f"{path}: no file can have this name; check the path") from None
    note_read(path)
    if len(data) > most_bytes:
        raise InputError(f"{path}: is larger than {most_bytes >> 20} MiB, as no {what} is; check the path")
    try:
        text = data.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file (byte {error.start} is not UTF-8); give a {what} as text") from None
    if not text.strip():
        raise InputError(f"{path}: the file is empty; write a {what} into it (docs/reference.md shows one)")
    return text


def parse_yaml(text: str, source: str) -> Any:
    """Parses one YAML 1.2 document safely.

    Raises:
      InputError: the syntax is wrong, a key is there twice, or aliases make it huge; names the line.
    """
    try:
        # what `YAML.load` does, with a look at the document between its two halves
        constructor, _ = YAML(typ="safe", pure=True).get_constructor_parser(text)
        node = constructor.composer.get_single_node()
        if node is None:
            return None
        _check_aliases(node, source)
        return constructor.construct_document(node)
    except InputError:
        raise
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else "a key"
        raise InputError(f"{source}:{line}: the key {key!r} is there twice; keep one of them") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InputError(f"{source}:{line}: not valid YAML: {error.problem or error.context}; mend that line") from None
    except RecursionError:
        raise InputError(f"{source}: is nested too deeply; write it with fewer brackets") from None
    except (YAMLError, UnicodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{source}: not valid YAML: {first}; save it as plain UTF-8 text") from None
    except TypeError:  # a list or a mapping where a key must be
        raise InputError(f"{source}: a key of a mapping is no word and no number; write `key: value`") from None
    except Exception as error:  # what a tag such as !!bool makes of a text that it does not fit is not foreseeable
        raise InputError(f"{source}: a value cannot be read ({_reason(error)}); write it without a tag") from None


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:80]


def _check_aliases(document: Node, source: str) -> None:
    """Demands that a document stays small with every alias written out: each level of them may multiply it."""
    sizes: dict[int, int] = {}
    own = 0

    def size(node: Node) -> int:
        nonlocal own
        if id(node) in sizes:
            if not sizes[id(node)]:
                line = node.start_mark.line + 1
                raise InputError(f"{source}:{line}: an anchor stands for what it is itself in; write it out")
            return sizes[id(node)]
        own += 1
        sizes[id(node)] = 0  # under way
        total = 1
        if isinstance(node, MappingNode):
            for key, value in node.value:
                total += size(key) + size(value)
        elif isinstance(node, SequenceNode):
            for value in node.value:
                total += size(value)
        sizes[id(node)] = total
        return total

    if size(document) > own + MOST_COPIES:
        raise InputError(
            f"{source}: its aliases (`*name`) stand for more than {MOST_COPIES:,} values; write out what is meant"
        )


@lru_cache(maxsize=4)
def _composed(text: str) -> Any:
    return YAML(typ="safe", pure=True).compose(text)


def line_of(text: str, loc: tuple[int | str, ...]) -> int | None:
    """The line of the deepest part of a path that the YAML text has."""
    line = None
    with suppress(Exception):  # the text has been parsed once already; a line number is a courtesy
        node = _composed(text)
        for part in loc:
            if isinstance(node, MappingNode):
                pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
    return line
