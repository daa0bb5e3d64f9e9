"""The split of documents into training and held-out text, by their text alone.

A document is held out if the hash of its text is below the fraction asked for. So copies of a document are on the same
side, a corpus that grows keeps all documents on their side, and all hosts and later runs agree. The first document is
always used for training, so that a corpus of one document can be trained on (and has nothing held out).

Limits: whole documents are drawn, so the held-out share of the tokens varies around the fraction, widely if documents
are few or of very different lengths.
"""

from __future__ import annotations

import hashlib
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
      first: hash of the corpus's first document.
    """

    fraction: float
    first: int

    def held_out(self, text: str) -> bool:
        """Whether a document is held out from training."""
        own = _hash(text)
        return own < self.fraction * 2**_BITS and own != self.first


EVERYTHING = Split(1.0, -1)
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
            return Split(fraction, _hash(text))
    raise InputError(f"--corpus {corpus.source}: holds no text; give another corpus")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(_SALT + text.encode("utf-8")).digest()[: _BITS // 8], "big")
