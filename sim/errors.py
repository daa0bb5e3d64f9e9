"""What can go wrong, as a tree.

CrosshaulError            everything that this package raises on purpose
├── InputError            the user's input is wrong (the command exits with 2)
└── ReplayError           a replay cannot go on: a fault of a strategy or the engine (exits with 1)

An InputError is also a ValueError, so a pydantic validator may raise it.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_SHOWN = 60
"""Characters of a value that a message shows."""


class CrosshaulError(Exception):
    """Base of every error that crosshaul raises on purpose."""

    exit_code = 1


class InputError(CrosshaulError, ValueError):
    """The user's input is wrong; the message names the file and field and ends with what to do."""

    exit_code = 2


class ReplayError(CrosshaulError):
    """A replay ended with workers still waiting: says who waited for what."""


def brief(value: Any) -> str:
    """A value as a message shows it: a kind and not the contents of what has parts, the beginning of what is long."""
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return repr(shortened(value))
    if isinstance(value, int) and value.bit_length() > 4 * _SHOWN:  # Python may refuse to write it out
        return "a number of very many digits"
    shown = repr(value)
    return shown if len(shown) <= 2 * _SHOWN else f"{shown[: 2 * _SHOWN]}..."


def shortened(text: str) -> str:
    """A text as a message shows it: the beginning of what is long."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def is_plain(character: str) -> bool:
    """Whether a terminal shows a character as itself: no control, no half of one, nothing that turns the text round."""
    kind = unicodedata.category(character)
    return (kind[0] != "C" and kind not in {"Zl", "Zp"}) or character in "\u200c\u200d"  # joiners belong to words


def printable(text: str) -> str:
    """A text for a terminal: what it must not act upon is written out, such as an escape; line feeds and tabs stay."""
    return "".join(each if is_plain(each) or each in "\n\t" else ascii(each)[1:-1] for each in text)
