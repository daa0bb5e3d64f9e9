"""A strategy of a plan, from plain data."""

from __future__ import annotations

from typing import Any

from ...documents.validation import validate
from ...errors import ArgumentError, InputError
from ...strategies import STRATEGIES, AbstractStrategy


def strategy_of(document: dict[str, Any]) -> AbstractStrategy:
    """A strategy that a plan can choose, from plain data.

    Raises:
      InputError: it is no strategy, or deals steps by speed where a plan deals tokens.
    """
    try:
        strategy = validate(STRATEGIES[document["kind"]], document, source=document["kind"])
    except InputError as error:  # one mistake on each line
        lines = {f"line{number}": line for number, line in enumerate(str(error).splitlines())}
        raise ArgumentError("\n".join(f"{{strategies}} {{{name}}}" for name in lines), **lines) from None
    if not strategy.meetings.alike:
        told = (
            "{strategies} {label}: a plan deals the tokens of every batch by speed, so that the steps of all replicas "
            "that wait for each other take as long; leave local_steps out"
        )
        raise ArgumentError(told, label=strategy.label)
    return strategy
