"""The training algorithms by name, and what a configuration depends on of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

AlgorithmName = Literal["data-parallel", "diloco", "streaming-diloco", "eager-diloco"]


@dataclass(frozen=True)
class Kind:
    """What the fields of a run depend on, of its algorithm.

    Attributes:
      law: whose published fits give its batch and its rates (`recipe.py`).
      outer_steps: whether there are outer steps, and so replicas that train by themselves.
      fragments: whether the parameters are exchanged in fragments, which may overlap inner steps.
    """

    law: Literal["data-parallel", "diloco"]
    outer_steps: bool = True
    fragments: bool = False


KINDS: dict[AlgorithmName, Kind] = {
    "data-parallel": Kind("data-parallel", outer_steps=False),
    "diloco": Kind("diloco"),
    "streaming-diloco": Kind("diloco", fragments=True),
    "eager-diloco": Kind("diloco"),
}


def find_kind(name: Any) -> Kind | None:
    """That of an algorithm's name as somebody wrote it; None if it is no name of one."""
    return next((kind for known, kind in KINDS.items() if known == name), None)
