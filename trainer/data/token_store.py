"""A corpus as two rows of tokens, for training and held out, cached on disk and read through memory maps.

Documents are joined, with an end-of-document token after each. Tokens are made once, part by part; a part is complete
when the file of its counts exists, so an interrupted run continues with the next part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .cache import cache_directory, keep
from .corpus import Corpus
from .held_out import Split
from .tokenizers import Tokenizer, pack

_FORMAT_VERSION = 1
_PART_CHARACTERS = 32_000_000
_SMALL_VOCAB = 2**16


class Row(Protocol):
    """A long row of tokens of which slices are read: an array, or a `TokenRow`."""

    def __len__(self) -> int:
        """Tokens in the row."""

    def __getitem__(self, span: slice, /) -> NDArray[Any]:
        """The tokens from `span.start` up to `span.stop`."""


class TokenRow:
    """Arrays of tokens, one after the other, seen as one row.

    Args:
      parts: the arrays, memory-mapped or not.
    """

    def __init__(self, parts: Sequence[NDArray[Any]]) -> None:
        self._parts = [part for part in parts if len(part)] or [np.zeros(0, np.uint16)]
        self._ends = np.cumsum([len(part) for part in self._parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, span: slice, /) -> NDArray[Any]:
        begin, end, _ = span.indices(len(self))
        found = []
        for number in range(int(np.searchsorted(self._ends, begin, side="right")), len(self._parts)):
            offset = int(self._ends[number]) - len(self._parts[number])
            if offset >= end:
                break
            found.append(self._parts[number][max(begin - offset, 0) : end - offset])
        return np.concatenate(found) if found else self._parts[0][:0]


@dataclass(frozen=True)
class Share:
    """One side of the split.

    Attributes:
      tokens: its row of tokens.
      documents: documents in it.
      text_bytes: their length in UTF-8 [byte].
    """

    tokens: TokenRow
    documents: int
    text_bytes: int


@dataclass(frozen=True)
class TokenizedCorpus:
    """A corpus, split and tokenized.

    Attributes:
      train, held_out: the two sides.
    """

    train: Share
    held_out: Share


def tokenize(corpus: Corpus, tokenizer: Tokenizer, split: Split) -> TokenizedCorpus:
    """Tokenizes a corpus; takes from the cache what was tokenized before.

    Args:
      corpus: the text.
      tokenizer: makes the tokens.
      split: decides which documents are held out.

    Raises:
      InputError: the text cannot be read.
    """
    said = f"{_FORMAT_VERSION} {_PART_CHARACTERS} {tokenizer.digest} {corpus.digest} {split.fraction!r}"
    if len(split.firsts) > 1:  # those of other corpora decide, too
        said += f" {sorted(split.firsts)}"
    name = f"tokens-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
    maker = _Maker(corpus, tokenizer, split)
    parts: list[_Part] = []
    while not parts or not parts[-1].last:
        parts.append(_part(f"{name}-{len(parts):05d}", maker, sum(part.read for part in parts)))
    sides = [
        Share(
            TokenRow([part.tokens[side] for part in parts]),
            documents=sum(part.documents[side] for part in parts),
            text_bytes=sum(part.text_bytes[side] for part in parts),
        )
        for side in (0, 1)
    ]
    return TokenizedCorpus(*sides)


@dataclass(frozen=True)
class _Part:
    """Consecutive documents of a corpus; pairs are (train, held out)."""

    read: int
    documents: tuple[int, int]
    text_bytes: tuple[int, int]
    tokens: tuple[NDArray[Any], NDArray[Any]]
    last: bool


class _Maker:
    """Makes the parts of a corpus in order; the corpus is read once."""

    def __init__(self, corpus: Corpus, tokenizer: Tokenizer, split: Split) -> None:
        self.dtype: type[Any] = np.uint16 if tokenizer.size <= _SMALL_VOCAB else np.uint32
        self._corpus, self._tokenizer, self._split = corpus, tokenizer, split
        self._open: tuple[int, Iterator[str]] | None = None

    def make(self, first: int) -> _Part:
        """The part that begins with the document of number `first`."""
        stream = self._open[1] if self._open and self._open[0] == first else self._corpus.documents(first)
        sides: tuple[list[str], list[str]] = ([], [])
        read, characters = 0, 0
        for text in stream:
            read += 1
            characters += len(text)
            if text:
                sides[self._split.held_out(text)].append(text)
            if characters >= _PART_CHARACTERS:
                break
        self._open = (first + read, stream)
        train, held_out = sides
        return _Part(
            read=read,
            documents=(len(train), len(held_out)),
            text_bytes=(_bytes(train), _bytes(held_out)),
            tokens=(self._encode(train), self._encode(held_out)),
            last=characters < _PART_CHARACTERS,
        )

    def _encode(self, documents: list[str]) -> NDArray[Any]:
        return pack(self._tokenizer, documents).astype(self.dtype)


def _bytes(documents: list[str]) -> int:
    return sum(len(text.encode("utf-8")) for text in documents)


def _part(name: str, maker: _Maker, first: int) -> _Part:
    """A part from the cache; made first if it is missing. Its counts are written last, to mark it as complete."""
    counts = f"{name}.json"
    files = [f"{name}-{side}.tokens" for side in ("train", "held-out")]
    found = _found(counts, files, maker.dtype)
    if found is not None:
        return found
    part = maker.make(first)
    said = {key: getattr(part, key) for key in ("read", "documents", "text_bytes", "last")}
    content = [tokens.tobytes() for tokens in part.tokens]
    content.append(json.dumps({**said, "lengths": [len(tokens) for tokens in part.tokens]}).encode())
    if all(keep(file, data) for file, data in zip([*files, counts], content, strict=True)):
        return _found(counts, files, maker.dtype) or part
    return part  # a cache that cannot be written: the tokens stay in memory


def _found(counts: str, files: Sequence[str], dtype: type[Any]) -> _Part | None:
    """The part in the cache; None if a file of it is missing or cut short."""
    try:
        said = json.loads((cache_directory() / counts).read_bytes())
        tokens = [_mapped(cache_directory() / file, dtype) for file in files]
        if said["lengths"] != [len(row) for row in tokens]:
            return None
        return _Part(
            read=said["read"],
            documents=tuple(said["documents"]),
            text_bytes=tuple(said["text_bytes"]),
            tokens=(tokens[0], tokens[1]),
            last=said["last"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mapped(path: Path, dtype: type[Any]) -> NDArray[Any]:
    if path.stat().st_size == 0:  # an empty file cannot be mapped
        return np.zeros(0, dtype)
    return np.memmap(path, dtype, mode="r")
