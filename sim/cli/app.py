"""`simulate` and its commands: a command is loaded when it is called, and everything heavy inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NoReturn

import typer

from ..shell.exit_codes import run_and_exit
from ..shell.option_groups import grouped
from ..shell.repeated_options import OnceCommand
from .file_or_command import FileOrCommand
from .simulate import simulate

HOMES = {
    "list": "show",
    "import": "importing",
    "show": "show",
    "flows": "flows",
    "bandwidth": "bandwidth",
    "budget": "budget",
    "calibrate": "calibrate",
    "compare": "compare",
    "explain": "explain",
    "fit": "fit",
    "goodput": "goodput",
    "latency": "latency",
    "laws": "laws",
    "predict": "predict",
    "plan": "plan",
    "validate": "validate",
    "reproduce": "reproduce",
    "sweep": "sweep",
    "serve": "serve",
    "schema": "show",
}
"""The module of this package that holds each command; the order is that of `simulate --help`."""
UNLIKE = {"list": "list_", "import": "import_"}
"""Functions of commands whose names are words of Python."""


class Commands(Mapping[str, Any]):
    """Each command by name: a call loads one of them, `simulate --help` loads all."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            function = getattr(import_module(f".{HOMES[name]}", __package__), UNLIKE.get(name, name))
            alone = typer.Typer(add_completion=False, **SETTINGS)
            alone.command(name, cls=OnceCommand)(grouped(function))
            self._loaded[name] = typer.main.get_command(alone)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(HOMES)

    def __len__(self) -> int:
        return len(HOMES)


class Simulate(FileOrCommand):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()  # type: ignore[assignment]  # nobody adds a command later


SETTINGS: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(cls=Simulate, subcommand_metavar="[FILE | COMMAND [ARGS]...]", **SETTINGS)
app.callback(invoke_without_command=True)(grouped(simulate))


def main() -> NoReturn:
    """Runs the command and turns every outcome into an exit code."""
    run_and_exit(lambda: app(prog_name="simulate"))
