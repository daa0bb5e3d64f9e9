"""The split of documents into training and held-out text, by their text alone.

A document is held out if the hash of its text is below the fraction asked for. So copies of a document are on the same
side, a corpus that grows keeps all documents on their side, and all hosts and later runs agree. The first document is
always used for training, so that a corpus of one document can be trained on (and has nothing held out).

Limits: whole documents are drawn, so the held-out share of the tokens varies around the fraction, widely if documents
are few or of very different lengths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sim.errors import InputError

from .corpus import Corpus

_SALT = b"held-out 1 "
_BITS = 64


@dataclass(frozen=True)
class Split:
    """A rule for training and held-out documents.

    Attributes:
      fraction: share of the documents that is held out.
      firsts: hash of the corpus's first document; of several corpora one for each.
    """

    fraction: float
    firsts: frozenset[int]

    def held_out(self, text: str) -> bool:
        """Whether a document is held out from training."""
        own = _hash(text)
        return own < self.fraction * 2**_BITS and own not in self.firsts


EVERYTHING = Split(1.0, frozenset())
"""Holds out every document, the first one, too: for a text that is only evaluated on."""


def split_of(corpus: Corpus, fraction: float) -> Split:
    """The split of a corpus.

    Args:
      corpus: the text; it is read up to its first document.
      fraction: share of the documents to hold out, from 0 up to 1.

    Raises:
      InputError: the corpus holds no text.
    """
    for text in corpus.documents():
        if text:
            return Split(fraction, frozenset({_hash(text)}))
    raise InputError(f"--corpus {corpus.source}: holds no text; give another corpus")


def shared(splits: Sequence[Split]) -> Split:
    """One split for several corpora, so that a document that is in two of them is on the same side of both.

    Args:
      splits: their own splits, of one fraction.
    """
    return Split(splits[0].fraction, frozenset().union(*(split.firsts for split in splits)))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(_SALT + text.encode("utf-8")).digest()[: _BITS // 8], "big")
