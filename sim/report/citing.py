"""What an answer rests on, as BibTeX: algorithms, laws and data, found in the answer itself.

An answer names what it used: the strategies of its rows, a loss where a law gave one, and in its notes and in the
sources of its topology the publications by their number at arXiv. The entries are in `references.bib`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any

from ..laws.catalogue import laws
from ..strategies import STRATEGIES
from .model import Report
from .render.json import render

_ARXIV = re.compile(r"\b\d{4}\.\d{5}\b")
_ENTRY = re.compile(r"^@\w+\{(?P<key>[^,]+),.*?^\}", re.MULTILINE | re.DOTALL)
_EPRINT = re.compile(r"eprint = \{([^}]+)\}")
_LAW, _RING = "diloco", "patarasuk2009bandwidth"
_LOSSES = ("predicted_loss", "equal_time_loss", "compared_loss")


@cache
def entries() -> Mapping[str, str]:
    """The entries by their keys, and those of arXiv by their numbers, too."""
    text = (resources.files("sim.report") / "references.bib").read_text(encoding="utf-8")
    found = {each["key"]: each[0] for each in _ENTRY.finditer(text)}
    return found | {said[1]: entry for entry in found.values() if (said := _EPRINT.search(entry))}


def bibtex(report: Report) -> str:
    """The entries of all that an answer rests on, each behind the reasons for which it is there."""
    reasons: dict[str, list[str]] = {}
    for reason, name in _rests_on(json.loads(render(report))):
        entry = entries().get(name) or f"@misc{{arxiv{name},\n  eprint = {{{name}}}, archivePrefix = {{arXiv}}\n}}"
        told = reasons.setdefault(entry, [])
        if reason not in told:
            told.append(reason)
    return "\n".join(f"% {'; '.join(told)}\n{entry}\n" for entry, told in [(_own(), ["computed by"]), *reasons.items()])


def _own() -> str:
    return (
        "@software{crosshaul,\n"
        "  title = {crosshaul: multi-datacenter network and wall-clock simulator for language-model training},\n"
        f"  author = {{{{The crosshaul authors}}}},\n  version = {{{version('crosshaul')}}}\n}}"
    )


def _rests_on(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Reasons, each with the key or the number of an entry."""
    for key, value in _leaves(document):
        if key == "strategy" and value in STRATEGIES:
            kind = STRATEGIES[value]
            yield from ((f"strategy {kind.name}", each) for each in kind.cites)
        elif key == "law" and isinstance(value, str):
            yield from _of_law(value)
        elif key in _LOSSES and isinstance(value, int | float) and "law" not in document:
            yield from _of_law(_LAW)
        elif key == "collective" and isinstance(value, str) and "ring" in value:
            yield "all-reduce by a ring", _RING
        elif isinstance(value, str):
            where = "data of the topology" if key == "source" else "named in the notes"
            yield from ((where, each) for each in _ARXIV.findall(value))


def _of_law(name: str) -> Iterator[tuple[str, str]]:
    """The sources of a law, by its name, or by what its name begins with (`c4`)."""
    for law in laws():
        if law.name == name or law.name.startswith(f"{name}-"):
            yield from ((f"law {law.name}", each) for each in _ARXIV.findall(law.source))


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All values of a document, each with the nearest key above it; percentiles of a loss are of that loss."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(each, key if key in _LOSSES else name)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, key)
    else:
        yield key, value
