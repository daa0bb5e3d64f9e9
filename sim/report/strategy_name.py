"""A strategy's label in its two parts."""

from __future__ import annotations

from ..strategies import STRATEGIES
from .model import Column


def parts(kind: str, label: str) -> tuple[str, str]:
    """The name of a strategy, and what its label says behind it: parameters, and a number where labels are alike."""
    name = STRATEGIES[kind].name
    return name, label.removeprefix(name).lstrip()


COLUMNS = (Column("Strategy"), Column("Parameters", folds=True))
"""The columns that `parts` fill."""
