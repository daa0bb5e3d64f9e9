"""Commands that refuse an option given twice where one value is taken; otherwise the last would win without a word."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


def refuse_repeated(command: TyperCommand | TyperGroup, context: typer.Context, arguments: list[str]) -> None:
    """Ends the command with exit code 2 if an option that takes one value is there more than once.

    Args:
      command: whose options these are.
      context: of its call.
      arguments: as given.
    """
    _, _, given = command.make_parser(context).parse_args(args=list(arguments))
    for option, count in Counter(given).items():
        if count > 1 and _takes_one(option):
            context.fail(f"{option.opts[0]} is given {count} times and takes one value; keep one of them")


def _takes_one(parameter: Any) -> bool:
    """Whether a parameter holds one value: no list, and no flag that can only be set."""
    if parameter.param_type_name != "option" or parameter.multiple or parameter.count:
        return False
    return bool(parameter.secondary_opts) or not parameter.is_flag


class OnceCommand(TyperCommand):
    """A command whose options take each value once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments, after none of them was found twice."""
        refuse_repeated(self, ctx, args)
        return super().parse_args(ctx, args)


class OnceGroup(TyperGroup):
    """A command with commands below it, whose own options take each value once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments, after none of them was found twice."""
        refuse_repeated(self, ctx, args)
        return super().parse_args(ctx, args)
