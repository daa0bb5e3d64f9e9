"""The option of the command line for each argument of a question; the only place that knows both."""

from __future__ import annotations

from ..errors import InputError

_OTHERWISE = {
    "strategies": "--strategy",
    "settings": "--set",
    "targets": "--target",
    "target_losses": "--target-loss",
    "rules": "--rule",
    "rounds": "--timeline-rounds",
}
"""Options whose name differs from their argument: one that may be repeated is called in the singular, and one that
belongs to another names that."""


def as_option(argument: str, value: str = "") -> str:
    """`target_losses` -> `--target-loss`; with a value to write, `layers` and `48` -> `--layers 48`."""
    option = _OTHERWISE.get(argument, f"--{argument.replace('_', '-')}")
    return f"{option} {value}" if value else option


def in_options(error: Exception) -> str:
    """The message of an error, with options in place of arguments."""
    return error.told(as_option) if isinstance(error, InputError) else str(error)
