"""Suggestions for a wrong word: the nearest known one, or the key behind a letter of a label or a paper."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

LETTERS = {
    "M": ("replicas",),
    "H": ("sync_every",),
    "P": ("fragments",),
    "tau": ("overlap_steps",),
    "K": ("quorum",),
    "b": ("payload_bits",),
    "N": ("params",),
    "D": ("tokens",),
    "B": ("batch_tokens",),
    "T": ("steps",),
    "R": ("chips",),
    "Q": ("chip_speed",),
    "L": ("layers", "sequence_length"),
    "lambda": ("overtraining",),
}
"""The keys behind the letters of labels and papers."""


def nearest(word: str, known: Sequence[str]) -> str:
    """A suggestion for a wrong word, and the list of known words."""
    by_letter = [key for key in LETTERS.get(word, ()) if key in known]
    close = by_letter[:1] or difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    listing = ", ".join(known)
    return f"did you mean {close[0]!r}? (known: {listing})" if close else f"known: {listing}"
