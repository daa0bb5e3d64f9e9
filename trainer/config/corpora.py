"""The texts of a run: one, or several with their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from sim.documents.validation import Name
from sim.errors import InputError, brief

_EXAMPLE = "--corpus docstrings=0.7 --corpus packages=0.3"


def _checked(value: Any) -> Any:
    """One name, or weights by name in the order of the names; a single corpus with a weight is the corpus alone."""
    if not isinstance(value, Mapping):
        if value == "":
            raise InputError("got ''; write a name or a path")
        return value
    if not value:
        raise InputError("has no text; write a name, or weights by name")
    for name, weight in value.items():
        if not isinstance(name, str) or not name:
            raise InputError(f"got {brief(name)} as a text; write a name or a path")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight) or weight < 0:
            raise InputError(
                f"{brief(name)}: got the weight {brief(weight)}; write a number above 0, or 0 to evaluate on "
                "it without training"
            )
    if not sum(value.values()) > 0:
        raise InputError("all weights are 0; write at least one above it")
    return next(iter(value)) if len(value) == 1 else {name: float(value[name]) for name in sorted(value)}


Corpora: TypeAlias = Annotated[str | dict[Name, float], BeforeValidator(_checked)]
"""The name of a text, or several names with weights, of which their sum does not matter."""


def corpora_of(given: Sequence[str]) -> str | dict[str, float]:
    """What the options `--corpus` say: one text, or several `TEXT=WEIGHT`.

    A text whose own name ends like a weight is one if there is such a file.

    Args:
      given: the values in their order.

    Raises:
      InputError: one of several has no weight, or a text is there twice.
    """
    if len(given) == 1 and _weighted(given[0]) is None:
        return given[0]
    found: dict[str, float] = {}
    for each in given:
        weighted = _weighted(each)
        if weighted is None:
            raise InputError(f"--corpus {each}: has no weight, which each of several texts needs; write {_EXAMPLE}")
        name, weight = weighted
        if name in found:
            raise InputError(f"--corpus {each}: {name} is there twice; write it once, with the sum of both weights")
        found[name] = weight
    return found


def _weighted(text: str) -> tuple[str, float] | None:
    """Name and weight; None where there is no weight."""
    name, mark, number = text.rpartition("=")
    try:
        weight = float(number)
        there = Path(text).exists()
    except (ValueError, OSError):
        return None
    return None if not mark or not name or there else (name, weight)
