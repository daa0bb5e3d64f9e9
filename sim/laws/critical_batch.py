"""The critical batch: beyond it more tokens in a step save few steps.

Steps S and tokens E = S B that reach one loss lie on a hyperbola, (S/S_min - 1)(E/E_min - 1) = 1, and
B_crit = E_min/S_min: at B = B_crit a run takes twice the fewest steps and twice the fewest tokens.

Source: arXiv 1812.06162 (McCandlish et al. 2018), equation 2.12; arXiv 2001.08361, equations 1.4 and 5.3 to 5.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from .values import Values


@dataclass(frozen=True)
class CriticalBatch:
    """B_crit = B* / L^(1/a_B).

    Attributes:
      tokens: B* [tokens].
      exponent: a_B.
    """

    tokens: float
    exponent: float

    def at(self, loss: Values) -> Values:
        """B_crit at a loss [tokens]."""
        value: Values = self.tokens * loss ** (-1 / self.exponent)
        return value


KAPLAN = CriticalBatch(tokens=2e8, exponent=0.21)


def critical_batch_tokens(loss: Values) -> Values:
    """Batch at which a run to this loss takes twice the fewest steps: 2e8 / L^(1/0.21).

    Example: at a loss of 2.5 nats, 2e8 / 2.5^4.76 = 2.5e6 tokens.

    Args:
      loss: L [nats per token], any shape.

    Returns:
      B_crit [tokens].
    Source: arXiv 2001.08361, equation 1.4.
    Limits: WebText2 and Adam, losses above 2; elsewhere only the order of magnitude. It is far above the best batches
      of the DiLoCo sweeps, which minimise the loss for given tokens.
    """
    return KAPLAN.at(loss)


def step_share(batch_tokens: Values, critical_tokens: Values) -> Values:
    """S_min/S, the worth of a step at batch B relative to one at an infinite batch: 1/(1 + B_crit/B)."""
    value: Values = 1 / (1 + critical_tokens / batch_tokens)
    return value


def token_share(batch_tokens: Values, critical_tokens: Values) -> Values:
    """E_min/E, the worth of a token at batch B relative to one at a tiny batch: 1/(1 + B/B_crit)."""
    value: Values = 1 / (1 + batch_tokens / critical_tokens)
    return value


def steps_at_batch(min_steps: Values, batch_tokens: Values, critical_tokens: Values) -> Values:
    """Steps at batch B to the loss that an infinite batch reaches in S_min: S = S_min (1 + B_crit/B).

    Args:
      min_steps: S_min, any shape.
      batch_tokens: B [tokens].
      critical_tokens: B_crit [tokens].

    Returns:
      S.
    Source: arXiv 2001.08361, equation 5.4.
    """
    return min_steps / step_share(batch_tokens, critical_tokens)


def tokens_at_batch(min_tokens: Values, batch_tokens: Values, critical_tokens: Values) -> Values:
    """Tokens at batch B to the loss that a tiny batch reaches with E_min: E = E_min (1 + B/B_crit) [tokens].

    Args:
      min_tokens: E_min [tokens], any shape.
      batch_tokens: B [tokens].
      critical_tokens: B_crit [tokens].
    Source: arXiv 2001.08361, equation 5.5.
    """
    return min_tokens / token_share(batch_tokens, critical_tokens)
