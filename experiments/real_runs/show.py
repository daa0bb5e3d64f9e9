"""A run as a scenario file, with its source, its licence, what was measured and the doubts as comments."""

from __future__ import annotations

import textwrap

import yaml

from sim.errors import InputError

from .predict import all_runs
from .runs import HERE, Run, Terms

_WIDTH = 110


def sources() -> dict[str, dict[str, str]]:
    """What stands behind the runs of each source."""
    found: dict[str, dict[str, str]] = yaml.safe_load((HERE / "sources.yaml").read_text())
    return found


def text(run: Run) -> str:
    """The scenario of a run as YAML that `simulate --scenario` takes."""
    behind = sources()[run.source]
    known = ", ".join(f"{name} {value:.6g}" for name, value in run.measured.items()) or "held back"
    many = f" ({run.parts} in this scenario)" if run.parts > 1 else ""
    words = {"run": run.id, "results": f"{known} (wall_s: {run.part}{many})", **behind}
    lines = [line for key, value in words.items() for line in textwrap.wrap(f"{key}: {value}", _WIDTH)]
    return "".join(f"# {line}\n" for line in lines) + yaml.safe_dump(run.document, sort_keys=False, width=_WIDTH)


def named(name: str, terms: Terms) -> Run:
    """A run by its name, or by source/name.

    Raises:
      InputError: there is none, or there are several.
    """
    every = all_runs(terms)
    found = [run for run in every if name in (run.id, run.name)]
    if len(found) != 1:
        near = [run.id for run in every if name in run.id][:5]
        hint = f"perhaps {', '.join(near)}" if near else "`python -m experiments.real_runs list` names them"
        raise InputError(f"there is no run {name!r}; {hint}")
    return found[0]
