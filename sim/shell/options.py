"""How a command writes the arguments of a question: as its options. The one place where the two are joined."""

from __future__ import annotations

from ..errors import InputError

_OTHERWISE = {
    "strategies": "--strategy",
    "settings": "--set",
    "targets": "--target",
    "target_losses": "--target-loss",
    "rules": "--rule",
}
"""Options that are not called as their argument is: one that may be repeated has the name of one."""


def as_option(argument: str, value: str = "") -> str:
    """`target_losses` -> `--target-loss`; with a value to write, `layers` and `48` -> `--layers 48`."""
    option = _OTHERWISE.get(argument, f"--{argument.replace('_', '-')}")
    return f"{option} {value}" if value else option


def in_options(error: Exception) -> str:
    """What is wrong, in the words of a command line."""
    return error.told(as_option) if isinstance(error, InputError) else str(error)
