"""`simulate mine.yaml` beside `simulate plan`: the first word is a command, or the file that --scenario names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..shell.repeated_options import OnceGroup
from .names import option_for

_ENDINGS = (".yaml", ".yml", ".json", ".jsonl", ".gz", ".csv", ".html")


class FileOrCommand(OnceGroup):
    """The group of all commands, which takes a file in the place of one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments, with a file written as the option that it stands for."""
        return super().parse_args(ctx, self._with_option(ctx, list(args)))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Finds the command; a name that belongs to an option is told where it goes."""
        word = args[0] if args else ""
        if word not in self.commands and (option := option_for(word)):
            ctx.fail(f"{word!r} is no command; write {option} {word.lower()}")
        return super().resolve_command(ctx, args)

    def _with_option(self, ctx: Any, args: list[str]) -> list[str]:
        _, rest, _ = self.make_parser(ctx).parse_args(args=list(args))
        if not rest or rest[0] in self.commands or not _is_file(rest[0]):
            return args
        before = args[: len(args) - len(rest)]
        return self._with_option(ctx, [*(word for word in before if word != "--"), "--scenario", *rest])


def _is_file(word: str) -> bool:
    try:
        return word.endswith(_ENDINGS) or "/" in word or Path(word).is_file()
    except (OSError, ValueError):  # no file can have such a name
        return False
