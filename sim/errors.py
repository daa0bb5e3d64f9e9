"""What can go wrong, as a tree.

CrosshaulError            everything that this package raises on purpose
├── InputError            the user's input is wrong (the command exits with 2)
│   └── ArgumentError     an argument of a question is wrong; a command names it as its option
└── ReplayError           a replay cannot go on: a fault of a strategy or the engine (exits with 1)

An InputError is also a ValueError, so a pydantic validator may raise it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Self

_SHOWN = 60
"""Characters of a value that a message shows."""


class CrosshaulError(Exception):
    """Base of every error that crosshaul raises on purpose."""

    exit_code = 1


class InputError(CrosshaulError, ValueError):
    """The user's input is wrong; the message names the file and field and ends with what to do."""

    exit_code = 2

    def told(self, _: Callable[[str, str], str]) -> str:
        """The message, with each argument written by the caller's way of writing one (there are none here)."""
        return str(self)

    def within(self, where: object) -> InputError:
        """The same mistake, and where it was made in front of it."""
        return InputError(f"{where}: {self}")


class ArgumentError(InputError):
    """An argument of a question is wrong: a program calls it by its name, a command by its option.

    Args:
      template: the message; an argument stands in it as `{days}`, with a value to write as `{layers:48}`.
      values: what else stands in braces; no name of an argument.
    """

    def __init__(self, template: str, /, **values: object) -> None:
        self._template, self._values = template, values
        super().__init__(self.told(lambda name, value: f"{name}={value}" if value else name))

    def told(self, write: Callable[[str, str], str]) -> str:
        """The message, with each argument as `write` writes it: from its name and a value, which may be empty.

        `write("layers", "48")` is `layers=48` for a program and `--layers 48` for a command.
        """
        return self._template.format_map(_Named(self._values, write))

    def within(self, where: object) -> Self:
        """The same mistake, and where it was made in front of it."""
        front = str(where).replace("{", "{{").replace("}", "}}")
        return type(self)(f"{front}: {self._template}", **self._values)


class _Named(dict[str, object]):
    """Values by name; a name without a value is an argument."""

    def __init__(self, values: Mapping[str, object], write: Callable[[str, str], str]) -> None:
        super().__init__(values)
        self._write = write

    def __missing__(self, name: str) -> _Argument:
        return _Argument(name, self._write)


class _Argument:
    """An argument in a message; what stands behind its colon is the value to write."""

    def __init__(self, name: str, write: Callable[[str, str], str]) -> None:
        self._name, self._write = name, write

    def __format__(self, value: str) -> str:
        return self._write(self._name, value)


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
