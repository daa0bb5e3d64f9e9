"""Commands that refuse an option with a single value that is given twice; click would silently take the last one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


def refuse_repeated(command: TyperCommand | TyperGroup, context: typer.Context, arguments: list[str]) -> None:
    """Ends the command with exit code 2 if an option that takes one value is given more than once.

    Args:
      command: the command.
      context: the context of its call.
      arguments: the arguments as given.
    """
    _, _, given = command.make_parser(context).parse_args(args=list(arguments))
    for option, count in Counter(given).items():
        if count > 1 and _takes_one(option):
            context.fail(f"{option.opts[0]} is given {count} times and takes one value; write it once")


def _takes_one(parameter: Any) -> bool:
    """Whether a parameter has a single value: it is no list, and no flag without an opposite."""
    if parameter.param_type_name != "option" or parameter.multiple or parameter.count:
        return False
    return bool(parameter.secondary_opts) or not parameter.is_flag


class OnceCommand(TyperCommand):
    """A command that refuses repeated options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments after the check for repeated options."""
        refuse_repeated(self, ctx, args)
        return super().parse_args(ctx, args)


class OnceGroup(TyperGroup):
    """A command with subcommands that refuses repeated options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments after the check for repeated options."""
        refuse_repeated(self, ctx, args)
        return super().parse_args(ctx, args)
