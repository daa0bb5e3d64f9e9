"""Files and YAML as plain data: of bounded size, with every mistake named by file and line.

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
"""The largest file that is read as a whole: a measured bandwidth of some million points."""
MOST_YAML_BYTES = 4 << 20
"""The largest YAML document: some ten thousand links, written out."""
MOST_COPIES = 100_000
"""The most values that the aliases of a document may add to it."""


_READ: ContextVar[set[tuple[int, int]] | None] = ContextVar("_READ", default=None)
"""Device and inode of every regular file that the current command has read; None outside of a command."""


@contextmanager
def noting_reads() -> Iterator[None]:
    """Notes the files that are read in the context, so that a result never overwrites a file that it was made from."""
    before = _READ.set(set())
    try:
        yield
    finally:
        _READ.reset(before)


def note_read(path: Path) -> None:
    """Notes that a file is read; other names of the same file count, too."""
    read = _READ.get()
    with suppress(OSError, ValueError):
        if read is not None and path.is_file():
            read.add(_identity(path))


def was_read(path: Path) -> bool:
    """Whether a file has been read, under this or another name."""
    with suppress(OSError, ValueError):
        return _identity(path) in (_READ.get() or ())
    return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def exists(path: Path) -> bool:
    """Whether a file exists; False for a name that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_text(path: Path, what: str, most_bytes: int = MOST_BYTES) -> str:
    """Reads a text file.

    Args:
      path: the file.
      what: the kind of file, for messages.
      most_bytes: the largest size that is read; a device may have no end.

    Raises:
      InputError: it is missing, a directory, not permitted, not text, empty, or too large.
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
        raise InputError(f"{path}: is larger than {most_bytes >> 20} MiB, too large for a {what}; check the path")
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
      InputError: the syntax is wrong, a key occurs twice, or aliases make it too large; the message names the line.
    """
    try:
        # as `YAML.load` does it, with a check of the document between its two halves
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
        raise InputError(f"{source}:{line}: the key {key!r} occurs twice; keep one of them") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InputError(f"{source}:{line}: not valid YAML: {error.problem or error.context}; fix that line") from None
    except RecursionError:
        raise InputError(f"{source}: is nested too deeply; write it with fewer brackets") from None
    except (YAMLError, UnicodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{source}: not valid YAML: {first}; save it as plain UTF-8 text") from None
    except TypeError:  # a list or a mapping as a key
        raise InputError(f"{source}: a key of a mapping is neither a word nor a number; write `key: value`") from None
    except Exception as error:  # tags such as !!bool raise various exceptions for texts that do not fit them
        raise InputError(f"{source}: a value cannot be read ({_reason(error)}); write it without a tag") from None


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:80]


def _check_aliases(document: Node, source: str) -> None:
    """Checks the size of a document with every alias written out; each level of aliases may multiply it."""
    sizes: dict[int, int] = {}
    own = 0

    def size(node: Node) -> int:
        nonlocal own
        if id(node) in sizes:
            if not sizes[id(node)]:
                line = node.start_mark.line + 1
                raise InputError(f"{source}:{line}: an anchor contains itself; write it out")
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
        raise InputError(f"{source}: its aliases (`*name`) stand for more than {MOST_COPIES:,} values; write them out")


@lru_cache(maxsize=4)
def _composed(text: str) -> Any:
    return YAML(typ="safe", pure=True).compose(text)


def line_of(text: str, loc: tuple[int | str, ...]) -> int | None:
    """The line of the deepest part of a path that exists in the YAML text."""
    line = None
    with suppress(Exception):  # the line is optional in a message
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
