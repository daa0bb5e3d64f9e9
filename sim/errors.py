"""What can go wrong, as a tree.

CrosshaulError            everything that this package raises on purpose
├── InputError            the user's input is wrong (the command exits with 2)
└── ReplayError           a replay cannot go on: a fault of a strategy or the engine (exits with 1)

An InputError is also a ValueError, so a pydantic validator may raise it.
"""

from __future__ import annotations


class CrosshaulError(Exception):
    """Base of every error that crosshaul raises on purpose."""

    exit_code = 1


class InputError(CrosshaulError, ValueError):
    """The user's input is wrong; the message names the file and field and ends with what to do."""

    exit_code = 2


class ReplayError(CrosshaulError):
    """A replay ended with workers still waiting: says who waited for what."""
