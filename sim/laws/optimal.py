"""How the best model size and the best tokens grow with compute: N ~ C^p, D ~ C^q, with p + q = 1 where C = 6 N D.

Source: arXiv 2001.08361, equations 1.7, 1.8 and section 6 (Kaplan); arXiv 2203.15556, Table 2 (Chinchilla's
approaches); arXiv 2404.10102 (the refit of approach 3).
"""

from __future__ import annotations

from dataclasses import dataclass

from .chinchilla import CONSTANTS
from .kaplan import STEP_LAWS

KAPLAN_FITTED = (0.73, 0.24, 0.03)
"""Exponents of N, of the batch B and of the steps S against C as Kaplan fitted them to runs; D = B S, so 0.27."""
APPROACHES = {1: (0.50, 0.50), 2: (0.49, 0.51)}
"""Exponents of N and D by Chinchilla's approaches 1 (lowest loss of many runs) and 2 (curves of equal compute)."""


@dataclass(frozen=True)
class Allocation:
    """How compute is best divided by one law or fit.

    Attributes:
      law: its name.
      params_exponent, tokens_exponent: p and q.
      how: whether runs gave them, or the constants of a law.
      source: of the exponents, or of the constants.
    """

    law: str
    params_exponent: float
    tokens_exponent: float
    how: str
    source: str

    def params_factor(self, compute: float) -> float:
        """How many times as many parameters for so many times the compute."""
        return float(compute**self.params_exponent)

    def tokens_factor(self, compute: float) -> float:
        """The same for tokens."""
        return float(compute**self.tokens_exponent)


def parametric_exponents(fit: str) -> tuple[float, float]:
    """Exponents of N and D by L = E + A/N^a + B/D^b: b/(a + b) and a/(a + b).

    Args:
      fit: a key of `chinchilla.CONSTANTS`.
    Source: arXiv 2203.15556, equation 4.
    """
    c = CONSTANTS[fit]
    return c.b / (c.a + c.b), c.a / (c.a + c.b)


def step_law_exponents(law: str) -> tuple[float, float, float]:
    """Exponents of N, B and S against C by L(N, S_min), of runs at the critical batch: a_C/a_N, a_C/a_B, a_C/a_S.

    a_C = 1/(1/a_S + 1/a_B + 1/a_N); the three add up to 1.

    Args:
      law: a key of `kaplan.STEP_LAWS`.
    Source: arXiv 2001.08361, equations 1.7 and 6.5, appendix B.
    """
    c = STEP_LAWS[law]
    a_B = c.batch.exponent
    a_C = 1 / (1 / c.a_S + 1 / a_B + 1 / c.a_N)
    return a_C / c.a_N, a_C / a_B, a_C / c.a_S


def allocations() -> tuple[Allocation, ...]:
    """All of them, the oldest first."""
    N, B, S = KAPLAN_FITTED
    found = [Allocation("kaplan", N, B + S, "fitted to runs", "arXiv 2001.08361, equation 1.8")]
    for law, source in (("kaplan", "arXiv 2001.08361, Table 3"), ("c4", "arXiv 2403.06563")):
        N, B, S = step_law_exponents(law)
        found.append(Allocation(f"{law}-steps", N, B + S, "from the constants", source))
    found += [
        Allocation(f"chinchilla, approach {number}", *exponents, "fitted to runs", "arXiv 2203.15556, Table 2")
        for number, exponents in APPROACHES.items()
    ]
    for name, fit, source in (
        ("chinchilla", "hoffmann", "arXiv 2203.15556, approach 3"),
        ("epoch", "epoch", "arXiv 2404.10102"),
    ):
        found.append(Allocation(name, *parametric_exponents(fit), "from the constants", source))
    return tuple(found)
