"""A strategy's label in its two parts."""

from __future__ import annotations

import re

from .model import Column


def parts(label: str) -> tuple[str, str]:
    """The name of a strategy, and its parameters: from the first word that is not capitalised like a name."""
    name, *parameters = re.split(r" (?![A-Z][A-Za-z-]+(?: |$))", label, maxsplit=1)
    return name, "".join(parameters)


COLUMNS = (Column("Strategy"), Column("Parameters", folds=True))
"""The columns that `parts` fill."""
