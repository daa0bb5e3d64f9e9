"""Which laws there are, and how each divides compute between parameters and tokens."""

from __future__ import annotations

from dataclasses import dataclass

from ..laws.catalogue import KnownLaw, laws
from ..laws.optimal import allocations

MORE = 10.0
"""So many times the compute, for which factors are told."""


@dataclass(frozen=True)
class Division:
    """How the best N and D grow with compute.

    Attributes:
      law, how, source: as of `sim.laws.optimal.Allocation`.
      params_exponent, tokens_exponent: of N and D against C.
      params_factor, tokens_factor: for ten times the compute.
    """

    law: str
    how: str
    source: str
    params_exponent: float
    tokens_exponent: float
    params_factor: float
    tokens_factor: float


@dataclass(frozen=True)
class Laws:
    """All laws, and what they say of the division of compute."""

    laws: tuple[KnownLaw, ...]
    compute: tuple[Division, ...]


def answer() -> Laws:
    """Every law in `sim.laws`, with the constants that the code computes with."""
    divided = (
        Division(
            each.law,
            each.how,
            each.source,
            each.params_exponent,
            each.tokens_exponent,
            each.params_factor(MORE),
            each.tokens_factor(MORE),
        )
        for each in allocations()
    )
    return Laws(laws(), tuple(divided))
