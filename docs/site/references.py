"""The references of the site, made from the code: every command's --help, and the docstrings of the Python API."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_origin

from pydantic import BaseModel
from typer import Context
from typer.main import get_command

import crosshaul
from sim.cli.app import app as simulate
from sim.units import quantities
from trainer.cli.evaluate_checkpoint import evaluation_app
from trainer.cli.record_trace import app as record_trace

PROGRAMS = {"simulate": simulate, "record-trace": record_trace, "evaluate-checkpoint": evaluation_app(load=None)}
"""Commands that are installed, and their apps (the last one reads no checkpoint here)."""
HOMES = {
    "Questions": "sim.api.questions sim.api.planning sim.api.sweeps",
    "What is given": "sim.api.given sim.scenario sim.topology sim.workload",
    "Strategies": "sim.strategies",
    "Answers": "sim.api.answers sim.api.runs sim.api.swept sim.simulation",
    "Recording": "crosshaul.recorder",
    "Errors": "sim.errors",
}
"""Sections of the Python API, and the packages whose public names stand in each."""


SECTIONS = ["Source", "Limits"]
"""Sections of docstrings beside those of Google's style."""

METHODS = ["column", "records", "table", "to_json", "to_pandas", "vary"]
"""What is called on an answer or a scenario; the classmethods of a class make one, but for those that follow."""
INTERNAL = ["of", "public_keys"]


def command_line() -> str:
    """Every command with its usage, its help and its options, as Markdown."""
    return "\n".join(text for name, app in PROGRAMS.items() for text in _command(name, get_command(app), "##"))


def python_api() -> str:
    """Every public name with its docstring: directives for autodoc, as Markdown, and a table of the constants."""
    objects = {name: getattr(crosshaul, name) for name in crosshaul.__all__}
    texts = []
    for section, homes in HOMES.items():
        own = [name for name, each in objects.items() if _home(each).startswith(tuple(homes.split()))]
        texts += [f"## {section}", "```{eval-rst}", *(_directive(name, objects[name]) for name in own), "```"]
    units = [f"| `{name}` | {value:,.15g} |" for name, value in objects.items() if isinstance(value, int | float)]
    return "\n".join([*texts, "## Constants", "", "| name | in SI base units |", "|---|---|", *units, ""])


REFERENCES: dict[str, Callable[[], str]] = {"docs/cli": command_line, "docs/python-api": python_api}


def alias_names() -> dict[str, str]:
    """Names of quantities with a unit, for autodoc to print in the place of what they stand for."""
    return {name: name for name, value in vars(quantities).items() if get_origin(value) is Annotated}


def as_sphinx_reads(_app: Any, what: str, name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Turns a docstring in Google's style, with the sections of this house, into what Sphinx reads.

    The text beside a field has no sections. Napoleon would take what stands before its first colon for a type.
    """
    if what in ("attribute", "property"):
        lines += _written(*name.split(".")[1:])
        return
    from sphinx.ext.napoleon import Config, GoogleDocstring

    given = list(lines)
    lines.clear()
    for line in given:
        head, _, rest = line.partition(": ")
        lines += ["", f"{head}:", f"  {rest}"] if head in SECTIONS else [line]
    lines[:] = GoogleDocstring(lines, Config(napoleon_custom_sections=SECTIONS), what=what).lines()


def as_people_read(_app: Any, _what: str, _name: str, thing: Any, _options: Any, heading: str, gives: str) -> Any:
    """The parameters in a heading: none for a model, whose fields have lines of their own; types by their names."""
    if isinstance(thing, type) and issubclass(thing, BaseModel):
        return "", None
    return (re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", heading), gives) if heading else None


def _command(name: str, command: Any, heading: str) -> Iterator[str]:
    context = Context(command)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield from (
        f"{heading} {name}",
        "",
        "```text",
        usage,
        "```",
        "",
        _options_as_code(inspect.cleandoc(command.help or "")),
        "",
    )
    for parameter in command.get_params(context):
        parameter.hidden = False  # options that only --help-all shows are here, too
        record = parameter.get_help_record(context)
        if record:
            yield from (f"`{record[0]}`", f": {_options_as_code(record[1])}", "")
    for each in getattr(command, "commands", {}).values():
        yield from _command(f"{name} {each.name}", each, "###")


def _options_as_code(words: str) -> str:
    """Text of a help in which every option is code: two hyphens in prose would become a dash."""
    return re.sub(r"(?<![`\w-])--[\w-]+", r"`\g<0>`", words)


def _home(thing: Any) -> str:
    return "" if isinstance(thing, int | float) else str(thing.__module__)


def _written(owner: str, name: str) -> list[str]:
    """How a field is written where that is not its name, and what it is unless given."""
    field = getattr(crosshaul, owner).model_fields[name]
    alias = [f"Written `{field.alias}`."] if field.alias not in (None, name) else []
    plain = not field.is_required() and isinstance(field.default, int | float | str)
    return ["", " ".join([*alias, *([f"Unless given: {field.default}."] if plain else [])])]


def _directive(name: str, thing: Any) -> str:
    if not isinstance(thing, type):
        return f".. autofunction:: crosshaul.{name}\n"
    members = [f"   .. {kind}:: crosshaul.{name}.{member}\n" for kind, member in _members(thing)]
    return "\n".join([f".. autoclass:: crosshaul.{name}\n", *members])


def _members(thing: type) -> Iterator[tuple[str, str]]:
    """What stands below a class, as directives and names: the fields of a model, and what is called on it."""
    yield from (("autoattribute", field) for field in getattr(thing, "model_fields", {}))
    for name, member in inspect.getmembers(thing, inspect.isroutine):
        ours = str(getattr(member, "__module__", "")).startswith("sim.") and not name.startswith("_")
        if ours and (name in METHODS or (inspect.ismethod(member) and name not in INTERNAL)):
            yield "automethod", name
